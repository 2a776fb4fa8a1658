"""Whether a model should be trained anew before its schedule does it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from churn_assets.core.monitoring.alerts import worst_severity
from churn_assets.core.monitoring.options import RetrainingOptions

__all__ = ["RetrainingFacts", "retraining_reason"]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RetrainingFacts:
    """What speaks for a training as of `day`, the newest scored one.

    Attributes:
        day: the newest scored day.
        champion_age_days: how many days before it the champion was trained.
        newest_age_days: likewise the newest model of all, promoted or not.
        drift: the drift rows of each of the newest scored days, newest first.
        performance: the newest rows of `realized_performance` about everybody's published scores.
    """

    day: dt.date
    champion_age_days: int
    newest_age_days: int
    drift: Sequence[Sequence[Row]] = ()
    performance: Sequence[Row] = ()


def retraining_reason(facts: RetrainingFacts, options: RetrainingOptions) -> str | None:
    """Why a model should be trained now, None where nothing speaks for it, or one was trained just now."""
    if facts.newest_age_days < options.pause_days:
        return None
    wanted = options.drift_days
    if wanted is not None and _drifted(facts.drift[:wanted], wanted):
        return f"drift of severity error on the last {wanted} scored days"
    least = options.min_roc_auc
    reached = [row["roc_auc"] for row in facts.performance if row["roc_auc"] is not None]
    if least is not None and reached and min(reached) < least:
        return f"realized ROC-AUC {min(reached):.4f}, below {least:g}"
    most = options.max_age_days
    if most is not None and facts.champion_age_days > most:
        return f"the champion was trained {facts.champion_age_days} days before {facts.day}, more than {most}"
    return None


def _drifted(days: Sequence[Sequence[Row]], wanted: int) -> bool:
    return len(days) == wanted and all(worst_severity(rows) == "error" for rows in days)
