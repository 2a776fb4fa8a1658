"""A table moved to other columns: in one commit, with every day that must be written anew for it."""

import datetime as dt
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa
from deltalake import Schema
from deltalake.transaction import AddAction, RemoveAction

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.errors import PartitionConflict
from churn_assets.core.table_schemas import SNAPSHOT_DATE
from churn_assets.storage.tables.commit_files import add_action, commit_actions
from churn_assets.storage.tables.commits import Commit, migration_metadata
from churn_assets.storage.tables.delta_log import DeltaLog
from churn_assets.storage.tables.parquet import as_filled, count_rows, write_part
from churn_assets.storage.tables.table import COMMIT_ATTEMPTS, Table
from churn_assets.storage.tables.versions import PartitionVersion, Staged

__all__ = ["commit_columns", "write_anew"]

NO_DAY = dt.date.min.isoformat()  # a commit that moves the columns alone replaces the files of this day: there are none


def write_anew(
    table: Table, version: PartitionVersion, schema: pa.Schema, key: str, cast: Callable[[pa.Table], pa.Table]
) -> Staged:
    """A version whose rows are those of another one as `cast` makes them, in the same parts, seen by no reader.

    Raises:
        DamagedVersion: the version is not what was published.
    """

    def write(folder: Path, part: int) -> None:
        rows = [cast(batch) for batch in version.batches(part=part)]
        write_part(folder, part, as_filled(schema, rows), key, rows)

    version.verified()
    return table.stage(
        version.day, schema, lambda folder: deque(ordered_map(partial(write, folder), version.parts), maxlen=0)
    )


def commit_columns(
    table: Table, schema: pa.Schema, commit: Commit, anew: Mapping[dt.date, tuple[str, Staged]] | None = None
) -> None:
    """Give the table the columns of `schema` in one commit.

    Args:
        table: a table.
        schema: its columns from now on.
        commit: who moves it, and why.
        anew: for every day of the table, the version that was written anew and what takes its place; nothing where
            the files stay as they are, whose readers find null in a column that they lack.

    Raises:
        PartitionConflict: a day was published in the meantime.
        RunError: an object store gave no answer.
    """
    root, log = table.folder, DeltaLog(table.folder)
    fields = [pa.field(SNAPSHOT_DATE, pa.date32()), *(pa.field(each.name, each.type) for each in schema)]
    adds, moved = _moved(table, commit, anew or {})
    columns, told = Schema.from_arrow(pa.schema(fields)), migration_metadata(commit, moved)
    for attempt in range(COMMIT_ATTEMPTS):
        delta = log.refresh().table
        if delta is None:  # it was never made: the first day that is published gives it its columns
            return
        if attempt and _is_done(log, schema, anew or {}):  # only the answer to it was lost
            return
        if anew is not None:
            _refuse_other_days(table, log, {day: old for day, (old, _) in anew.items()})
        if commit_actions(delta, root, adds, told, attempt, only=None if anew else NO_DAY, schema=columns):
            return
        time.sleep(random.uniform(0.001, 0.02))  # noqa: S311  # spreads retries, guards nothing
    raise PartitionConflict(f"{table.name}: the table was busy {COMMIT_ATTEMPTS} times; migrate again")


def _is_done(log: DeltaLog, schema: pa.Schema, anew: Mapping[dt.date, tuple[str, Staged]]) -> bool:
    """Whether the table has the columns, and every day what was written anew for it."""
    there = {each.name: str(each.type) for each in log.columns() or ()}
    is_moved = all(log.current(day) == staged.version for day, (_, staged) in anew.items())
    return is_moved and there == {each.name: str(each.type) for each in schema}


def _refuse_other_days(table: Table, log: DeltaLog, expected: Mapping[dt.date, str]) -> None:
    if {day: log.current(day) for day in log.files()} != expected:
        raise PartitionConflict(
            f"{table.name}: a day was published while the table was moved; it stands as it was: migrate again"
        )


def _moved(
    table: Table, commit: Commit, anew: Mapping[dt.date, tuple[str, Staged]]
) -> tuple[list[AddAction | RemoveAction], list[tuple[dt.date, str, int, Commit]]]:
    """The files of what was written anew, in their places, and what is told of each day: what was told before, too."""
    adds: list[AddAction | RemoveAction] = []
    moved = []
    told = table.newest(anew)
    for day, (before, staged) in anew.items():
        table.place(staged)
        files = table.version(day, staged.version).files
        adds += [add_action(table.root, day, path) for path in files]
        details = told[day].commit.details | {"migrated_from": before}
        of_day = Commit("migrate", commit.actor, commit.reason, commit.run_id, "", commit.code_revision, details)
        moved.append((day, staged.version, sum(count_rows(path) for path in files), of_day))
    return adds, moved
