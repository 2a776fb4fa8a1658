"""Everything that is stored below `data_dir`: listed, set aside, removed, and by nobody else.

Nothing here decides what may go: `pipeline/maintenance` does.
"""

import datetime as dt
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from churn_assets.core.table_schemas import SNAPSHOT_DATE
from churn_assets.storage.files import fsync_folder
from churn_assets.storage.layout import EXPIRED, STAGING, Layout, version_folder
from churn_assets.storage.tables.commit_files import LOG, unreadable

__all__ = ["BESIDE", "DAY_FOLDER", "MODELS", "Inventory", "Kind", "Stored"]

Kind = Literal["version", "lookup", "feature_counts", "report", "model", "record", "unfinished"]
MODELS = "models"
DAY_FOLDER = re.compile(rf"{SNAPSHOT_DATE}=(\d{{4}}-\d\d-\d\d)", re.ASCII)
BESIDE: dict[Kind, str] = {"lookup": "_lookup", "feature_counts": "_feature_counts", "report": "_report"}
UNFINISHED = (f"{STAGING}/*", "_report/*/.*", f"{LOG}/_commit_*.tmp", f"{LOG}/*#[0-9]*", "*#[0-9]*")


@dataclass(frozen=True)
class Stored:
    """One thing that is stored: a folder or a file.

    Attributes:
        kind: what it is.
        table: whose it is, by the table's name; `models` of a model.
        path: the folder or file.
        modified: when it was last written to.
        bytes: how large it is, with all it holds.
        day: the snapshot date, where it has one.
        version: the version it is, or belongs to.
    """

    kind: Kind
    table: str
    path: Path
    modified: dt.datetime
    bytes: int
    day: dt.date | None = None
    version: str = ""

    @property
    def name(self) -> str:
        """Which one of its table it is, for a person and for the record."""
        return f"{self.day}/{self.path.name}" if self.day else self.path.name


