"""What `GET /v1/monitoring` answers, as types: figures of days and records of acts, and no customer in them."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from churn_assets.app.web.schemas import Answer, Count, Probability

__all__ = [
    "AlertInForce",
    "Bounds",
    "EstimatedDay",
    "FeatureDay",
    "ModelInForce",
    "Monitoring",
    "MonthOfCalibration",
    "Note",
    "Promotion",
    "Publication",
    "Quarantine",
    "RaisedAlert",
    "RealizedDay",
    "ScoreDriftDay",
    "VerdictOnModel",
]

Severity = Literal["ok", "warning", "error"]


class ModelInForce(Answer):
    """The champion, since when, and by whom; `trained_as_of` is null where its name does not tell."""

    model_version: str
    since: dt.datetime
    trained_as_of: dt.date | None
    actor: str
    reason: str
    forced: bool


class VerdictOnModel(Answer):
    """Whether a model is still good by the outcomes of its own scores; `sentence` says it with figures and bound."""

    answer: Literal["yes", "no", "not known yet", "no bound"]
    model_version: str | None
    wanted_roc_auc: float | None
    sentence: str


class Bounds(Answer):
    """The configured bounds beyond which a figure is a warning or an error; `min_roc_auc` is null where none is set."""

    psi_warning: float
    psi_error: float
    ks_warning: float
    calibration_gap_warning: float
    calibration_gap_error: float
    min_roc_auc: float | None


class Publication(Answer):
    """The commit by which a day's scores are current; the mean and the share are null where they were not kept.

    `audited` counts the figures that the audit before the publish looked at, null where that was not kept; `beyond` are
    those that lay beyond their bounds and were accepted.
    """

    snapshot_date: dt.date
    score_version: str
    model_version: str
    rows: Count
    kind: str
    published_at: dt.datetime
    actor: str
    reason: str
    mean_probability: Probability | None
    high_share: Probability | None
    audited: Count | None
    beyond: list[str]


class FeatureDay(Answer):
    """How far a feature of a day lies from what the model learnt from; `psi_chance` is what chance alone reaches."""

    snapshot_date: dt.date
    feature: str
    kind: str
    psi: float | None
    psi_chance: float | None
    ks: float | None
    unseen_share: float | None
    null_share: float | None
    null_share_reference: float | None
    severity: Severity


class ScoreDriftDay(Answer):
    """How far a day's scores lie from the model's reference, the last scored day, or the day a week before."""

    snapshot_date: dt.date
    against: str
    against_date: dt.date | None
    psi: float | None
    mean_shift: float | None
    severity: Severity


class RealizedDay(Answer):
    """How good the scores of a day were, for everybody whom a model scored; `roc_auc` is null of too few outcomes."""

    snapshot_date: dt.date
    known_on: dt.date
    model_version: str
    arm: str
    rows: Count
    churners: Count
    roc_auc: float | None
    roc_auc_low: float | None
    roc_auc_high: float | None
    brier: float | None
    calibration_error: float | None
    mean_probability: Probability | None


class EstimatedDay(Answer):
    """How good a day's scores promise to be."""

    snapshot_date: dt.date
    model_version: str
    rows: Count
    roc_auc: float | None
    brier: float | None


class MonthOfCalibration(Answer):
    """A month's mean probability beside its churn rate with the interval of that; `gap` is a share of the rate.

    `severity` is that of the check on it, `models` are those whose scores they were.
    """

    month: dt.date
    days: Count
    rows: float
    mean_probability: Probability
    churn_rate: Probability
    low: Probability
    high: Probability
    gap: float
    calibration_error: float
    severity: Severity
    models: list[str]


class Quarantine(Answer):
    """How many rows of a day were quarantined, and how many broke each rule, named `column: check`."""

    snapshot_date: dt.date
    customers: Count
    quarantined: Count
    faults: dict[str, int]


class RaisedAlert(Answer):
    """An alert, and the channels beside the log that it has reached."""

    recorded_at: dt.datetime
    snapshot_date: dt.date
    condition: str
    severity: str
    sentence: str
    runbook: str
    delivered: list[str]


class AlertInForce(Answer):
    """A condition that is worth an alert now."""

    snapshot_date: dt.date
    condition: str
    severity: str
    sentence: str
    runbook: str


class Promotion(Answer):
    """Who made which model champion, when and why; the newest first."""

    promoted_at: dt.datetime
    from_version: str | None
    to_version: str
    actor: str
    reason: str
    forced: bool


class Note(Answer):
    """Why a table tells nothing here, in a sentence."""

    table: str
    sentence: str


class Monitoring(Answer):
    """What is known of the last days up to `until`, both included; performance reaches back to `performance_since`.

    `model`, `newest`, `alerts_in_force` and what is said of freshness are as of now, whatever `until` is. `verdict` is
    on the model in force, and of an earlier `until` on the model of that night, by what is known by now of the
    days up to it. Days end in `timezone`.
    """

    since: dt.date
    until: dt.date
    performance_since: dt.date
    newest: dt.date
    published_at: dt.datetime
    fresh_until: dt.datetime
    stale: bool
    timezone: str
    model: ModelInForce | None
    verdict: VerdictOnModel
    bounds: Bounds
    publications: Annotated[list[Publication], Field(description="The newest day first")]
    feature_drift: list[FeatureDay]
    score_drift: list[ScoreDriftDay]
    realized_performance: list[RealizedDay]
    estimated_performance: list[EstimatedDay]
    calibration: list[MonthOfCalibration]
    quarantine: list[Quarantine]
    alerts: Annotated[list[RaisedAlert], Field(description="The newest first")]
    alerts_in_force: list[AlertInForce]
    promotions: list[Promotion]
    notes: list[Note]
