"""The compiled loop that counts a night. Importing this module imports numba: import it late."""

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.compiling import compiled

__all__ = ["count_tiers"]


@compiled
def count_tiers(
    words: NDArray[np.int32],
    tiers: NDArray[np.uint8],
    before: NDArray[np.uint8],
    probability: NDArray[np.float64],
    counts: NDArray[np.int64],
    sums: NDArray[np.float64],
) -> None:
    """Add customers to `counts`, (words, tiers, tiers + 1), and their probabilities to `sums`, (words, tiers).

    Args:
        words: the number of each one's group, (n).
        tiers: the place of its tier, (n).
        before: the place of its tier on the last scored day, (n); the number of tiers where it had none.
        probability: its own, (n).
        counts: by the tier before, as the last axis.
        sums: what is added to.
    """
    for row in range(words.size):
        counts[words[row], tiers[row], before[row]] += 1
        sums[words[row], tiers[row]] += probability[row]
