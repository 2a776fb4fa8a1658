"""How sure a figure is: intervals by resampling the customers it was measured on.

Each replicate weighs every customer by a Poisson(1) count, which is the bootstrap of large samples
(Hanley & MacGibbon 2006, "Creating non-parametric bootstrap samples using Poisson frequencies").
Scores are sorted once, so that a replicate costs a pass over the rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.evaluation.results import Interval

__all__ = ["difference_of_roc_auc", "intervals"]

REPLICATES = 200
SEED = 20_091_201  # any: the same customers give the same interval
TAILS = (0.025, 0.975)


@dataclass(frozen=True)
class _Ranked:
    """Customers by descending score; `ends` is where each run of equal scores ends (exclusive)."""

    order: NDArray[np.intp]
    ends: NDArray[np.intp]
    churned: NDArray[np.float64]
    probability: NDArray[np.float64]

    @classmethod
    def of(cls, churned: NDArray[np.bool_], probability: NDArray[np.float64]) -> "_Ranked":
        order = np.argsort(-probability, kind="stable")
        ranked = probability[order]
        ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]) + 1, len(ranked))
        return cls(order, ends, churned[order].astype(float), ranked)

    def _cumulated(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Churners and others that a threshold at the end of each run selects."""
        weighed = weights[self.order]
        churners = np.cumsum(weighed * self.churned)[self.ends - 1]
        return churners, np.cumsum(weighed)[self.ends - 1] - churners

    def roc_auc(self, weights: NDArray[np.float64]) -> float:
        """Area under the ROC curve, ties counted half."""
        churners, others = self._cumulated(weights)
        area = np.trapezoid(np.insert(churners, 0, 0.0), np.insert(others, 0, 0.0))
        return float(area / (churners[-1] * others[-1]))

    def average_precision(self, weights: NDArray[np.float64]) -> float:
        """Mean precision over the churners found."""
        churners, others = self._cumulated(weights)
        found = np.diff(churners, prepend=0.0)
        with np.errstate(invalid="ignore"):  # before the first customer that was drawn nobody is selected
            return float(np.nansum(found * churners / (churners + others)) / churners[-1])

    def brier(self, weights: NDArray[np.float64]) -> float:
        """Mean squared distance of probability and outcome."""
        return float(np.average((self.probability - self.churned) ** 2, weights=weights[self.order]))


def intervals(churned: NDArray[np.bool_], probability: NDArray[np.float64]) -> dict[str, Interval]:
    """The 95 % intervals of `roc_auc`, `average_precision` and `brier` of `probability` (n) against `churned` (n)."""
    ranked = _Ranked.of(churned, probability)
    replicates = [(ranked.roc_auc(w), ranked.average_precision(w), ranked.brier(w)) for w in _weights(churned)]
    by_name = zip(("roc_auc", "average_precision", "brier"), np.asarray(replicates).T, strict=True)
    return {name: _interval(figures) for name, figures in by_name}


def difference_of_roc_auc(
    churned: NDArray[np.bool_], probability: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[float, Interval]:
    """ROC-AUC of `probability` (n) less that of `other` (n) on the same customers, and its 95 % interval.

    Both are measured on the same resampled customers, so what is hard for both cancels out.
    """
    ours, theirs = _Ranked.of(churned, probability), _Ranked.of(churned, other)
    everybody = np.ones(len(churned))
    differences = np.asarray([ours.roc_auc(w) - theirs.roc_auc(w) for w in _weights(churned)])
    return ours.roc_auc(everybody) - theirs.roc_auc(everybody), _interval(differences)


def _weights(churned: NDArray[np.bool_]) -> Iterator[NDArray[np.float64]]:
    """Resampled counts of each customer; a draw without one of the classes says nothing and is drawn again."""
    if churned.all() or not churned.any():
        message = "there is no interval where everybody churned, or nobody did"
        raise ValueError(message)
    random = np.random.default_rng(SEED)
    drawn = 0
    while drawn < REPLICATES:
        weights = random.poisson(1.0, len(churned)).astype(float)
        if weights[churned].any() and weights[~churned].any():
            drawn += 1
            yield weights


def _interval(figures: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(figures, TAILS)
    return Interval(low=float(low), high=float(high))
