"""The files of Dagster's SQLite storages: one for the events of each run, one each for index, runs and schedules."""

import datetime as dt
import logging
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import dagster as dg

__all__ = ["SqliteHistory"]

PATIENCE = 60  # seconds, for whoever writes at the moment
BESIDE = ("", "-wal", "-shm", "-journal")

logger = logging.getLogger("churn_assets")


@dataclass(frozen=True)
class SqliteHistory:
    """Where they lie.

    Attributes:
        runs: the folder with a file for each run.
        databases: the files that all runs share.
    """

    runs: Path
    databases: tuple[Path, ...]

    @classmethod
    def of(cls, instance: dg.DagsterInstance) -> Self:
        """The files of an instance whose storages are SQLite."""
        log, runs, schedules = (
            instance.event_log_storage,
            instance.run_storage,
            instance.schedule_storage,
        )
        shared: list[Path] = []
        storages: Any = (log.index_connection, runs.connect, schedules.connect)  # type: ignore[attr-defined, union-attr]  # of the SQLite storages
        for connect in storages:
            with connect() as connection:
                shared.append(Path(str(connection.engine.url.database)))
        return cls(shared[0].parent, tuple(shared))

    def files_of(self, run: str) -> list[Path]:
        """Those that hold the events of a run, or of none where the name is empty."""
        files = [self.runs / f"{run}.db{more}" for more in BESIDE]
        return [file for file in files if file.is_file()]

    def events_of(self, run: str) -> int:
        """How many events a run has left; its file is neither made nor changed."""
        file = self.runs / f"{run}.db"
        if not file.is_file():
            return 0
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
            return int(connection.execute("SELECT count(*) FROM event_logs").fetchone()[0])

    def compact(self, before: dt.datetime) -> int:
        """Give back the room of what was removed; the bytes that came of it.

        The copies of what happened outside any run go too: the index holds what is shown of them.
        """
        freed = 0
        runless = self.runs / ".db"
        for file in [*self.databases, *([runless] if runless.is_file() else [])]:
            size = _size(file)
            try:
                with closing(sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)) as connection:
                    if file == runless:
                        past = before.astimezone(dt.UTC).replace(tzinfo=None).isoformat(" ")
                        connection.execute("DELETE FROM event_logs WHERE timestamp < ?", (past,))
                    connection.execute("VACUUM")
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.OperationalError as error:  # somebody writes on, or the disk is full: all is removed by now
                logger.warning("%s keeps its size (%s); the next prune tries again", file, error)
            freed += size - _size(file)
        return freed


def _size(file: Path) -> int:
    return sum(each.stat().st_size for more in BESIDE if (each := Path(f"{file}{more}")).is_file())
