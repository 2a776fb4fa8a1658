"""Small tables as plain rows: what the command line prints and the UI shows of the watching."""

import datetime as dt

from churn_assets.core.table_schemas import SNAPSHOT_DATE
from churn_assets.storage.layout import version_folder
from churn_assets.storage.tables.ledger import Row
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import PartitionVersion, parts_of

__all__ = ["rows_between"]


def rows_between(table: Table, first: dt.date | None = None, last: dt.date | None = None) -> list[Row]:
    """The current rows of the days from `first` to `last`, both included, by day; with their `snapshot_date`.

    Raises:
        DamagedVersion, UnknownVersion: the files of a day are missing, or not what was written.
    """
    versions = sorted(table.versions().items())  # the log is asked once, however many days there are
    asked = [_opened(table, day, version) for day, version in versions if (first or day) <= day <= (last or day)]
    return [{SNAPSHOT_DATE: each.day} | row for each in asked for row in each.read().to_pylist()]


def _opened(table: Table, day: dt.date, version: str) -> PartitionVersion:
    files = parts_of(table.root / version_folder(day, version))
    return PartitionVersion(day, version, tuple(files)) if files else table.version(day, version)
