"""Which rows a figure of ranks is measured on: enough of each kind, so that its cost does not grow with the history."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["rows_of_each_kind"]


def rows_of_each_kind(churned: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    """The numbers of at most `most` churners and `most` others of `churned` (n), evenly spread, ascending."""
    return np.sort(np.concatenate([_spread(np.flatnonzero(churned == kind), most) for kind in (False, True)]))


def _spread(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    spread: NDArray[np.intp] = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int))]
    return spread
