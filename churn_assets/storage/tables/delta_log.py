"""A table's Delta log as it stands: what is current, and what its commits tell, read no more than once.

A table lives for years and gains a commit a night. So nothing here reads all of the log unless all of
it is asked for: events are read from the newest back, kept, and only newer ones are read again. The score
service asks many times a second, and hears nothing new until there is a commit.
"""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.errors import RunError
from churn_assets.core.table_schemas import SNAPSHOT_DATE
from churn_assets.storage.erasure.rewritten import RewrittenVersions
from churn_assets.storage.layout import PartFile, part_file, part_name, version_folder
from churn_assets.storage.remote import Folder, as_folder
from churn_assets.storage.tables.commit_files import (
    check_commits,
    commit_file,
    commit_numbers,
    refuse_obstacles,
    unreadable,
)
from churn_assets.storage.tables.commits import Event, read_events
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["Catalog", "DeltaLog", "PublishedDay"]

FIRST_READ = 32  # commits; each further read goes four times as far back
CHECKED = 32  # of the newest commits, when a log is opened; each newer one, as it comes


@dataclass(frozen=True)
class PublishedDay:
    """The current version of a day, the number of its rows, and when and by which model it became current."""

    scores: PartitionVersion
    rows: int
    model_version: str
    published_at: dt.datetime


@dataclass(frozen=True)
class Catalog:
    """Every day that has a current version, in order, as one commit left them."""

    commit: int = -1
    days: Mapping[dt.date, PublishedDay] = field(default_factory=dict)

    @property
    def newest(self) -> PublishedDay | None:
        """The last day, None where nothing was ever published."""
        return self.days[max(self.days)] if self.days else None


