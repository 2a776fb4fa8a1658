"""The only place that spells paths below `data_dir`."""

import datetime as dt
import os
import re
from dataclasses import dataclass
from pathlib import Path

from churn_assets.core.errors import RunError
from churn_assets.core.object_store import ObjectStore
from churn_assets.core.table_schemas import SNAPSHOT_DATE
from churn_assets.storage.remote import Folder

__all__ = [
    "ERASURE_KEY",
    "EXPIRED",
    "STAGING",
    "Layout",
    "PartFile",
    "feature_counts_file",
    "lookup_folder",
    "part_file",
    "part_name",
    "partition_folder",
    "reasons_folder",
    "record_file",
    "report_file",
    "rewritten_record",
    "segments_folder",
    "stored_lookups",
    "stored_versions",
    "version_folder",
]

PART_PATH = re.compile(
    rf"{SNAPSHOT_DATE}=(?P<day>\d{{4}}-\d\d-\d\d)/(?P<version>\w+)/part-(?P<number>\d+)\.parquet", re.ASCII
)
RECORD_PATH = re.compile(r"\w[\w.-]*\.parquet", re.ASCII)
VERSION_PATH = re.compile(rf"{SNAPSHOT_DATE}=(?P<day>\d{{4}}-\d\d-\d\d)/(?P<version>\w+)", re.ASCII)
ERASURE_KEY = "erasure.key"  # below the data folder: the secret by which erased customers are known again
STAGING = "_staging"  # below a table or the models: what is being made, and seen by nobody
EXPIRED = "_expired"  # likewise: what is being removed; a vacuum and a writer's own sweeping pass over it


@dataclass(frozen=True)
class Layout:
    """Where everything lies below one data folder of this machine, and in the object store that it mirrors, if any."""

    data_dir: Path
    store: ObjectStore | None = None

    @classmethod
    def of(cls, data_dir: Path | ObjectStore) -> "Layout":
        """Of the `data_dir` that the settings name."""
        return cls(data_dir.mirror, data_dir) if isinstance(data_dir, ObjectStore) else cls(data_dir)

    @property
    def folder(self) -> Folder:
        """The data folder itself."""
        return Folder(self.data_dir, self.store)

    @property
    def models(self) -> Folder:
        """One folder for each model version."""
        return self.folder.below("models")

    @property
    def dagster(self) -> Path:
        """Dagster's runs, events and logs."""
        return self.data_dir / "dagster"

    @property
    def run_locks(self) -> Path:
        """A lock for each run under way."""
        return self.dagster / "running"

    @property
    def metrics(self) -> Path:
        """The newest night in figures, as Prometheus's node_exporter reads them."""
        return self.data_dir / "metrics" / "churn_assets.prom"

    def table(self, name: str) -> Folder:
        """The root of the Delta table `name`."""
        return self.folder.below(f"tables/{name}")

    def tables(self) -> list[Folder]:
        """The roots of all tables and ledgers that were ever made, by name.

        Raises:
            RunError: this user may not read their folder: they would seem to be gone.
        """
        if self.store is not None:
            roots = [self.table(name) for name in self.folder.folders("tables")]
            return [root for root in roots if root.has_folder("_delta_log")]  # else it is only being made
        folder = self.data_dir / "tables"
        if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
            raise RunError(f"uid {os.getuid()} may not read {folder}; give it access")
        return [self.table(log.parent.name) for log in sorted(self.data_dir.glob("tables/*/_delta_log"))]


def partition_folder(day: dt.date) -> str:
    """The folder of a partition, from its table's root."""
    return f"{SNAPSHOT_DATE}={day.isoformat()}"


def version_folder(day: dt.date, version: str) -> str:
    """The folder of a partition version, from its table's root."""
    return f"{partition_folder(day)}/{version}"


def lookup_folder(day: dt.date, version: str) -> str:
    """The folder of a score version's key lookup, from its table's root; a vacuum passes over what begins with `_`."""
    return f"_lookup/{version_folder(day, version)}"


def feature_counts_file(day: dt.date, version: str) -> str:
    """The file of what a score version's features counted, from its table's root; a vacuum passes over it likewise."""
    return f"_feature_counts/{version_folder(day, version)}.json"


def report_file(day: dt.date, version: str, suffix: str) -> str:
    """A file of the report of a score version, from its table's root: `md`, `svg` or `json`; as above."""
    return f"_report/{version_folder(day, version)}.{suffix}"


def rewritten_record(root: Folder) -> Folder:
    """The record of the versions that an erasure rewrote, beside the table at `root`."""
    return Folder(root.path.parent / "rewritten_versions", root.store)


def stored_versions(root: Folder) -> list[tuple[dt.date, str]]:
    """Every version of which something is stored below a table's `root`, published or not, by day."""
    return _versions_below(root)


def stored_lookups(root: Folder) -> list[tuple[dt.date, str]]:
    """Every version of whose key lookup something is stored below a table's `root`, by day."""
    return _versions_below(root.below("_lookup"))


def _versions_below(folder: Folder) -> list[tuple[dt.date, str]]:
    here = [path.relative_to(folder.path).as_posix() for path in folder.path.glob(f"{SNAPSHOT_DATE}=*/*")]
    names = {name.rpartition("/")[0] for name in folder.listed()} if folder.store is not None else set(here)
    found = [match for name in sorted(names) if (match := VERSION_PATH.fullmatch(name))]
    return [(dt.date.fromisoformat(each["day"]), each["version"]) for each in found]


def segments_folder(folder: Path) -> Path:
    """Where the segments of a lookup lie while its scores are written in `folder`."""
    return folder / "lookup"


def reasons_folder(folder: Path) -> Path:
    """Where the parts of the reasons lie while their scores are written in `folder`."""
    return folder / "reasons"


@dataclass(frozen=True)
class PartFile:
    """A file of a partition version, and how many rows its table's log says that it holds."""

    day: dt.date
    version: str
    number: int
    path: Path
    rows: int


def part_file(root: Path | Folder, path: str, rows: int) -> PartFile:
    """The file that an entry of a table's log names: `snapshot_date=2026-11-01/<version>/part-0.parquet`, and no other.

    Raises:
        RunError: the path leaves the table, or is that of no version.
    """
    found = PART_PATH.fullmatch(path)
    try:
        day = dt.date.fromisoformat(found["day"]) if found else None
    except ValueError:
        day = None
    if found is None or day is None:
        raise RunError(
            f"{root}: its log names {path!r}, which is no file of a version of this table; nothing was read: restore "
            "_delta_log from a backup"
        )
    return PartFile(day, found["version"], int(found["number"]), root / path, rows)


def record_file(root: Path | Folder, path: str) -> Path:
    """The file that an entry of a ledger's log names: one beside the log, and no other.

    Raises:
        RunError: the path leaves the ledger.
    """
    if not RECORD_PATH.fullmatch(path):
        raise RunError(
            f"{root}: its log names {path!r}, which is no file of this record; nothing was read: restore _delta_log "
            "from a backup"
        )
    return root / path


def part_name(number: int) -> str:
    """The name of a partition version's file."""
    return f"part-{number}.parquet"
