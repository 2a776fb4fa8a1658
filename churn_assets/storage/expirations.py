"""The append-only record `expirations`: what was removed because its time was up, and whose."""

import datetime as dt
from pathlib import Path

from churn_assets.core.table_schemas import EXPIRATIONS
from churn_assets.storage.remote import Folder, as_folder
from churn_assets.storage.tables.ledger import Ledger, Row

__all__ = ["REMOVAL", "Expirations", "version_name"]

RECORD = "expirations"
REMOVAL = dt.timedelta(days=1)  # no expiry takes longer from its record to the last file
VERSIONS = {"version", "orphan", "quarantine", "model"}


class Expirations:
    """What has expired in one installation."""

    def __init__(self, tables: Path | Folder) -> None:
        """Beside the `tables` of the installation."""
        self._ledger = Ledger(as_folder(tables).below(RECORD), EXPIRATIONS)

    def rows(self) -> list[Row]:
        """Every record, oldest first."""
        return self._ledger.rows()

    def record(self, row: Row, since: dt.datetime) -> Row | None:
        """Keep `row` without the names that were recorded at `since` or later; None where none is left.

        So what two expiries met, or one that was killed and the next, is there once.
        """

        def unless_there(rows: list[Row]) -> Row | None:
            met = [each["names"] for each in rows if _is_of(each, row) and each["expired_at"] >= since]
            there = {name for names in met for name in names}
            names = [name for name in row["names"] if name not in there]
            return row | {"names": names} if names else None

        return self._ledger.append(unless_there)

    def versions(self, table: str) -> dict[str, dt.datetime]:
        """When each version of a table, or of the models, expired; by its name, the last time of several."""
        rows = [row for row in self.rows() if row["table"] == table and row["kind"] in VERSIONS]
        return {name: row["expired_at"] for row in rows for name in row["names"]}


def version_name(day: dt.date, version: str) -> str:
    """How the record names a version of a partition."""
    return f"{day}/{version}"


def _is_of(row: Row, other: Row) -> bool:
    """Whether both tell of the same kind of things of a table: of what was set aside the next expiry knows no more."""
    return row["table"] == other["table"] and (row["kind"] == other["kind"] or {row["kind"], other["kind"]} <= VERSIONS)
