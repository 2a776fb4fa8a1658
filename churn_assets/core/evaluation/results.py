"""What an evaluation found, as it is kept with a model or a record: plain values, which load nothing heavy."""

import datetime as dt
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = [
    "Comparison",
    "DayRate",
    "Evidence",
    "FeatureSummary",
    "Gate",
    "Histogram",
    "Interval",
    "Metrics",
    "PriorChoice",
    "Reference",
    "Slice",
]

LEAST_ROWS = 100  # a group of fewer is listed, and not held to a bound: its figures are chance


class Metrics(BaseModel):
    """Quality on `rows` customers, of whom `churners` churned.

    `calibration_error` is the mean distance of probability and churn rate over quantile bins,
    `calibration_chance` what it would be, on so few rows, of probabilities that are exactly right.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    churners: int
    roc_auc: float
    average_precision: float
    brier: float
    calibration_error: float
    calibration_chance: float

    @property
    def base_rate(self) -> float:
        """Share of the customers who churned."""
        return self.churners / self.rows

    @property
    def base_rate_brier(self) -> float:
        """The Brier score of giving everybody the base rate."""
        return self.base_rate * (1 - self.base_rate)


class Interval(BaseModel):
    """The 95 % interval of a figure."""

    model_config = ConfigDict(frozen=True)

    low: float
    high: float

    def __str__(self) -> str:
        return f"[{self.low:.4f}, {self.high:.4f}]"


class DayRate(BaseModel):
    """How many of a training day's `rows` churned."""

    model_config = ConfigDict(frozen=True)

    day: dt.date
    rows: int
    churners: int


class PriorChoice(BaseModel):
    """By which correction the level of the probabilities follows the season, and why.

    `days` are the past days that were held against each other, `brier` what each way came to on them.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["none", "saerens", "seasonal"] = "none"
    reason: str = ""
    days: tuple[dt.date, ...] = ()
    brier: dict[str, float] = {}


class Slice(BaseModel):
    """One group of customers: `column` has `value`.

    `selection_rate` is the share of them in the high tier; `disparate_impact` is that rate over the
    highest of the column's groups that have enough rows, None where nobody is selected at all.
    `roc_auc` is None where the group holds too few churners or others to tell.
    """

    model_config = ConfigDict(frozen=True)

    column: str
    value: str
    rows: int
    base_rate: float
    mean_score: float
    roc_auc: float | None
    selection_rate: float
    disparate_impact: float | None

    @property
    def is_large(self) -> bool:
        """Whether there are enough customers for a bound."""
        return self.rows >= LEAST_ROWS


class Histogram(BaseModel):
    """How many rows fall where.

    For numbers `edges` (ascending, k) cut `counts` (k + 1): below the first edge, from each edge up to
    the next, from the last edge on. For categories `categories` name the counts, the last of which
    are all others. `missing` counts the rows without a value.
    """

    model_config = ConfigDict(frozen=True)

    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    counts: tuple[int, ...]
    missing: int = 0

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return sum(self.counts) + self.missing


class FeatureSummary(BaseModel):
    """A day's feature rows as aggregates: each feature in the bins of its model's reference.

    `duplicate_share` of the `rows` have the values of another row in every feature; None where there were more rows
    than can be told apart. `unseen` counts the rows with a word of a category that the model never met. `scores`
    are what the model gave these rows, in the bins of its reference and before the season's level was set, and
    `mean_score` is their mean; both None in files of earlier releases.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    duplicate_share: float | None
    features: dict[str, Histogram]
    unseen: dict[str, int] = {}
    scores: Histogram | None = None
    mean_score: float | None = None


class Reference(BaseModel):
    """What a model was trained on and what it gave, as aggregates.

    `features` are those of the rows it was trained on; `scores` are those it gave the customers of
    the day it was trained as of, which were no part of its training (but for a labelled export).
    `duplicate_share` of those customers have the features of another one; None where a model was made
    before that was counted. `words` are those of each category that the model met, where they
    are not too many. `mean_score` is the mean of `scores`; None where a model was made before it was kept.
    `estimate_offsets` are by how much its backtest's probabilities promised a higher `roc_auc` and `brier` than they
    came to; empty where nothing was judged, or a model was made before that was kept.
    """

    model_config = ConfigDict(frozen=True)

    features: dict[str, Histogram]
    scores: Histogram
    mean_score: float | None = None
    duplicate_share: float | None = None
    words: dict[str, tuple[str, ...]] = {}
    estimate_offsets: dict[str, float] = {}


class Comparison(BaseModel):
    """ROC-AUC against that of other probabilities, on the same `rows` customers.

    `kind` names the scores that were really `published` on the backtest's day, the `champion`'s recipe
    trained as of that day, or the profile's `rules`; `version` names the scores or the model.
    `difference` is the model's ROC-AUC less the other's, `interval` its 95 % interval.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["published", "champion", "rules"]
    version: str
    rows: int
    roc_auc: float
    difference: float
    interval: Interval

    @property
    def words(self) -> str:
        """What the model was held against."""
        return {
            "published": f"the scores published on that day ({self.version})",
            "champion": f"the recipe of champion {self.version}",
            "rules": "the profile's rules",
        }[self.kind]


class Evidence(BaseModel):
    """Everything a gate looks at; kept in the record of evaluations, where no model's folder can change it.

    `metrics` is None for rules whose outcomes are not known yet; `strongest_feature` ranks churners
    best by itself, with `strongest_roc_auc`, and of two features together `strongest_pair`, with
    `strongest_pair_roc_auc` (empty where pairs were not looked at); `uncompared` says why there is no
    `comparison`; `high_above` is the bound of the high tier, on which the selection rates of `slices` rest.
    `reproducible` says whether a second fit gave the same bits; None where that is known without one.
    `hidden_share` is the mean share of families that are never shown in what moves a customer of the hold-out, and
    `first_reason_changed` the share of them whose first reason is another one than by the champion; None where there
    are no reasons.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_rules: bool = False
    undersampled: bool = False
    metrics: Metrics | None = None
    slices: tuple[Slice, ...] = ()
    strongest_feature: str = ""
    strongest_roc_auc: float = 0.5
    strongest_pair: tuple[str, ...] = ()
    strongest_pair_roc_auc: float = 0.5
    comparison: Comparison | None = None
    uncompared: str = "nothing to compare with yet"
    high_above: float | None = None
    rules: Comparison | None = None
    reproducible: bool | None = None
    hidden_share: float | None = None
    first_reason_changed: float | None = None

    @model_validator(mode="after")
    def _only_rules_are_unjudged(self) -> Self:
        if self.metrics is None and not self.is_rules:
            message = "only rules may be without metrics"
            raise ValueError(message)
        return self


class Gate(BaseModel):
    """One condition of promotion and whether it is met, in words; the figure and its bound where there is one."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    finding: str
    value: float | None = None
    bound: float | None = None
