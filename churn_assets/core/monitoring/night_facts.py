"""What one night of scores came to, in counts: no row, id or value of a customer is in it."""

import datetime as dt
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from churn_assets.core.table_schemas import FAULTS

__all__ = ["Drift", "NightFacts", "count_faults"]


class NightFacts(BaseModel):
    """The counts of one version of `churn_scores`, kept beside it.

    Attributes:
        models: rows scored by each model version.
        trained_as_of: of the champion; None where its card is gone.
        customers: rows that were scored.
        twentieths: of them, by twentieths of the probability.
        quarantined: rows of the day that broke the profile's schema.
        faults: broken rules of these, by "column: check", most rows first.
        audited: how many figures the audit before the publish looked at; None where that was not kept.
        beyond: those that lay beyond their bounds, in words; a person accepted them where they are in `accepted`.
        hindsight: whether a model knew more than the day.
        is_fallback: whether rules scored although a trained model is wanted.
        excluded: valid customers who are on the do-not-score list; None where there was none.
    """

    model_config = ConfigDict(frozen=True)

    snapshot_date: dt.date
    score_version: str
    customers_version: str
    model_version: str
    models: dict[str, int]
    trained_as_of: dt.date | None
    customers: int
    tiers: dict[str, int]
    actions: dict[str, int]
    mean_probability: float
    twentieths: tuple[int, ...]
    quarantined: int
    faults: dict[str, int]
    audited: int | None = None
    beyond: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    hindsight: bool = False
    is_fallback: bool = False
    excluded: int | None = None

    @property
    def high_share(self) -> float:
        """Share of the customers at high risk."""
        return self.tiers.get("high", 0) / max(self.customers, 1)


class Drift(BaseModel):
    """What the watching says of a day: the worst severity, and the features that are not `ok`, worst first."""

    model_config = ConfigDict(frozen=True)

    severity: str
    features: tuple[str, ...] = ()


def count_faults(quarantined: pa.Table) -> dict[str, int]:
    """The broken rules of rows of `quarantined_customers`, by "column: check", most rows first."""
    faults = pc.list_flatten(quarantined.column(FAULTS).combine_chunks())
    told = pc.binary_join_element_wise(faults.field("column"), faults.field("check"), ": ")
    counted: list[dict[str, Any]] = told.value_counts().to_pylist()
    return {
        each["values"]: each["counts"] for each in sorted(counted, key=lambda each: (-each["counts"], each["values"]))
    }
