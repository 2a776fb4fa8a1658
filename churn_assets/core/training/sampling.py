"""Which customers a model learns from where a history holds more rows than are wanted.

Whole customers are taken, by a stable hash of their id: the same ones on every day and in every table,
whatever they did. So the base rate stays what it is, and probabilities need no correction; what is
counted (rows, churners, the gates' bounds, intervals) are the rows that were used.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.hashing import stable_hash

__all__ = ["in_sample", "sample_rate"]

PARTS = 10_000  # a rate is a whole number of them, so that it is the same wherever it is written down
SALT = "training sample."


def sample_rate(rows: int, max_rows: int | None) -> float:
    """The share of the customers that gives about `max_rows` of `rows` rows; 1 where they are no more than that."""
    if max_rows is None or rows <= max_rows:
        return 1.0
    return max(1, PARTS * max_rows // rows) / PARTS


def in_sample(ids: pa.Array | pa.ChunkedArray, rate: float) -> NDArray[np.bool_]:
    """Which of the customers `ids` (n) belong to a sample of `rate`; a larger one holds every smaller one."""
    taken: NDArray[np.bool_] = stable_hash(ids, SALT) % PARTS < round(rate * PARTS)
    return taken
