"""A night's scores in a few rows: tiers by slice, and who moved since the last scored day: `score_summary`."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.core.arrow.batches import BATCH_ROWS, ordered_map, rechunk
from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.matching import places_of
from churn_assets.core.monitoring.summary import NOBODY, TierSummary
from churn_assets.core.monitoring.table_schemas import SCORE_SUMMARY
from churn_assets.pipeline.chain import Chain, RunContext, StageResult
from churn_assets.pipeline.monitoring.publishing import publish_rows
from churn_assets.storage.scores.tiers import TierRows, TiersByCustomer
from churn_assets.storage.tables.parquet import count_rows
from churn_assets.storage.tables.versions import PartitionVersion
from churn_assets.storage.tables.windows import SortedRows

__all__ = ["SUMMARY", "ScoreSummary", "summarize_day"]

SUMMARY = "score_summary"


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
    today = TiersByCustomer(chain.scores.root, scores)
    earlier = TiersByCustomer(chain.scores.root, before) if before else None
    summary = TierSummary(chain.profile.slices)
    for part in ordered_map(lambda part: _count_part(chain, today, customers, earlier, part), scores.parts):
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
    chain: Chain, today: TiersByCustomer, customers: PartitionVersion, before: TiersByCustomer | None, part: int
) -> TierSummary:
    slices = list(chain.profile.slices)
    summary = TierSummary(slices)
    for rows, words in _with_words(chain, today, customers, part):
        summary.count(rows.tiers, rows.probability, _tiers_before(rows.ids, before), words)
    return summary


def _with_words(
    chain: Chain, scores: TiersByCustomer, customers: PartitionVersion, part: int
) -> Iterator[tuple[TierRows, dict[str, pa.ChunkedArray]]]:
    """The scores of a part piece by piece, with their customers' slices: row by row where all customers are scored."""
    key, slices = chain.profile.id_column, list(chain.profile.slices)
    if scores.rows(part) == count_rows(customers.files[part]):
        batches = customers.batches(slices or [key], part=part, categories=slices)
        for rows, groups in zip(scores.part(part), rechunk(batches, BATCH_ROWS), strict=True):
            yield rows, {name: _words(groups.column(name)) for name in slices}
        return
    window = SortedRows(customers, key, slices, slices)
    for rows in (each for each in scores.part(part) if len(each.ids)):
        there, groups = window.between(rows.ids[0].as_py(), rows.ids[-1].as_py())
        chosen = groups.take(pa.array(places_of(rows.ids, there)))
        yield rows, {name: _words(chosen.column(name)) for name in slices}


def _tiers_before(ids: pa.Array, before: TiersByCustomer | None) -> NDArray[np.uint8]:
    """The places of the tiers of customers, `ids` (n), on the earlier day; `NOBODY` of those it did not know."""
    if before is None or not len(ids):
        return np.full(len(ids), NOBODY, np.uint8)
    earlier_ids, earlier_tiers = before.between(*(bytes(ids[at].as_buffer()) for at in (0, -1)))
    places = places_of(ids, earlier_ids)
    return np.append(earlier_tiers, np.uint8(NOBODY)).take(places, mode="wrap")  # -1, nowhere, is the last


def _words(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values if pa.types.is_dictionary(values.type) else pc.dictionary_encode(id_texts(values))
