"""Whether a day's scores are still those that a model gave when it was made, the day before, and a week before."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from churn_assets.core.evaluation.results import Histogram
from churn_assets.core.monitoring.feature_drift import Severity, severity_of_index
from churn_assets.core.options import MonitoringBounds
from churn_assets.core.scoring.drift import chance_psi, population_stability_index

__all__ = ["AGAINST", "Against", "ScoreDrift", "ScoresCounted", "drift_of_scores"]

Against = Literal["reference", "last_day", "last_week"]
AGAINST: tuple[Against, ...] = ("reference", "last_day", "last_week")


@dataclass(frozen=True)
class ScoresCounted:
    """Probabilities as a model gave them, before the season's level was set; `mean` is None where it was not kept."""

    scores: Histogram
    mean: float | None


@dataclass(frozen=True)
class ScoreDrift:
    """How far a day's scores lie from others; from `bound` on the index is a finding."""

    against: Against
    against_date: dt.date | None
    psi: float
    mean_shift: float | None
    bound: float
    severity: Severity

    def row(self) -> dict[str, Any]:
        """The row of the table."""
        return {
            "against": self.against,
            "against_date": self.against_date,
            "psi": self.psi,
            "mean_shift": self.mean_shift,
            "severity": self.severity,
        }


def drift_of_scores(
    against: tuple[Against, dt.date | None],
    today: ScoresCounted,
    other: ScoresCounted,
    weekdays: Sequence[tuple[ScoresCounted, ScoresCounted]],
    bounds: MonitoringBounds,
) -> ScoreDrift:
    """How far `today` lies from `other`, in the same bins.

    Args:
        against: what `other` is, and its day.
        today: the day's scores.
        other: those that they are held against.
        weekdays: the same pair of each of the same weekdays before: (that day, what it would be held against).
        bounds: from where what moved is a finding.
    """
    psi = population_stability_index(other.scores, today.scores)
    usual = [population_stability_index(before.scores, then.scores) for then, before in weekdays]
    severity, bound = severity_of_index(psi, chance_psi(other.scores, today.scores), usual, bounds)
    shift = None if today.mean is None or other.mean is None else today.mean - other.mean
    return ScoreDrift(*against, psi=psi, mean_shift=shift, bound=bound, severity=severity)
