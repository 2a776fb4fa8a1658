"""Append-only records, such as promotions: a Delta table to which rows are only ever added."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from churn_assets.core.errors import RunError

__all__ = ["Ledger"]

ATTEMPTS = 50
Row = dict[str, Any]


class Ledger:
    """Rows in the order in which they were recorded."""

    def __init__(self, root: Path, schema: pa.Schema) -> None:
        self.root = root
        self.schema = pa.schema([pa.field(field.name, field.type) for field in schema])

    def rows(self) -> list[Row]:
        """Every record, oldest first."""
        try:
            return self._rows(DeltaTable(self.root))
        except TableNotFoundError:
            return []

    def append(self, make: Callable[[list[Row]], Row | None]) -> Row | None:
        """Record what `make` gives for the records so far; None records nothing.

        `make` is asked again when somebody else recorded something in the meantime, so what it
        decides holds at the moment its row is added.
        """
        for _ in range(ATTEMPTS):
            table = self._open_or_create()
            row = make(self._rows(table))
            if row is None:
                return None
            try:
                write_deltalake(
                    table,
                    pa.Table.from_pylist([row], self.schema),
                    mode="append",
                    commit_properties=CommitProperties(max_commit_retries=0),
                )
            except CommitFailedError:
                continue
            return row
        raise RunError(f"{self.root.name}: busy {ATTEMPTS} times; try again")

    def _open_or_create(self) -> DeltaTable:
        try:
            return DeltaTable(self.root)
        except TableNotFoundError:
            pass
        try:
            return DeltaTable.create(
                self.root,
                schema=Schema.from_arrow(self.schema),
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except CommitFailedError:
            return DeltaTable(self.root)

    def _rows(self, table: DeltaTable) -> list[Row]:
        order = self.schema.names[0]  # the time of the record
        rows: list[Row] = table.to_pyarrow_table().sort_by(order).to_pylist()
        return rows
