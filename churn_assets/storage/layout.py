"""The only place that spells paths below `data_dir`."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from churn_assets.core.table_schemas import SNAPSHOT_DATE

__all__ = ["Layout", "lookup_folder", "part_name", "partition_folder", "segments_folder", "version_folder"]


@dataclass(frozen=True)
class Layout:
    """Where everything lies below one data folder."""

    data_dir: Path

    @property
    def models(self) -> Path:
        """One folder for each model version."""
        return self.data_dir / "models"

    @property
    def dagster(self) -> Path:
        """Dagster's runs, events and logs."""
        return self.data_dir / "dagster"

    def table(self, name: str) -> Path:
        """The root of the Delta table `name`."""
        return self.data_dir / "tables" / name


def partition_folder(day: dt.date) -> str:
    """The folder of a partition, from its table's root."""
    return f"{SNAPSHOT_DATE}={day.isoformat()}"


def version_folder(day: dt.date, version: str) -> str:
    """The folder of a partition version, from its table's root."""
    return f"{partition_folder(day)}/{version}"


def lookup_folder(day: dt.date, version: str) -> str:
    """The folder of a score version's key lookup, from its table's root; a vacuum passes over what begins with `_`."""
    return f"_lookup/{version_folder(day, version)}"


def segments_folder(folder: Path) -> Path:
    """Where the pieces of a lookup lie while its scores are written in `folder`."""
    return folder / "lookup"


def part_name(number: int) -> str:
    """The name of a partition version's file."""
    return f"part-{number}.parquet"
