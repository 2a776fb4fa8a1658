"""A table's Delta log as it stands: which files are current, and what its commits tell, read no more than once.

A table lives for years and gains a commit a night. So nothing here reads all of the log unless all of
it is asked for: events are read from the newest back, kept, and only newer ones are read again.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from churn_assets.core.errors import RunError
from churn_assets.core.table_schemas import SNAPSHOT_DATE
from churn_assets.storage.tables.commits import Event, read_event

__all__ = ["Log"]

FIRST_READ = 32  # commits; each further read goes four times as far back
Files = dict[dt.date, list[tuple[str, str]]]  # version and name of each


class Log:
    """The commits of the Delta table at `root`, as they stood when it was last refreshed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._table: DeltaTable | None = None
        self._files: tuple[int, Files] = (-1, {})
        self._events: dict[int, Event] = {}  # by the number of the commit
        self._read = range(0)  # the commits that were read

    @property
    def table(self) -> DeltaTable | None:
        """The table, None where there was none."""
        return self._table

    def refresh(self) -> Self:
        """The log as it stands now; only what is new is read."""
        if self._table is not None:
            self._table.update_incremental()
            return self
        with suppress(TableNotFoundError):
            self._table = DeltaTable(self.root)
        return self

    def files(self) -> Files:
        """The files of every day's current version, in no order."""
        if self._table is None:
            return {}
        version = self._table.version()
        if self._files[0] != version:
            self._files = (version, _by_day(self._table.file_uris()))  # all at once cost less than those of one day
        return self._files[1]

    def current(self, day: dt.date) -> str | None:
        """The current version of `day`, None where it was never published."""
        versions = {version for version, _ in self.files().get(day, [])}
        if len(versions) > 1:
            raise RunError(f"{self.root} {day}: more than one version is current: {', '.join(sorted(versions))}")
        return versions.pop() if versions else None

    def backwards(self, day: dt.date) -> Iterator[Event]:
        """The commits of `day`, newest first; the log is read as far back as the caller goes, or as the day does."""
        if day not in self.files():  # a day that was ever published has a current version
            return
        for event in self._newest_first():
            if event.day == day:
                yield event
                if event.is_first:
                    return

    def newest(self, days: Iterable[dt.date]) -> dict[dt.date, Event]:
        """The newest commit of each of `days` that was ever published."""
        there = self.files()
        wanted = {day for day in days if day in there}
        found: dict[dt.date, Event] = {}
        if wanted:
            for event in self._newest_first():
                if event.day in wanted:
                    found.setdefault(event.day, event)
                    if len(found) == len(wanted):
                        break
        return found

    def events(self) -> list[Event]:
        """Every commit of a partition, oldest first."""
        return list(self._newest_first())[::-1]

    def _newest_first(self) -> Iterator[Event]:
        table = self._table
        if table is None:
            return
        for number in range(table.version(), -1, -1):
            self._read_as_far_as(table, number)
            if number in self._events:
                yield self._events[number]

    def _read_as_far_as(self, table: DeltaTable, number: int) -> None:
        """See that commit `number` and all newer ones have been read; each reading goes four times as far back."""
        newest = table.version()
        if newest not in self._read:
            oldest = self._read.start if self._read else newest + 1
            self._keep(table, range(self._read.stop if self._read else oldest, newest + 1))
            self._read = range(oldest, newest + 1)
        if number < self._read.start:
            oldest = max(0, self._read.start - max(FIRST_READ, 3 * len(self._read)))
            self._keep(table, range(oldest, self._read.start))
            self._read = range(oldest, newest + 1)

    def _keep(self, table: DeltaTable, numbers: range) -> None:
        count = table.version() - numbers.start + 1
        commits = table.history(count) if numbers else []
        commits = commits[max(0, len(commits) - count) :]  # the library also tells of those since the table was opened
        for number, commit in zip(range(table.version(), -1, -1), commits, strict=False):  # of an old log less is left
            if number in numbers and SNAPSHOT_DATE in commit:
                self._events[number] = read_event(commit)


def _by_day(uris: Iterable[str]) -> Files:
    """Files by the day in `.../snapshot_date=2026-11-01/<version>/part-0.parquet`."""
    files: Files = {}
    for uri in uris:
        _, partition, version, name = uri.rsplit("/", 3)
        day = dt.date.fromisoformat(partition[len(SNAPSHOT_DATE) + 1 :])
        files.setdefault(day, []).append((version, name))
    return files