class DeltaLog:
    """The commits of the Delta table at `root`, as they stood when it was last refreshed; not for several threads."""

    def __init__(self, root: Path | Folder) -> None:
        self.folder = as_folder(root)
        self.root = self.folder.path
        self._table: DeltaTable | None = None
        self._was_there = False
        self._mark: tuple[int, int] | None = None
        self._files: tuple[int, dict[dt.date, list[PartFile]]] = (-1, {})
        self._events: dict[int, list[Event]] = {}  # by the number of the commit
        self._columns: tuple[int, pa.Schema] | None = None  # as of a commit
        self._read = range(0)  # the commits that were read
        self._catalog = Catalog()
        self._stored: dict[dt.date, set[str]] = {}
        self._rewritten = RewrittenVersions(self.folder)

    @property
    def table(self) -> DeltaTable | None:
        """The table, None where there was none."""
        return self._table

    def refresh(self) -> Self:
        """The log as it stands now; only what is new is read.

        Raises:
            RunError: it cannot be read, is torn, or a table that was there is gone.
        """
        try:
            is_news = self._follow()
            self._was_there = True
            if is_news or self.folder.store is None:  # an erasure commits too: an object store is asked no oftener
                self.follow_erasures()
        except TableNotFoundError:
            self._table = None
            refuse_obstacles(self.folder)
            if self._was_there:
                raise RunError(f"{self.folder} is no longer there; restore the folder, or mount it again") from None
        except RunError:
            self._table = None
            raise
        except (DeltaError, OSError, ValueError) as error:
            self._table = None
            refuse_obstacles(self.folder)
            check_commits(self.folder, commit_numbers(self.root)[-CHECKED:])
            raise unreadable(self.folder, error) from self.folder.cause(error)
        return self

    def _follow(self) -> bool:
        """Open the table, or look what was committed since; another one, from a backup say, is opened anew.

        Whether there is anything new.
        """
        if self._table is None or self._mark is None or self._stamp(self._table.version()) != self._mark:
            self._forget()
            self._table = None
            self._table = DeltaTable(self.folder.uri, storage_options=self.folder.storage_options)
            seen = max(-1, self._table.version() - CHECKED)
        else:
            seen = self._table.version()
            self._table.update_incremental()
        version = self._table.version()
        check_commits(self.folder, range(seen + 1, version + 1))
        self._mark = self._stamp(version)
        return version != seen

    def follow_erasures(self) -> bool:
        """Read what erasures have rewritten since; whether there was anything."""
        if is_news := self._rewritten.refresh():
            self._forget()
        return is_news

    def _forget(self) -> None:
        self._files, self._events, self._read, self._catalog = (-1, {}), {}, range(0), Catalog()
        self._columns = None

    def _stamp(self, version: int) -> tuple[int, int] | None:
        """What tells a commit from one of its number in another log."""
        if self.folder.store is not None:
            return self.folder.stamp(commit_file(Path(), version).as_posix())
        try:
            status = commit_file(self.root, version).stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def files(self) -> Mapping[dt.date, list[PartFile]]:
        """The files of every day's current version, in no order.

        Raises:
            RunError: an entry of the log names a file that is none of a version of this table.
        """
        if self._table is None:
            return {}
        version = self._table.version()
        if self._files[0] != version:
            files: dict[dt.date, list[PartFile]] = {}
            self._stored = {}
            actions = pa.RecordBatchReader.from_stream(self._table.get_add_actions()).read_all()  # loads no pandas
            for action in actions.select(["path", "num_records"]).to_pylist():
                file = part_file(self.folder, action["path"], action["num_records"])
                self._stored.setdefault(file.day, set()).add(file.version)
                files.setdefault(file.day, []).append(self._as_rewritten(file))
            self._files = (version, files)
        return self._files[1]

    def columns(self) -> pa.Schema | None:
        """The table's columns but the partition's, None where there is no table."""
        if self._table is None:
            return None
        version = self._table.version()
        if self._columns is None or self._columns[0] != version:
            fields = pa.schema(self._table.schema().to_arrow())
            self._columns = (version, pa.schema([each for each in fields if each.name != SNAPSHOT_DATE]))
        return self._columns[1]

    def _as_rewritten(self, file: PartFile) -> PartFile:
        """The file as it is without those who were erased, also where the log does not name it so yet."""
        found = self._rewritten.find(file.day, file.version)
        if found is None:
            return file
        path = self.root / version_folder(file.day, found.new) / part_name(file.number)
        return PartFile(file.day, found.new, file.number, path, found.rows[file.number])

    def stored(self, day: dt.date) -> set[str]:
        """The versions of `day` whose files the log itself names: one, by what it was called when it was committed."""
        self.files()
        return self._stored.get(day, set())

    def resolve(self, day: dt.date, version: str) -> str:
        """The name that a version of `day` has now: another one where an erasure rewrote it."""
        return self._rewritten.resolve(day, version)

    def rewritten_names(self, details: Mapping[str, Any]) -> list[str]:
        """The names in a commit's `details` of versions that an erasure has rewritten."""
        self.follow_erasures()
        return self._rewritten.names(dict(details))

    def rows(self) -> int:
        """How many rows all current versions hold."""
        return sum(file.rows for files in self.files().values() for file in files)

    def current(self, day: dt.date) -> str | None:
        """The current version of `day`, None where it was never published."""
        versions = {file.version for file in self.files().get(day, [])}
        if len(versions) > 1:
            raise RunError(f"{self.folder} {day}: more than one version is current: {', '.join(sorted(versions))}")
        return versions.pop() if versions else None

    def catalog(self) -> Catalog:
        """Everything that is current: the very same object as long as nothing was committed."""
        if self._table is None:
            self._catalog = Catalog()
        elif self._table.version() != self._catalog.commit:
            newest = self.newest(self.files())
            days = {day: self._published(day, newest[day]) for day in sorted(self.files())}
            self._catalog = Catalog(self._table.version(), days)
        return self._catalog

    def _published(self, day: dt.date, newest: Event) -> PublishedDay:
        version = self.current(day) or ""
        files = sorted(self.files()[day], key=lambda file: file.number)
        scores = PartitionVersion(day, version, tuple(file.path for file in files))
        rows = sum(file.rows for file in files)
        return PublishedDay(scores, rows, newest.commit.model_version, newest.published_at)

    def backwards(self, day: dt.date, *, erasures: bool = False) -> Iterator[Event]:
        """The commits of `day`, newest first; the log is read as far back as the caller goes, or as the day does.

        An erasure tells nothing of how a version was made: it is passed over, unless it is asked for.
        """
        if day not in self.files():  # a day that was ever published has a current version
            return
        for event in self._newest_first():
            if event.day == day:
                if erasures or event.commit.kind != "erasure":
                    yield event
                if event.is_first:
                    return

    def events(self) -> dict[dt.date, list[Event]]:
        """Every commit of every day, oldest first; all of the log is read."""
        by_day: dict[dt.date, list[Event]] = {}
        for event in list(self._newest_first())[::-1]:
            by_day.setdefault(event.day, []).append(event)
        return by_day

    def newest(self, days: Iterable[dt.date]) -> dict[dt.date, Event]:
        """The newest commit of the current version of each of `days` that was ever published.

        Raises:
            RunError: no commit of ours made a version current.
        """
        there = self.files()
        wanted = {day: self.current(day) for day in days if day in there}
        found: dict[dt.date, Event] = {}
        if wanted:
            for event in self._newest_first():
                if wanted.get(event.day) == event.version and event.commit.kind != "erasure":
                    found.setdefault(event.day, event)
                    if len(found) == len(wanted):
                        break
        for day in wanted.keys() - found.keys():
            raise RunError(
                f"{self.folder} {day}: version {wanted[day]} is current, and another program made it so: publish the "
                f"day again with `churn-assets run --date {day}`"
            )
        return found

    def _newest_first(self) -> Iterator[Event]:
        table = self._table
        if table is None:
            return
        for number in range(table.version(), -1, -1):
            self._read_as_far_as(table, number)
            yield from self._events.get(number, ())

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
        commits = self._read_commits(numbers) if self.folder.store is not None else self._tell_commits(table, numbers)
        for number, commit in commits:
            if events := self._told(number, commit):
                self._events[number] = [self._rewritten.event(each) for each in events]

    def _tell_commits(self, table: DeltaTable, numbers: range) -> list[tuple[int, dict[str, Any]]]:
        """Those of the commits that are still there, by the library."""
        count = table.version() - numbers.start + 1
        try:
            commits = table.history(count) if numbers else []
        except (DeltaError, OSError, ValueError) as error:
            check_commits(self.folder, numbers)
            raise unreadable(self.folder, error) from error
        commits = commits[max(0, len(commits) - count) :]  # the library also tells of those since the table was opened
        told = zip(range(table.version(), -1, -1), commits, strict=False)  # of an old log less is left
        return [(number, commit) for number, commit in told if number in numbers]

    def _read_commits(self, numbers: range) -> list[tuple[int, dict[str, Any]]]:
        """The same of an object store, several at once: the library lets no other thread work while it waits."""

        def read(number: int) -> tuple[int, dict[str, Any]]:
            path = commit_file(Path(), number)
            content = self.folder.read(path.as_posix()) or b""
            try:
                actions = [json.loads(line) for line in content.splitlines()]
            except ValueError as error:
                raise RunError(
                    f"{self.folder.below(path.as_posix())} was changed since it was written: restore it from a backup"
                ) from error
            return number, next((each["commitInfo"] for each in actions if "commitInfo" in each), {})

        return list(ordered_map(read, numbers))

    def _told(self, number: int, commit: dict[str, Any]) -> list[Event]:
        try:
            return list(read_events(commit))
        except (ValueError, KeyError, TypeError) as error:
            path = self.folder.below(commit_file(Path(), number).as_posix())
            raise RunError(
                f"{path} was changed since it was written ({type(error).__name__}): restore it from a backup"
            ) from error
