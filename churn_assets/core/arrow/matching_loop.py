"""The compiled loop that meets sorted ids. Importing this module imports numba: import it late."""

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.compiling import compiled

__all__ = ["match_sorted"]


@compiled
def match_sorted(
    ends: NDArray[np.int32],
    content: NDArray[np.uint8],
    other_ends: NDArray[np.int32],
    other_content: NDArray[np.uint8],
    places: NDArray[np.int64],
) -> None:
    """Set each of `places`, (n), to where the text of `ends` (n + 1) and `content` stands among the others.

    Both ascend by their bytes; a text that does not stand there leaves its place as it is.
    """
    there = 0
    for here in range(places.size):
        start, stop = ends[here], ends[here + 1]
        while there < other_ends.size - 1:
            other, other_stop = other_ends[there], other_ends[there + 1]
            at = start
            while at < stop and other < other_stop and content[at] == other_content[other]:
                at += 1
                other += 1
            if at == stop and other == other_stop:
                places[here] = there
                there += 1
                break
            if other == other_stop or (at < stop and content[at] > other_content[other]):
                there += 1  # the other one is smaller
                continue
            break
