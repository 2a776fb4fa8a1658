"""The compiled loop that counts a night. Importing this module imports numba: import it late."""

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.compiling import compiled
from churn_assets.core.monitoring.summary import NOBODY

__all__ = ["count_tiers"]


@compiled
def count_tiers(
    words: NDArray[np.int32],
    tiers: NDArray[np.uint8],
    before: NDArray[np.uint8],
    probability: NDArray[np.float64],
    counts: NDArray[np.float64],
) -> None:
    """Add customers to `counts`, (words, tiers, 4): how many, the sum of their probabilities, risen, fallen.

    Args:
        words: the number of each one's group, (n).
        tiers: the place of its tier, (n).
        before: the place of its tier on the last scored day, (n), `NOBODY` where it had none.
        probability: its own, (n).
        counts: what is added to.
    """
    for row in range(words.size):
        cell = counts[words[row], tiers[row]]
        cell[0] += 1
        cell[1] += probability[row]
        if before[row] != NOBODY:
            cell[2] += tiers[row] > before[row]
            cell[3] += tiers[row] < before[row]
