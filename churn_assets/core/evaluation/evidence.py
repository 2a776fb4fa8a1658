"""What promotion is decided on: how a model did in its backtest, and beside what."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from churn_assets.core.evaluation.results import Interval, Metrics, Slice

__all__ = ["Comparison", "Evidence", "Gate"]


class Comparison(BaseModel):
    """ROC-AUC beside that of other probabilities, on the same `rows` customers.

    `kind` tells the scores that were really `published` on the backtest's day, the `champion`'s recipe
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
    best by itself, with `strongest_roc_auc`; `uncompared` says why there is no `comparison`; `high_above` is
    the bound of the high tier, on which the selection rates of `slices` rest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_rules: bool = False
    undersampled: bool = False
    metrics: Metrics | None = None
    slices: tuple[Slice, ...] = ()
    strongest_feature: str = ""
    strongest_roc_auc: float = 0.5
    comparison: Comparison | None = None
    uncompared: str = "nothing to compare with yet"
    high_above: float | None = None
    rules: Comparison | None = None

    @model_validator(mode="after")
    def _only_rules_are_unjudged(self) -> Self:
        if self.metrics is None and not self.is_rules:
            message = "only rules may be without metrics"
            raise ValueError(message)
        return self


class Gate(BaseModel):
    """One condition of promotion and whether it is met, in words."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    finding: str
