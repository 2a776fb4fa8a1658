"""What became of the customers of a scored day, once its horizon has passed: `churn_outcomes`.

Which day a run's own day tells: the one a horizon before it; and itself, where it is scored only after its outcomes
are known, as a backfill does.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.matching import places_of
from churn_assets.core.errors import AuditFailed
from churn_assets.core.monitoring.table_schemas import CHURN_OUTCOMES
from churn_assets.core.options import Decisions
from churn_assets.core.profile import LabelRule
from churn_assets.core.profile_schemas import categorical_columns
from churn_assets.core.scoring.rows import held_out
from churn_assets.core.training.labels import churned_by
from churn_assets.pipeline.chain import Chain, RunContext, StageResult
from churn_assets.storage.tables.commits import Event
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import PartitionVersion
from churn_assets.storage.tables.windows import SortedRows, spread_batches

__all__ = ["OUTCOMES", "DayOutcomes", "days_told", "published_then", "record_outcomes"]

OUTCOMES = "churn_outcomes"


@dataclass(frozen=True)
class DayOutcomes(StageResult):
    """A day's outcomes: how many are known, how many of them left, and whom nobody can tell of.

    `left_out` counts those who are quarantined on the later day, or no longer valid on their own; `scored` those who
    were looked at: all of the day unless it is larger than the bound.
    """

    known_on: dt.date
    churners: int
    left_out: int
    held_out: int
    scored: int


def days_told(chain: Chain, day: dt.date) -> list[dt.date]:
    """The scored days whose outcomes the snapshot of `day` may tell or change; none of a labelled export."""
    label = chain.profile.label
    return [day - label.horizon, day] if label.is_dated else []


def published_then(table: Table, day: dt.date) -> Event | None:
    """The last commit of a day's scores whose models knew no more than the day, None where there is none."""
    events = table.backwards(day)
    return next((event for event in events if not event.commit.details.get("hindsight", True)), None)


def record_outcomes(chain: Chain, day: dt.date, run: RunContext) -> DayOutcomes | None:
    """Publish what became of the customers who were scored on `day`; of a large day, of those of some row groups.

    A customer who is absent from the raw snapshot of the later day is gone; one who is quarantined there is left out.

    Returns:
        None where the day was not scored by a model that knew no more, or its outcomes are not known yet.

    Raises:
        AuditFailed, DamagedVersion, PartitionConflict, ProfileError: nothing was published.
    """
    rule = chain.profile.label
    event = published_then(chain.scores, day)
    if not isinstance(rule, LabelRule) or event is None:
        return None
    known_on = day + rule.horizon
    told_by = {"customers": (chain.customers, day), "later": (chain.customers, known_on)}
    told_by["quarantined_later"] = (chain.quarantined, known_on)
    if not all(table.current(of) for table, of in told_by.values()):
        return None
    versions = {name: table.version(of) for name, (table, of) in told_by.items()}
    scores = chain.scores.version(day, event.version)
    table = chain.table(OUTCOMES)
    expected = table.current(day)
    seen = _Seen(chain, rule, Decisions(**event.commit.details.get("decisions", {})), known_on)
    staged = table.write(day, CHURN_OUTCOMES, "customer_id", seen.outcomes(scores, versions))
    if (read := staged.rows_by("customer_id")) != seen.rows:
        table.discard(staged)
        raise AuditFailed(f"{OUTCOMES} {day}: {seen.rows} rows were made, {read} read back; nothing was published")
    details: dict[str, Any] = {f"{name}_version": version.version for name, version in versions.items()}
    details |= {"scores_version": scores.version, "left_out": seen.scored - seen.rows, "scored": seen.scored}
    published = table.publish(staged, expected, run.commit("monitor", event.commit.model_version, **details))
    return DayOutcomes(
        table, day, published, seen.rows, known_on, seen.churners, seen.scored - seen.rows, seen.held_out, seen.scored
    )


@dataclass
class _Seen:
    """Outcomes batch by batch, and their counts so far."""

    chain: Chain
    rule: LabelRule
    decisions: Decisions
    known_on: dt.date
    rows: int = field(default=0, init=False)
    churners: int = field(default=0, init=False)
    held_out: int = field(default=0, init=False)
    scored: int = field(default=0, init=False)

    def outcomes(self, scores: PartitionVersion, versions: dict[str, PartitionVersion]) -> Iterator[pa.Table]:
        """The rows of `churn_outcomes`, in the order of the scores."""
        key, categories = self.chain.profile.id_column, categorical_columns(self.chain.profile)
        names = list(self.chain.profile.checks.columns)
        then = SortedRows(versions["customers"], key, names, categories)
        later = SortedRows(versions["later"], key, names, categories)
        quarantined = SortedRows(versions["quarantined_later"], key, [])
        columns = ["customer_id", "churn_probability"]
        for batch in spread_batches(scores, self.chain.bounds.max_outcomes, columns):
            if not batch.num_rows:
                continue
            ids = batch.column("customer_id")
            ends = ids[0].as_py(), ids[-1].as_py()
            then_ids, customers = then.between(*ends)
            places = places_of(ids, then_ids)
            aside = places_of(ids, quarantined.between(*ends)[0]) >= 0
            known = (places >= 0) & ~aside
            ids, probability = ids.filter(pa.array(known)), batch.column("churn_probability").to_numpy()[known]
            later_ids, met = later.between(*ends)
            churned = churned_by(
                self.chain.profile,
                self.rule,
                scores.day,
                _rows_at(customers, places[known]),
                met,
                places_of(ids, later_ids),
            )
            yield self._counted(ids, churned, held_out(ids, probability, self.decisions), batch.num_rows)

    def _counted(
        self, ids: pa.ChunkedArray, churned: NDArray[np.bool_], held: NDArray[np.bool_], scored: int
    ) -> pa.Table:
        self.rows += len(ids)
        self.churners += int(churned.sum())
        self.held_out += int(held.sum())
        self.scored += scored
        columns: list[Any] = [ids, pa.array(churned), pa.repeat(pa.scalar(self.known_on), len(ids)), pa.array(held)]
        return pa.Table.from_arrays(columns, names=CHURN_OUTCOMES.names)


def _rows_at(rows: pa.Table, places: NDArray[np.int64]) -> pa.Table:
    """The rows at ascending `places`: the table itself where these are all, as they are on most nights."""
    return rows if len(places) == rows.num_rows else rows.take(pa.array(places))
