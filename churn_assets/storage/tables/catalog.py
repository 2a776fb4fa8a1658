"""What is published right now, day by day: asked many times a second, read anew only after a commit."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from churn_assets.core.errors import RunError
from churn_assets.core.table_schemas import SNAPSHOT_DATE
from churn_assets.storage.tables.commits import Event, read_event
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["Catalog", "CatalogReader", "PublishedDay"]


@dataclass(frozen=True)
class PublishedDay:
    """The current scores of a day, their number, and when and by which model they became current."""

    scores: PartitionVersion
    rows: int
    model_version: str
    published_at: dt.datetime


@dataclass(frozen=True)
class Catalog:
    """Every day that has scores, in order, as one commit left them."""

    commit: int = -1
    days: Mapping[dt.date, PublishedDay] = field(default_factory=dict)

    @property
    def newest(self) -> PublishedDay | None:
        """The last day, None where nothing was ever published."""
        return self.days[max(self.days)] if self.days else None


class CatalogReader:
    """Follows the log of the table below `root`; not for several threads at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._table: DeltaTable | None = None
        self._mark: tuple[int, int] | None = None
        self._events: dict[tuple[dt.date, str], Event] = {}
        self._catalog = Catalog()

    def read(self) -> Catalog:
        """What is published now: the very same object as long as nothing was committed.

        Raises:
            RunError: the table's log cannot be read.
        """
        try:
            table = self._follow()
            if table is None:
                self._catalog = Catalog()
            elif table.version() != self._catalog.commit:
                self._catalog = self._look(table)
        except (DeltaError, OSError, KeyError, ValueError) as error:
            self._table = None
            raise RunError(f"{self.root}: its log cannot be read ({type(error).__name__}: {error})") from error
        return self._catalog

    def _follow(self) -> DeltaTable | None:
        """The table as it stands; opened anew where another one has taken its place, from a backup say."""
        if self._table is None or self._stamp(self._table) != self._mark:
            self._events, self._catalog = {}, Catalog()
            try:
                self._table = DeltaTable(self.root)
            except TableNotFoundError:
                self._table = None
                return None
        else:
            self._table.update_incremental()
        self._mark = self._stamp(self._table)
        return self._table

    def _stamp(self, table: DeltaTable) -> tuple[int, int] | None:
        try:
            told = (self.root / "_delta_log" / f"{table.version():020}.json").stat()
        except FileNotFoundError:
            return None
        return told.st_ino, told.st_mtime_ns

    def _look(self, table: DeltaTable) -> Catalog:
        fresh = table.version() - self._catalog.commit
        for commit in reversed(table.history(fresh)):
            if SNAPSHOT_DATE in commit:
                event = read_event(commit)
                self._events[event.day, event.version] = event
        files: dict[dt.date, dict[Path, int]] = {}
        actions = pa.RecordBatchReader.from_stream(table.get_add_actions()).read_all()  # `pa.table` would load pandas
        for action in actions.select(["path", "num_records"]).to_pylist():
            path = self.root / action["path"]
            day = dt.date.fromisoformat(path.parent.parent.name.removeprefix(f"{SNAPSHOT_DATE}="))
            files.setdefault(day, {})[path] = action["num_records"]
        return Catalog(table.version(), {day: self._day(day, files[day]) for day in sorted(files)})

    def _day(self, day: dt.date, files: Mapping[Path, int]) -> PublishedDay:
        versions = {path.parent.name for path in files}
        if len(versions) > 1:
            raise RunError(f"{self.root} {day}: more than one version is current: {', '.join(sorted(versions))}")
        [version] = versions
        event = self._events[day, version]
        ordered = sorted(files, key=lambda path: int(path.stem.removeprefix("part-")))
        scores = PartitionVersion(day, version, tuple(ordered))
        return PublishedDay(scores, sum(files.values()), event.commit.model_version, event.published_at)
