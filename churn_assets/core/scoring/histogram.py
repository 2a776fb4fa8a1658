"""Probabilities counted between edges: one rule wherever it is done. Loads no pandas, for the score service."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["TWENTIETHS", "counts_between"]

TWENTIETHS = tuple(edge / 20 for edge in range(1, 20))


def counts_between(values: NDArray[np.float64], edges: Sequence[float]) -> NDArray[np.int64]:
    """How many of `values` (n, no NaN) lie below the first edge, from each edge up to the next, and from the last on.

    Returns:
        Counts, (edges + 1).
    """
    reaching = [int(np.count_nonzero(values >= edge)) for edge in edges]
    counts: NDArray[np.int64] = -np.diff(np.array([len(values), *reaching, 0]))
    return counts
