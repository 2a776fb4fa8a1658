"""What the app would read: one customer's score, a day's history, a plain file; and taking a day back."""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from churn_assets.core.errors import InputError, UnknownVersion
from churn_assets.core.table_schemas import SCORES, SNAPSHOT_DATE
from churn_assets.core.telling.answers import told_reasons
from churn_assets.storage.expirations import Expirations, version_name
from churn_assets.storage.layout import Layout, part_name, version_folder
from churn_assets.storage.reasons.published import PublishedReasons, follow_scores
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.parquet import find_rows
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import PartitionVersion, parts_of

__all__ = ["PublishedScores"]

FORMULA = r"^[=+\-@\t\r\n]"  # what a spreadsheet takes for the beginning of one, by OWASP's list


class PublishedScores:
    """The published `churn_scores` of one installation."""

    def __init__(self, layout: Layout) -> None:
        self.table = Table(layout.table("churn_scores"))
        self._layout = layout

    def day(self, day: dt.date | None) -> PartitionVersion:
        """The current scores of `day`, of the newest scored day where none is named.

        Raises:
            UnknownVersion: there are none.
        """
        return self.table.version(self.scored_day(day))

    def scored_day(self, day: dt.date | None) -> dt.date:
        """`day` where it has scores, the newest day that has where none is named.

        Raises:
            UnknownVersion: there are none.
        """
        days = self.table.days()
        if not days:
            raise UnknownVersion("no scores have been published yet; `churn-assets run` makes them")
        if day is not None and day not in days:
            raise UnknownVersion(f"no scores of {day}; they run from {days[0]} to {days[-1]}")
        return day or days[-1]

    def version(self, day: dt.date | None, version: str | None) -> PartitionVersion:
        """A version of a day's scores, also one that was rolled back; the current one where none is named.

        Raises:
            UnknownVersion: there is none.
        """
        scored = self.day(day)
        if version is None:
            return scored
        version = self.table.resolve(scored.day, version)
        if version not in {event.version for event in self.table.history(scored.day)}:
            listed = f"`churn-assets scores history --date {scored.day}` lists them"
            raise UnknownVersion(f"no score version {version} on {scored.day}; {listed}")
        return self.table.version(scored.day, version)

    def show(self, customer: str, day: dt.date | None, *, reasons: bool = False) -> dict[str, Any]:
        """One customer's score, with its `reasons` where they are asked for; null where none were made of these scores.

        Raises:
            UnknownVersion: no scores, or none of this customer.
        """
        scored = self.day(day)
        rows = find_rows(scored.files, "customer_id", customer)
        if not rows:
            self.refuse_excluded(customer, scored)
            raise UnknownVersion(
                f"customer {customer!r} has no score on {scored.day}; was it quarantined, or is it new?"
            )
        score = {"customer_id": customer, SNAPSHOT_DATE: scored.day, **rows[0], "score_version": scored.version}
        return score | (self.reasons(customer, scored) if reasons else {})

    def refuse_excluded(self, customer: str, scored: PartitionVersion) -> None:
        """Say so where a customer has no score in a version because they were on the do-not-score list then.

        All valid customers are scored or on the list: no list need be read, which may be another one by now.

        Raises:
            UnknownVersion: they were.
        """
        events = self.table.backwards(scored.day)
        made = next((each.commit.details for each in events if each.version == scored.version), {})
        if not made.get("excluded"):
            return
        table, version = Table(self._layout.table("customers")), made["customers_version"]
        validated = next(each for each in table.backwards(scored.day) if each.version == version).commit.details
        if find_rows(table.version(scored.day, version).files, validated["id_column"], customer):
            raise UnknownVersion(f"customer {customer!r} was on the do-not-score list when {scored.day} was scored")

    def reasons(self, customer: str, scored: PartitionVersion) -> dict[str, Any]:
        """What is told of why a customer has their score in a version of scores, or when that expired."""
        published = PublishedReasons(self._layout)
        of_day = published.day(scored.day, scored.version)
        if of_day is not None:
            return told_reasons(of_day.of([customer]).get(customer, []))
        expired = published.expired(scored.day, scored.version)
        return {"reasons": None} | ({"reasons_expired": expired} if expired else {})

    def riskiest(self, day: dt.date) -> str:
        """The customer with the highest probability of a day."""
        scores = self.day(day).read(["customer_id", "churn_probability"])
        at = pc.index(scores.column("churn_probability"), pc.max(scores.column("churn_probability"))).as_py()
        return str(scores.column("customer_id")[at])

    def history(self, day: dt.date) -> list[dict[str, Any]]:
        """Every publish and rollback of a day, newest first.

        Raises:
            UnknownVersion: it was never scored.
        """
        events = self.table.history(day, erasures=True)
        if not events:
            raise UnknownVersion(f"{day} was never scored; `churn-assets run --date {day}` does it")
        version = self.table.current(day)
        expired = Expirations(self._layout.folder.below("tables")).versions(self.table.name)
        there = {each: self._is_stored(day, each) for each in {e.version for e in events}}
        current = next((event for event in reversed(events) if event.version == version), None)
        return [
            {
                "score_version": event.version,
                "kind": event.commit.kind,
                "published_at": event.published_at,
                "model_version": event.commit.model_version,
                "rows": event.rows,
                "actor": event.commit.actor,
                "reason": event.commit.reason,
                "current": event is current,
                "expired": None if there[event.version] else expired.get(version_name(day, event.version)),
            }
            for event in reversed(events)
        ]

    def _is_stored(self, day: dt.date, version: str) -> bool:
        """Whether the files of a version are there for everybody, whatever is mirrored here."""
        folder, name = self.table.folder, version_folder(day, version)
        if folder.store is None:
            return bool(parts_of(folder / name))
        return folder.stamp(f"{name}/{part_name(0)}") is not None

    def export(self, day: dt.date | None, target: Path, *, raw: bool = False) -> int:
        """Write the scores of a day as one plain Parquet or CSV file; how many rows.

        In CSV a text that a spreadsheet would take for a formula begins with `'`, unless it is to be `raw`.

        Raises:
            InputError: another kind of file, or no folder for it.
        """
        if target.suffix not in {".parquet", ".csv"} or not target.parent.is_dir() or target.is_dir():
            raise InputError(f"{target}: name a .parquet or .csv file in a folder that exists")
        scored = self.day(day)
        schema = SCORES.insert(0, pa.field(SNAPSHOT_DATE, pa.date32())).remove_metadata()
        partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            with (pq.ParquetWriter if target.suffix == ".parquet" else pacsv.CSVWriter)(str(partial), schema) as writer:
                for batch in _dated(scored, schema):
                    writer.write_table(batch if raw or target.suffix == ".parquet" else _guarded(batch))
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return scored.rows

    def days_between(self, first: dt.date, last: dt.date) -> list[dt.date]:
        """The scored days from `first` to `last`, both included, in order.

        Raises:
            UnknownVersion: there are none.
        """
        days = [day for day in self.table.days() if first <= day <= last]
        if not days:
            raise UnknownVersion(f"no day from {first} to {last} has scores")
        return days

    def rollback(
        self,
        days: list[dt.date],
        to: str | None,
        actor: str,
        reason: str,
        report: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> list[dict[str, Any]]:
        """Make the version before the current one (or `to`) current again on each of `days`; `report` gets each.

        The reasons of that version are current again too.

        Every day is looked at, its files too, before the first is moved.

        Raises:
            UnknownVersion: on some day there is nothing to go back to; nothing was moved.
            DamagedVersion: the files of one are not what was published; nothing was moved.
        """
        for day in days:
            self.table.version(day, self.table.rollback_target(day, to)[1]).verified()
        moved = []
        for day in days:
            started = time.perf_counter()
            _, target = self.table.rollback_target(day, to)
            made = next(event for event in self.table.backwards(day) if event.version == target)
            model = made.commit.model_version
            commit = Commit("rollback", actor, reason, model_version=model, details=made.commit.details)
            before, now = self.table.rollback(day, target, commit)
            follow_scores(self._layout, day, now, commit)
            seconds = round(time.perf_counter() - started, 3)
            row = {SNAPSHOT_DATE: day, "from": before, "to": now, "seconds": seconds}
            moved.append(row | {"model_version": model, "rows": made.rows})
            report(moved[-1])
        return moved


def _dated(scored: PartitionVersion, schema: pa.Schema) -> Iterator[pa.Table]:
    for batch in scored.batches():
        days = pa.repeat(pa.scalar(scored.day), batch.num_rows)
        yield batch.add_column(0, SNAPSHOT_DATE, days).cast(schema)


def _guarded(rows: pa.Table) -> pa.Table:
    """The rows with `'` before every text that a spreadsheet would compute."""
    for at, field in enumerate(rows.schema):
        if pa.types.is_string(field.type):
            texts = rows.column(at)
            quoted = pc.binary_join_element_wise("'", texts, "")
            guarded = pc.if_else(pc.match_substring_regex(texts, FORMULA), quoted, texts)
            rows = rows.set_column(at, field, guarded)
    return rows
