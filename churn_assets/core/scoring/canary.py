"""Which customers are scored by the canary: by a stable hash, so that each stays in its arm."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.hashing import stable_hash

__all__ = ["in_canary"]

_SALT = "the canary's arm"


def in_canary(ids: pa.Array | pa.ChunkedArray, share: float) -> NDArray[np.bool_]:
    """Whether each of `ids` (n) belongs to the canary's `share`; a larger share keeps whom a smaller one held."""
    inside: NDArray[np.bool_] = stable_hash(ids, _SALT) < share * 2.0**64
    return inside
