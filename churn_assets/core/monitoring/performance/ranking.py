"""How good published probabilities turned out to be, with the interval of the ROC-AUC; one sort for all groups.

The interval is DeLong's (DeLong, DeLong & Clarke-Pearson 1988, "Comparing the areas under two or more correlated
receiver operating characteristic curves"): exact in its variance, and one pass over customers that are ranked anyway,
where a bootstrap would take hundreds.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.evaluation.calibration import calibration
from churn_assets.core.monitoring.performance.shares import Z

__all__ = ["FIGURES", "Ranking"]

TOP = 0.1
FIGURES = (
    "roc_auc",
    "roc_auc_low",
    "roc_auc_high",
    "average_precision",
    "brier",
    "calibration_error",
    "mean_probability",
    "lift_top_decile",
)


@dataclass(frozen=True)
class Ranking:
    """Customers with a known outcome by descending `probability` (n), and who of them `churned` (n)."""

    probability: NDArray[np.float64]
    churned: NDArray[np.bool_]

    @classmethod
    def of(cls, probability: NDArray[np.float64], churned: NDArray[np.bool_]) -> tuple[Self, NDArray[np.intp]]:
        """The ranking of customers that come in any order, and which of them stands at each of its places."""
        order = np.argsort(-probability, kind="stable")
        return cls(probability[order], churned[order]), order

    def keep(self, here: NDArray[np.bool_]) -> Self:
        """The ranking of the marked places alone."""
        return type(self)(self.probability[here], self.churned[here])

    def measure(self, min_outcomes: int) -> dict[str, float | int | None]:
        """`rows`, `churners` and `FIGURES`; these are None of fewer rows than `min_outcomes`.

        Where everybody churned, or nobody did, there is nothing to rank: so are those of the ranking.
        """
        rows, churners = len(self.churned), int(self.churned.sum())
        counts: dict[str, float | int | None] = {"rows": rows, "churners": churners}
        if rows < max(min_outcomes, 1):
            return counts | dict.fromkeys(FIGURES)
        figures: dict[str, float | None] = dict.fromkeys(FIGURES)
        figures["brier"] = float(np.mean((self.probability - self.churned) ** 2))
        figures["mean_probability"] = float(self.probability.mean())
        figures["calibration_error"] = calibration(self.churned, self.probability)[0]
        if 0 < churners < rows:
            figures |= self._of_ranks()
        return counts | figures

    def _of_ranks(self) -> dict[str, float | None]:
        """What only the order tells; equal probabilities are one step of every curve."""
        ends = np.append(np.flatnonzero(self.probability[1:] != self.probability[:-1]) + 1, len(self.probability))
        found = np.cumsum(self.churned)[ends - 1].astype(np.float64)  # churners down to the end of each step
        chosen = ends.astype(np.float64)
        churners, others = found[-1], chosen[-1] - found[-1]
        of_churners = np.diff(found, prepend=0.0)
        of_others = np.diff(chosen, prepend=0.0) - of_churners
        above = found - of_churners / 2  # churners who rank above an other of the step, half of its own
        below = others - (chosen - found) + of_others / 2
        auc = float(np.sum(of_churners * below) / (churners * others))
        spread = _variance(of_churners, below / others, auc) / churners
        spread += _variance(of_others, above / churners, auc) / others
        half = Z * float(np.sqrt(spread))
        rate = churners / chosen[-1]
        top = np.ceil(TOP * chosen[-1])
        among_top = np.interp(top, np.insert(chosen, 0, 0.0), np.insert(found, 0, 0.0))  # of a step, its share
        return {
            "roc_auc": auc,
            "roc_auc_low": max(auc - half, 0.0),
            "roc_auc_high": min(auc + half, 1.0),
            "average_precision": float(np.sum(of_churners * found / chosen) / churners),
            "lift_top_decile": float(among_top / top / rate),
        }


def _variance(weights: NDArray[np.float64], values: NDArray[np.float64], mean: float) -> float:
    """The sample variance of `values` of which each occurs so often; nothing is known of a single one."""
    count = float(weights.sum())
    return float(np.sum(weights * (values - mean) ** 2) / (count - 1)) if count > 1 else 0.0
