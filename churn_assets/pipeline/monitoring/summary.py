"""A night's scores in a few rows: tiers by slice, and who moved since the last scored day: `score_summary`."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.matching import places_of
from churn_assets.core.monitoring.summary import TierSummary, tier_codes
from churn_assets.core.monitoring.table_schemas import SCORE_SUMMARY
from churn_assets.pipeline.chain import Chain, RunContext, StageResult
from churn_assets.pipeline.monitoring.publishing import publish_rows
from churn_assets.storage.tables.parquet import count_rows
from churn_assets.storage.tables.versions import PartitionVersion
from churn_assets.storage.tables.windows import SortedRows

__all__ = ["SUMMARY", "ScoreSummary", "summarize_day"]

SUMMARY = "score_summary"
TIER = ("risk_tier",)


@dataclass(frozen=True)
class ScoreSummary(StageResult):
    """A night's summary, as rows of the table, and the scored day that it was compared with."""

    tiers: tuple[dict[str, Any], ...]
    compared_with: dt.date | None


def summarize_day(chain: Chain, day: dt.date, run: RunContext) -> ScoreSummary:
    """Count the day's current scores by tier and slice, beside the newest scored day before it, and publish that.

    Raises:
        DamagedVersion, PartitionConflict, PartitionMissing, UnknownVersion: nothing was published.
    """
    scores = chain.scores.version(day)
    last = max((each for each in chain.scores.days() if each < day), default=None)
    before = chain.scores.version(last) if last else None
    customers = _scored_customers(chain, scores)
    summary = TierSummary(chain.profile.slices)
    for part in ordered_map(lambda part: _count_part(chain, scores, customers, before, part), scores.parts):
        summary.join(part)
    rows = summary.rows(has_before=before is not None)
    details = {"scores_version": scores.version, "compared_with": str(last or "")}
    details["compared_version"] = before.version if before else ""
    result = publish_rows(chain.table(SUMMARY), day, SCORE_SUMMARY, rows, run, **details)
    return ScoreSummary(result.table, day, result.published, result.rows, tuple(rows), last)


def _scored_customers(chain: Chain, scores: PartitionVersion) -> PartitionVersion:
    """The customers that a version was made of: the same ones in the same parts, but for those who are not scored."""
    event = next(each for each in chain.scores.backwards(scores.day) if each.version == scores.version)
    return chain.customers.version(scores.day, event.commit.details["customers_version"])


def _count_part(
    chain: Chain, scores: PartitionVersion, customers: PartitionVersion, before: PartitionVersion | None, part: int
) -> TierSummary:
    slices = list(chain.profile.slices)
    summary = TierSummary(slices)
    earlier = SortedRows(before, "customer_id", TIER, TIER) if before else None
    names = ["customer_id", "churn_probability", *TIER]
    batches = scores.batches(names, part=part, categories=TIER)
    is_whole = count_rows(scores.files[part]) == count_rows(customers.files[part])
    for batch, of_customers in _with_customers(chain, batches, customers, part, is_whole=is_whole):
        summary.count(
            tier_codes(batch.column("risk_tier")),
            batch.column("churn_probability").to_numpy(),
            _tiers_before(batch.column("customer_id"), earlier),
            {name: _words(of_customers.column(name)) for name in slices},
        )
    return summary


def _with_customers(
    chain: Chain, scores: Iterator[pa.Table], customers: PartitionVersion, part: int, *, is_whole: bool
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The scores of a part batch by batch, with the rows of their customers: all rows where all are scored."""
    key, slices = chain.profile.id_column, list(chain.profile.slices)
    if is_whole:
        yield from zip(scores, customers.batches(slices or [key], part=part, categories=slices), strict=True)
        return
    window = SortedRows(customers, key, slices, slices)
    for batch in scores:
        ids = batch.column("customer_id")
        there, rows = window.between(ids[0].as_py(), ids[-1].as_py()) if len(ids) else (ids, batch)
        yield batch, rows.take(pa.array(places_of(ids, there)))


def _tiers_before(ids: pa.ChunkedArray, earlier: SortedRows | None) -> NDArray[np.int64]:
    """The places of the tiers of customers, `ids` (n), on the earlier day; -1 of those it did not know."""
    tiers = np.full(len(ids), -1, np.int64)
    if earlier is None or not len(ids):
        return tiers
    earlier_ids, rows = earlier.between(ids[0].as_py(), ids[-1].as_py())
    places = places_of(ids, earlier_ids)
    met = places >= 0
    tiers[met] = tier_codes(rows.column("risk_tier"))[places[met]]
    return tiers


def _words(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values if pa.types.is_dictionary(values.type) else pc.dictionary_encode(id_texts(values))
