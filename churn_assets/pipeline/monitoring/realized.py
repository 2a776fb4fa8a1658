"""How good the scores of a day turned out to be, as they were published then: `realized_performance`."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.matching import places_of
from churn_assets.core.monitoring.performance.groups import Groups, judge_groups
from churn_assets.core.monitoring.table_schemas import REALIZED_PERFORMANCE
from churn_assets.pipeline.chain import Chain, RunContext, StageResult
from churn_assets.pipeline.monitoring.outcomes import OUTCOMES, published_then
from churn_assets.pipeline.monitoring.publishing import publish_rows
from churn_assets.storage.tables.commits import Event
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import PartitionVersion
from churn_assets.storage.tables.windows import SortedRows

__all__ = ["PERFORMANCE", "RealizedPerformance", "judge_day"]

PERFORMANCE = "realized_performance"
LABELS = ("model_version", "action")


@dataclass(frozen=True)
class RealizedPerformance(StageResult):
    """A day's figures, as rows of the table, and the correction of the prior that its scores were published with."""

    figures: tuple[dict[str, Any], ...]
    prior: Mapping[str, Any]


def judge_day(chain: Chain, day: dt.date, run: RunContext) -> RealizedPerformance | None:
    """Hold the scores of `day`, and the challenger's, against its current outcomes, and publish the figures.

    They are the last ones whose models knew no more than the day. Outcomes that were made anew give other figures, as
    a further version of the same partition.

    Returns:
        None where no outcome is known, or the day has no such scores.

    Raises:
        DamagedVersion, PartitionConflict, UnknownVersion: nothing was published.
    """
    table = chain.table(OUTCOMES)
    event = published_then(chain.scores, day)
    if event is None or table.current(day) is None:
        return None
    outcomes = table.version(day)
    rows = _judged(chain, chain.scores, event, outcomes, "champion")
    details = {"outcomes_version": outcomes.version, "scores_version": event.version}
    shadow = published_then(chain.challenger_scores, day)
    if shadow is not None:
        rows += _judged(chain, chain.challenger_scores, shadow, outcomes, "challenger")
        details["challenger_version"] = shadow.version
    result = publish_rows(chain.table(PERFORMANCE), day, REALIZED_PERFORMANCE, rows, run, **details)
    return RealizedPerformance(
        result.table, day, result.published, result.rows, tuple(rows), event.commit.details.get("prior", {})
    )


def _judged(chain: Chain, table: Table, event: Event, outcomes: PartitionVersion, arm: str) -> list[dict[str, Any]]:
    scores = table.version(event.day, event.version)
    known = _known(chain, scores, outcomes)
    known_on = event.day + chain.profile.label.horizon
    rows: list[dict[str, Any]] = []
    models = known.labels["model_version"]
    for model in sorted(models.largest(), key=lambda name: name != event.commit.model_version):
        here = known if len(models.largest()) == 1 else known.keep(models.is_value(model))
        about = {"known_on": known_on, "model_version": model}
        about["arm"] = arm if model == event.commit.model_version else "canary"
        figures = judge_groups(here, chain.profile.slices, chain.bounds.min_outcomes, offers=arm == "champion")
        rows += [about | each for each in figures]
    return rows


def _known(chain: Chain, scores: PartitionVersion, outcomes: PartitionVersion) -> Groups:
    """The scored customers with a known outcome, and in which groups they are."""
    parts = list(_joined(chain, scores, outcomes))
    joined = pa.concat_tables(parts).unify_dictionaries() if parts else None
    if joined is None:
        return Groups.empty((*LABELS, *chain.profile.slices))
    return Groups.of(joined, (*LABELS, *chain.profile.slices))


def _joined(chain: Chain, scores: PartitionVersion, outcomes: PartitionVersion) -> Iterator[pa.Table]:
    slices = list(chain.profile.slices)
    scored = SortedRows(scores, "customer_id", ["churn_probability", *LABELS], LABELS)
    customers = SortedRows(chain.customers.version(scores.day), chain.profile.id_column, slices)
    for batch in outcomes.batches(["customer_id", "churned", "is_held_out"]):
        if not batch.num_rows:
            continue
        ids = batch.column("customer_id")
        ends = ids[0].as_py(), ids[-1].as_py()
        scored_ids, there = scored.between(*ends)
        places = places_of(ids, scored_ids)
        met = places >= 0
        rows = there.take(pa.array(places[met]))
        columns = {
            "churned": batch.column("churned").filter(pa.array(met)),
            "is_held_out": batch.column("is_held_out").filter(pa.array(met)),
            "churn_probability": rows.column("churn_probability"),
            **{name: rows.column(name) for name in LABELS},
        }
        if slices:
            customer_ids, of_customers = customers.between(*ends)
            at = _places_or_null(places_of(ids.filter(pa.array(met)), customer_ids))
            columns |= {name: _words(of_customers.column(name).take(at)) for name in slices}
        yield pa.table(columns)


def _places_or_null(places: NDArray[np.int64]) -> pa.Array:
    return pa.array(places, mask=places < 0)


def _words(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values of a slice as the words of a dictionary."""
    return values if pa.types.is_dictionary(values.type) else pc.dictionary_encode(id_texts(values))
