"""Which customers are scored by the canary: by a stable hash, so that each stays in its arm."""

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.frames import id_texts

__all__ = ["in_canary"]

_SALT = "the canary's arm"  # sixteen characters: the arm must not follow the hold-out's hash


def in_canary(ids: pa.Array | pa.ChunkedArray, share: float) -> NDArray[np.bool_]:
    """Whether each of `ids` (n) belongs to the canary's `share`; a larger share keeps whom a smaller one held."""
    texts = np.asarray(id_texts(ids).to_pylist(), dtype=object)
    inside: NDArray[np.bool_] = pd.util.hash_array(texts, hash_key=_SALT, categorize=False) < share * 2.0**64
    return inside
