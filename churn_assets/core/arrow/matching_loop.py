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
        start, size = ends[here], ends[here + 1] - ends[here]
        while there < other_ends.size - 1:
            other, other_size = other_ends[there], other_ends[there + 1] - other_ends[there]
            shared = min(size, other_size)
            text, other_text = content[start : start + shared], other_content[other : other + shared]
            if size == other_size:  # most are met again, and a loop without an exit looks at many bytes at once
                differing = np.uint8(0)
                for at in range(text.size):
                    differing |= text[at] ^ other_text[at]
                if differing == 0:
                    places[here] = there
                    there += 1
                    break
            at = 0
            while at < shared and text[at] == other_text[at]:
                at += 1
            if other_size < size if at == shared else other_text[at] < text[at]:
                there += 1  # the other one is smaller
                continue
            break
