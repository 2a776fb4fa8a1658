"""How good probabilities promise to be, before any outcome is known: from their histogram alone.

A probability that is right says how likely its customer is to churn, so that a night's probabilities tell the expected
confusion matrix at every threshold (Garg et al. 2022 and NannyML call such estimates confidence-based). That sees a
shift of the customers. It is blind where the relation of features and churn itself changes: probabilities that are
no longer right promise as much as before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "Promise", "offsets"]

BINS = 1_000
BELOW_BINS = np.nextafter(BINS, 0)  # so that 1 lies in the last bin


@dataclass
class Promise:
    """A histogram of probabilities: how many lie in each of `BINS` equal bins, their sum there, and all `squares`."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    squares: float = 0.0

    def count(self, probability: NDArray[np.float64]) -> None:
        """Add probabilities, (n), each in [0, 1]."""
        at = (probability * BELOW_BINS).astype(np.int64)
        self.counts += np.bincount(at, minlength=BINS)
        self.sums += np.bincount(at, probability, minlength=BINS)
        self.squares += float(np.dot(probability, probability))

    def join(self, more: Self) -> None:
        """Add what another one has counted."""
        self.counts += more.counts
        self.sums += more.sums
        self.squares += more.squares

    @property
    def rows(self) -> int:
        """How many probabilities were counted."""
        return int(self.counts.sum())

    def roc_auc(self) -> float | None:
        """The ROC-AUC to be expected; None where nobody, or everybody, is expected to churn."""
        churners, others = self.sums[::-1], (self.counts - self.sums)[::-1]
        all_churners, all_others = float(churners.sum()), float(others.sum())
        if min(all_churners, all_others) <= 0:
            return None
        found, false = np.cumsum(churners), np.cumsum(others)
        area = np.trapezoid(np.insert(found, 0, 0.0), np.insert(false, 0, 0.0))
        return float(area / (all_churners * all_others))

    def brier(self) -> float | None:
        """The Brier score to be expected; None of no probability."""
        return (float(self.sums.sum()) - self.squares) / self.rows if self.rows else None

    def figures(self, offset: Mapping[str, float]) -> dict[str, float | None]:
        """Both, less the `offset` that a backtest has found; one that it did not name is none."""
        promised = {"roc_auc": self.roc_auc(), "brier": self.brier()}
        return {
            name: None if value is None else float(np.clip(value - offset.get(name, 0.0), 0.0, 1.0))
            for name, value in promised.items()
        }


def offsets(probability: NDArray[np.float64], roc_auc: float, brier: float) -> dict[str, float]:
    """By how much the probabilities of a backtest, (n), promise more than the figures that they came to."""
    promise = Promise()
    promise.count(probability)
    promised = promise.figures({})
    came = {"roc_auc": roc_auc, "brier": brier}
    return {name: value - came[name] for name, value in promised.items() if value is not None}
