"""What is worth an alert: conditions over the watching's tables and over how things stand, each with one sentence.

A sentence holds numbers, days, columns and versions, never a customer's value.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from churn_assets.core.monitoring.performance.calibration import MonthCalibration
from churn_assets.core.options import MonitoringBounds

__all__ = [
    "CONDITIONS",
    "Alert",
    "FailedRun",
    "NightFacts",
    "Severity",
    "StandingFacts",
    "night_alerts",
    "standing_alerts",
    "worst_severity",
]

Severity = Literal["warning", "error"]
Row = Mapping[str, Any]

SEVERITIES = ("ok", "warning", "error")
NAMED = 5  # drifted features that a sentence names
NEAR_BOUND = 0.8  # of the share that a night may quarantine


@dataclass(frozen=True)
class Alert:
    """A condition that holds on a day."""

    condition: str
    severity: Severity
    day: dt.date
    sentence: str

    @property
    def runbook(self) -> str:
        """The section that says what to do."""
        return f"docs/runbook.md#{self.condition}"


@dataclass(frozen=True)
class NightFacts:
    """What is known of a day once its night has run.

    Attributes:
        day: the snapshot date.
        feature_drift: the day's rows of that table.
        score_drift: likewise.
        performance: rows of `realized_performance` about everybody's published scores, known on the day.
        calibration: of the month that they belong to, None where nothing is known.
        bounds: by which that month is judged.
        raw_rows: rows of the source.
        quarantined_rows: those of them that are broken.
        max_quarantined_share: the bound on their share.
        challenger: who was to score unseen, None for nobody.
        challenger_scored: whether it did.
        min_roc_auc: what realized performance must reach, None for no bound.
    """

    day: dt.date
    feature_drift: Sequence[Row] = ()
    score_drift: Sequence[Row] = ()
    performance: Sequence[Row] = ()
    calibration: MonthCalibration | None = None
    bounds: MonitoringBounds = field(default_factory=MonitoringBounds)
    raw_rows: int = 0
    quarantined_rows: int = 0
    max_quarantined_share: float = 1.0
    challenger: str | None = None
    challenger_scored: bool = True
    min_roc_auc: float | None = None


@dataclass(frozen=True)
class FailedRun:
    """A run that failed and that no later one of its day made good.

    `reason` is its sentence, `step` the name of the step that failed; each empty where it is not known.
    """

    run_id: str
    job: str
    day: dt.date
    reason: str = ""
    step: str = ""


@dataclass(frozen=True)
class StandingFacts:
    """How things stand now.

    Attributes:
        wanted: the newest day that should have scores by now.
        fresh_by: the time of a day by which that holds, with its zone.
        scored: the newest day with scores, None for none.
        failed_runs: what failed and was not made good.
        champion: the model in force, None for none.
        champion_age_days: from its training day to the newest scored day.
        max_age_days: when it is old, None for never.
    """

    wanted: dt.date
    fresh_by: str
    scored: dt.date | None = None
    failed_runs: Sequence[FailedRun] = ()
    champion: str | None = None
    champion_age_days: int | None = None
    max_age_days: int | None = None

    @property
    def fresh(self) -> bool:
        """Whether the wanted day, or a later one, has scores."""
        return self.scored is not None and self.scored >= self.wanted


def night_alerts(facts: NightFacts) -> list[Alert]:
    """What is worth an alert of a day."""
    return [alert for condition in NIGHT.values() if (alert := condition(facts)) is not None]


def standing_alerts(facts: StandingFacts) -> list[Alert]:
    """What is worth an alert now; of several failed runs of one day and condition the first counts."""
    found = [alert for condition in STANDING.values() if (alert := condition(facts)) is not None]
    failed = {(alert.day, alert.condition): alert for alert in map(run_failed, reversed(facts.failed_runs))}
    return found + [failed[key] for key in sorted(failed)]


def worst_severity(rows: Sequence[Row]) -> str:
    """The worst severity of drift rows, `ok` where there are none."""
    return max((str(row["severity"]) for row in rows), key=SEVERITIES.index, default="ok")


def run_failed(run: FailedRun) -> Alert:
    """The alert of a run that failed."""
    reason = f": {run.reason}" if run.reason else ""
    condition = "maintenance_failed" if run.job == "maintenance" else "run_failed"
    return Alert(condition, "error", run.day, f"the {run.job} run of {run.day} failed{reason} (run {run.run_id})")


def _feature_drift(facts: NightFacts) -> Alert | None:
    found = worst_severity(facts.feature_drift)
    if found == "ok":
        return None
    worst = sorted(
        (row for row in facts.feature_drift if row["severity"] == found), key=lambda row: -(row["psi"] or 0.0)
    )
    named = ", ".join(f"{row['feature']} (PSI {row['psi'] or 0.0:.3f})" for row in worst[:NAMED])
    more = f" and {len(worst) - NAMED} more" if len(worst) > NAMED else ""
    sentence = f"{len(worst)} of {len(facts.feature_drift)} features have drifted on {facts.day}: {named}{more}"
    return Alert("feature_drift", _severity(found), facts.day, sentence)


def _score_drift(facts: NightFacts) -> Alert | None:
    found = worst_severity(facts.score_drift)
    if found == "ok":
        return None
    worst = max(
        (row for row in facts.score_drift if row["severity"] == found), key=lambda row: abs(row["mean_shift"] or 0.0)
    )
    against = str(worst["against"]).replace("_", " ")
    sentence = (
        f"the scores of {facts.day} have drifted against the {against}: PSI {worst['psi'] or 0.0:.3f}, "
        f"mean probability {worst['mean_shift'] or 0.0:+.4f}"
    )
    return Alert("score_drift", _severity(found), facts.day, sentence)


def _calibration(facts: NightFacts) -> Alert | None:
    """The mean probability against the share that left, by the rule of the check on it."""
    month = facts.calibration
    severity = month.severity(facts.bounds) if month else "ok"
    if month is None or severity == "ok":
        return None
    return Alert("calibration", severity, facts.day, f"{month.words}, as is known on {facts.day}")


def _realized_roc_auc(facts: NightFacts) -> Alert | None:
    """Below the bound is a warning, an error where its whole interval lies below."""
    for row in facts.performance:
        found = row["roc_auc"]
        if facts.min_roc_auc is None or found is None or found >= facts.min_roc_auc:
            continue
        high = row["roc_auc_high"]
        surely = high is not None and high < facts.min_roc_auc
        sentence = (
            f"model {row['model_version']} reached ROC-AUC {found:.4f} on the outcomes known on {facts.day}, "
            f"at least {facts.min_roc_auc:g} is wanted"
        )
        return Alert("realized_roc_auc", "error" if surely else "warning", facts.day, sentence)
    return None


def _quarantine(facts: NightFacts) -> Alert | None:
    share = facts.quarantined_rows / facts.raw_rows if facts.raw_rows else 0.0
    if not share or share < NEAR_BOUND * facts.max_quarantined_share:
        return None
    sentence = (
        f"{share:.2%} of the rows of {facts.day} are quarantined, and {facts.max_quarantined_share:.2%} stop the night"
    )
    return Alert("quarantine_near_bound", "warning", facts.day, sentence)


def _challenger(facts: NightFacts) -> Alert | None:
    if facts.challenger is None or facts.challenger_scored:
        return None
    sentence = f"the challenger {facts.challenger} did not score {facts.day}; the check challenger_can_score says why"
    return Alert("challenger_trouble", "warning", facts.day, sentence)


def _stale_scores(facts: StandingFacts) -> Alert | None:
    if facts.scored is None or facts.fresh:
        return None
    sentence = f"the newest scores are of {facts.scored}, those of {facts.wanted} were wanted by {facts.fresh_by}"
    return Alert("stale_scores", "error", facts.wanted, sentence)


def _old_champion(facts: StandingFacts) -> Alert | None:
    age, most = facts.champion_age_days, facts.max_age_days
    if facts.scored is None or age is None or most is None or age <= most:
        return None
    sentence = f"the champion {facts.champion} was trained {age} days before {facts.scored}, and {most} is the bound"
    return Alert("old_champion", "warning", facts.scored, sentence)


def _severity(found: str) -> Severity:
    return "error" if found == "error" else "warning"


NIGHT: dict[str, Callable[[NightFacts], Alert | None]] = {
    "feature_drift": _feature_drift,
    "score_drift": _score_drift,
    "calibration": _calibration,
    "realized_roc_auc": _realized_roc_auc,
    "quarantine_near_bound": _quarantine,
    "challenger_trouble": _challenger,
}
STANDING: dict[str, Callable[[StandingFacts], Alert | None]] = {
    "stale_scores": _stale_scores,
    "old_champion": _old_champion,
}
CONDITIONS = (*NIGHT, *STANDING, "run_failed", "maintenance_failed")
