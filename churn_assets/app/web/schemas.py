"""What the endpoints are asked and answer, as types: the OpenAPI document is made of them.

The answers themselves are put together from bytes that each snapshot prepares, and are held
against these types by tests.
"""

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = [
    "Answer",
    "AtRiskPage",
    "Batch",
    "BatchRequest",
    "Count",
    "Day",
    "Driver",
    "Drivers",
    "ExplainedScore",
    "FieldError",
    "Health",
    "History",
    "Probability",
    "Problem",
    "Readiness",
    "Reason",
    "Score",
    "Snapshot",
    "Snapshots",
    "Summary",
]

BATCH_LIMIT = 1000
ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _iso_day(given: object) -> object:
    if not isinstance(given, dt.date) and not (isinstance(given, str) and ISO_DAY.fullmatch(given)):
        message = "write a day as 2026-11-01"
        raise ValueError(message)
    return given


Day = Annotated[dt.date, BeforeValidator(_iso_day)]
Text = Annotated[str, Field(min_length=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Answer(BaseModel):
    """What every answer is: it never changes, and a field may be called `model_version`."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Reason(Answer):
    """What moves a customer's score: a family of features, by how much in log-odds, and the sentence for it."""

    rank: Annotated[int, Field(ge=1)]
    family: str
    feature: str
    contribution: float
    direction: Literal["up", "down"]
    value: str
    sentence: str


class Score(Answer):
    """One customer's score; `stale` where it is older than the configured freshness."""

    customer_id: Text
    snapshot_date: dt.date
    churn_probability: Probability
    risk_tier: str
    action: str
    model_version: str
    score_version: str
    stale: bool


class ExplainedScore(Score):
    """A score with its `reasons`, where they are asked for: the strongest first.

    Empty for a customer who is not explained, null where none were made of these scores. With `base_value` and `other`
    they add up to the model's log-odds; `hidden_share` is that of the families that are never shown.
    """

    reasons: list[Reason] | None
    base_value: float | None = None
    other: float | None = None
    hidden_share: Probability | None = None


class BatchRequest(Answer):
    """Whose scores are asked for, and whether their reasons are."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    customer_ids: Annotated[list[Text], Field(min_length=1, max_length=BATCH_LIMIT)]
    snapshot_date: Annotated[Day | None, Field(strict=False)] = None
    reasons: bool = False


class Batch(Answer):
    """The scores of those who have one, in the order asked and each once, and who has none; all of one version."""

    snapshot_date: dt.date
    score_version: str
    stale: bool
    scores: list[Score | ExplainedScore]
    missing: list[str]


class Snapshot(Answer):
    """What is current for one day."""

    snapshot_date: dt.date
    score_version: str
    rows: Count
    model_version: str
    published_at: dt.datetime


class Snapshots(Answer):
    """Every day that has scores, the newest first."""

    snapshots: list[Snapshot]


class AtRiskPage(Answer):
    """A page of the customers of tier `medium` and `high`, the highest probability first; `next` leads on."""

    snapshot_date: dt.date
    score_version: str
    stale: bool
    scores: list[Score]
    next: str | None


class Summary(Answer):
    """A day's scores in aggregates; `histogram` counts them by twentieths of the probability."""

    snapshot_date: dt.date
    score_version: str
    model_version: str
    published_at: dt.datetime
    stale: bool
    fresh_until: dt.datetime
    rows: Count
    mean_probability: Probability
    tiers: dict[str, int]
    actions: dict[str, int]
    models: dict[str, int]
    histogram: Annotated[list[int], Field(min_length=20, max_length=20)]


class Driver(Answer):
    """A family of reasons, and for how many of the customers at high risk it is the first."""

    family: str
    customers: Count
    share: Probability


class Drivers(Answer):
    """What drives a day's high risk, the most frequent first; `explained` is null where there are no reasons."""

    snapshot_date: dt.date
    score_version: str
    stale: bool
    explained: Count | None
    high_risk: Count
    drivers: list[Driver]


class History(Answer):
    """One customer's current scores of the last days, the newest first; `unreadable` days are left out."""

    customer_id: Text
    scores: list[Score]
    unreadable: list[dt.date]


class Health(Answer):
    """The process answers."""

    status: Literal["alive"]


class Readiness(Answer):
    """There are scores, and they are fresh enough."""

    status: Literal["ready"]
    snapshot_date: dt.date
    score_version: str
    fresh_until: dt.datetime


class FieldError(Answer):
    """What is wrong with one field of a request."""

    field: str
    message: str


class Problem(Answer):
    """Why there is no answer, after RFC 9457; `instance` names the request in the service's log."""

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    instance: str
    errors: list[FieldError] | None = None