class Inventory:
    """What one installation has stored."""

    def __init__(self, layout: Layout) -> None:
        """Of `layout`, on this machine."""
        self.layout = layout
        self._partitioned: dict[str, bool] = {}  # by the table's name: it is one or the other for ever

    def tables(self) -> list[str]:
        """The names of the partitioned tables."""
        return [root.name for root in self.layout.tables() if self.is_partitioned(root.name)]

    def ledgers(self) -> list[str]:
        """The names of the append-only records."""
        return [root.name for root in self.layout.tables() if not self.is_partitioned(root.name)]

    def is_partitioned(self, name: str) -> bool:
        """Whether it is a table of partitions, and no append-only record.

        Raises:
            RunError: its log cannot be read.
        """
        if name not in self._partitioned:
            root = self.layout.table(name)
            try:
                table = DeltaTable(root.uri, storage_options=root.storage_options)
                self._partitioned[name] = bool(table.metadata().partition_columns)
            except (DeltaError, OSError, ValueError) as error:
                raise unreadable(root, error) from root.cause(error)
        return self._partitioned[name]

    def versions(self, table: str) -> Iterator[Stored]:
        """Every version of every partition of a table, by day."""
        root = self.layout.table(table).path
        for day, folder in _day_folders(root):
            yield from (_stored("version", table, path, day) for path in sorted(folder.iterdir()) if path.is_dir())

    def beside(self, table: str) -> Iterator[Stored]:
        """What lies beside the versions of a table: lookups, counts of features, reports."""
        root = self.layout.table(table).path
        for kind, folder_name in BESIDE.items():
            for day, folder in _day_folders(root / folder_name):
                there = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
                yield from (_stored(kind, table, path, day) for path in there)

    def has_version(self, beside: Stored) -> bool:
        """Whether the version that this lies beside is there."""
        root = self.layout.table(beside.table).path
        return beside.day is not None and (root / version_folder(beside.day, beside.version)).is_dir()

    def records(self, ledger: str) -> list[Stored]:
        """The files of an append-only record, also those that no commit names any more."""
        root = self.layout.table(ledger).path
        return [replace(_stored("record", ledger, path), version="") for path in sorted(root.glob("*.parquet"))]

    def models(self) -> list[Stored]:
        """Every model's folder."""
        there = self.layout.models.path.iterdir() if self.layout.models.path.is_dir() else ()
        return [_stored("model", MODELS, path) for path in sorted(there) if path.is_dir() and path.name[0] not in "_."]

    def unfinished(self) -> list[Stored]:
        """What a writer has under way, or left when it was killed: staged folders and temporary names."""
        roots = [*(root.path for root in self.layout.tables()), self.layout.models.path]
        found = [(root, path) for root in roots for pattern in UNFINISHED for path in root.glob(pattern)]
        return [replace(_stored("unfinished", root.name, path), version="") for root, path in sorted(found)]

    def log_bytes(self, table: str) -> int:
        """How large a table's log is."""
        return sum(path.stat().st_size for path in (self.layout.table(table) / LOG).glob("*") if path.is_file())

    @contextmanager
    def at_hand(self, path: Path) -> Iterator[Layout]:  # noqa: ARG002  # where nothing has to be fetched
        """The layout below whose data folder a stored file or folder of this one can be read meanwhile."""
        yield self.layout

    def where(self, stored: Stored) -> str:
        """Where a person finds it."""
        return str(stored.path)

    def set_aside(self, stored: Stored) -> Stored | None:
        """Take a version or a model away from where readers look, by one rename; None where it is gone already."""
        aside = self._aside(stored)
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            stored.path.rename(aside)
        except FileNotFoundError:
            return None
        except OSError:  # the same one lies there already: an expiry was killed, and it was made again since
            shutil.rmtree(aside, ignore_errors=True)
            with suppress(OSError):
                stored.path.rename(aside)
        fsync_folder(stored.path.parent)
        return replace(stored, path=aside)

    def expired(self, table: str) -> list[Stored]:
        """What is set aside of a table, or of the models: by an expiry under way, or one that was killed."""
        if table == MODELS:
            there = (self.layout.models / EXPIRED).glob("*")
            return [_stored("model", MODELS, path) for path in sorted(there)]
        folders = _day_folders(self.layout.table(table) / EXPIRED)
        return [_stored("version", table, path, day) for day, folder in folders for path in sorted(folder.iterdir())]

    def put_back(self, aside: Stored) -> None:
        """Undo `set_aside`."""
        home = self._home(aside)
        with suppress(OSError):  # somebody else did it, or made the same again
            aside.path.rename(home)
            fsync_folder(home.parent)

    def remove(self, stored: Iterable[Stored]) -> None:
        """Remove files and folders; who has one open reads on, as the operating system keeps it for them."""
        for each in stored:
            if each.path.is_dir() and not each.path.is_symlink():
                shutil.rmtree(each.path, ignore_errors=True)
            else:
                each.path.unlink(missing_ok=True)
            if EXPIRED in each.path.parts:
                with suppress(OSError):  # others of its day
                    each.path.parent.rmdir()

    def _root(self, stored: Stored) -> Path:
        folder = self.layout.models if stored.kind == "model" else self.layout.table(stored.table)
        return folder.path

    def _aside(self, stored: Stored) -> Path:
        root = self._root(stored)
        return root / EXPIRED / stored.path.relative_to(root)

    def _home(self, aside: Stored) -> Path:
        root = self._root(aside)
        return root / aside.path.relative_to(root / EXPIRED)


def _day_folders(root: Path) -> Iterator[tuple[dt.date, Path]]:
    for folder in sorted(root.glob(f"{SNAPSHOT_DATE}=*")):
        if (found := DAY_FOLDER.fullmatch(folder.name)) and folder.is_dir():
            with suppress(ValueError):  # no day of the calendar: somebody else's folder
                yield dt.date.fromisoformat(found[1]), folder


def _stored(kind: Kind, table: str, path: Path, day: dt.date | None = None) -> Stored:
    modified, size = 0.0, 0
    with suppress(FileNotFoundError):  # removed or moved by its writer meanwhile
        status = path.stat()
        modified, size = status.st_mtime, _size(path)
    version = path.name.partition(".")[0] if day else path.name
    return Stored(kind, table, path, dt.datetime.fromtimestamp(modified, dt.UTC), size, day, version)


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    total = 0
    for each in path.rglob("*"):
        with suppress(FileNotFoundError):
            total += each.stat().st_size if each.is_file() else 0
    return total
