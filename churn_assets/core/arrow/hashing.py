"""A stable hash of customers' ids: who is held out, kept for calibration or tried is the same wherever it is asked."""

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.conversion import id_texts

__all__ = ["hashed_id", "stable_hash"]

HELD_OUT = "0123456789123456"  # pandas' own key
HASH_DIGITS = 12


def stable_hash(ids: pa.Array | pa.ChunkedArray, salt: str = HELD_OUT) -> NDArray[np.uint64]:
    """A number for each of `ids` (n), of whatever type; a salt has sixteen characters, and draws of its own."""
    texts = np.asarray(id_texts(ids).to_pylist(), dtype=object)
    hashes: NDArray[np.uint64] = pd.util.hash_array(texts, hash_key=salt, categorize=False)
    return hashes


def hashed_id(text: str) -> str:
    """How a customer is named outside the tables: by the first digits of the SHA-256 of the id."""
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
