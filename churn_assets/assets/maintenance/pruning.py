"""Dagster's record of what is long past, removed from whichever storage holds it.

Each partition of an asset keeps its newest materialization and each check its newest result, so that the UI shows every
partition as it is; a run that has not ended keeps everything. What is removed of a run goes before the run itself: the
next prune makes good one that was killed.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.schedules.schema import JobTickTable
from sqlalchemy.engine import Connection

from churn_assets.assets.maintenance.sqlite_history import SqliteHistory

__all__ = ["Pruned", "prune"]

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
SHOWN = ["ASSET_MATERIALIZATION", "ASSET_OBSERVATION"]
RUNS_AT_ONCE = 200  # in one statement

EVENTS, RESULTS, EVENT_TAGS, TICKS = (
    SqlEventLogStorageTable,
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    JobTickTable,
)


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        before: what ended or happened earlier was looked at.
        runs: runs, each with its logs.
        events: lines of the event log, those of the runs and of what happened outside any.
        ticks: what schedules and sensors recorded each time.
        bytes: freed on the disk; none of PostgreSQL's, which gives its space back to itself.
    """

    before: dt.datetime
    runs: int
    events: int
    ticks: int
    bytes: int


def prune(instance: dg.DagsterInstance, before: dt.datetime, *, dry_run: bool = False) -> Pruned:
    """Remove what ended before that time; count it alone where it is a `dry_run`.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the storage does not answer.
    """
    log: Any = instance.event_log_storage
    history = SqliteHistory.of(instance) if isinstance(log, SqliteEventLogStorage) else None
    ended = instance.get_run_ids(dg.RunsFilter(statuses=ENDED, updated_before=before))
    events = freed = 0
    for first in range(0, len(ended), RUNS_AT_ONCE):
        some = ended[first : first + RUNS_AT_ONCE]
        with log.index_connection() as index:
            of_runs = _remove(index, EVENTS, EVENTS.c.run_id.in_(some) & _is_replaced(), dry_run=dry_run)
            _remove(index, RESULTS, RESULTS.c.run_id.in_(some) & _has_newer_result(), dry_run=dry_run)
        events += of_runs if history is None else sum(map(history.events_of, some))
        for run in some:
            files = _compute_logs(instance, run) + ([] if history is None else history.files_of(run))
            freed += sum(file.stat().st_size for file in files)
            if not dry_run:
                _remove_run(instance, run, files)
    with log.index_connection() as index:
        runless = (EVENTS.c.run_id == "") & (EVENTS.c.timestamp < before) & _is_replaced()
        events += _remove(index, EVENTS, runless, dry_run=dry_run)
        _remove(index, EVENT_TAGS, EVENT_TAGS.c.event_id.not_in(sa.select(EVENTS.c.id)), dry_run=dry_run)
    ticks = _remove_ticks(instance, before, dry_run=dry_run)
    if history is not None and not dry_run:
        freed += history.compact(before)
    return Pruned(before, len(ended), events, ticks, freed)


def _remove(connection: Connection, table: sa.Table, which: Any, *, dry_run: bool) -> int:
    if dry_run:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(which)).scalar_one())
    return connection.execute(table.delete().where(which)).rowcount


def _is_replaced() -> Any:
    """Of an event: that it is not the newest of its kind of its partition."""
    event = EVENTS.c
    newest = sa.select(sa.func.max(event.id)).where(event.dagster_event_type.in_(SHOWN))
    return event.id.not_in(newest.group_by(event.dagster_event_type, event.asset_key, event.partition))


def _has_newer_result() -> Any:
    result = RESULTS.c
    newest = sa.select(sa.func.max(result.id)).group_by(result.asset_key, result.check_name, result.partition)
    return result.id.not_in(newest)


def _remove_ticks(instance: dg.DagsterInstance, before: dt.datetime, *, dry_run: bool) -> int:
    """All but the newest of each schedule and sensor, from which the daemon goes on."""
    tick = TICKS.c
    newest = sa.select(sa.func.max(tick.id)).group_by(tick.job_origin_id, tick.selector_id)
    storage: Any = instance.schedule_storage
    with storage.connect() as connection:
        return _remove(connection, TICKS, (tick.timestamp < before) & tick.id.not_in(newest), dry_run=dry_run)


def _compute_logs(instance: dg.DagsterInstance, run: str) -> list[Path]:
    """What the run printed, where it lies on this machine."""
    manager = instance.compute_log_manager
    if not isinstance(manager, LocalComputeLogManager):
        return []
    folder = Path(manager.get_captured_local_path([run, "compute_logs"], "out")).parent
    return [file for file in folder.rglob("*") if file.is_file()]


def _remove_run(instance: dg.DagsterInstance, run: str, files: Sequence[Path]) -> None:
    instance.compute_log_manager.delete_logs(prefix=[run])
    for file in files:
        file.unlink(missing_ok=True)
    instance.run_storage.delete_run(run)
