"""Append-only records, such as promotions: a Delta table to which rows are only ever added."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from churn_assets.core.errors import RunError

__all__ = ["Ledger"]

NUMBER = "record"  # the order of the records, whatever the clocks of their writers say
ATTEMPTS = 50
MANY_FILES = 32  # an append makes one; so many are made one, or each further record would cost more than the last
Row = dict[str, Any]


class Ledger:
    """Rows in the order in which they were recorded."""

    def __init__(self, root: Path, schema: pa.Schema) -> None:
        self.root = root
        columns = [pa.field(field.name, field.type) for field in schema]
        self.schema = pa.schema([*columns, pa.field(NUMBER, pa.int64())])

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
            so_far = self._rows(table)
            row = make(so_far)
            if row is None:
                return None
            try:
                write_deltalake(
                    table,
                    pa.Table.from_pylist([row | {NUMBER: len(so_far)}], self.schema),
                    mode="append",
                    schema_mode="merge",  # columns that came later are null in earlier records
                    commit_properties=CommitProperties(max_commit_retries=0),
                )
            except CommitFailedError:
                continue
            self._tidy()
            return row
        raise RunError(f"{self.root.name}: busy {ATTEMPTS} times; try again")

    def _tidy(self) -> None:
        """Make one file of many: the same rows, in a commit that says that no data has changed."""
        table = DeltaTable(self.root)
        if len(table.file_uris()) >= MANY_FILES:
            with suppress(CommitFailedError):  # somebody else did it
                table.optimize.compact(max_concurrent_tasks=1, commit_properties=CommitProperties(max_commit_retries=0))

    def _open_or_create(self) -> DeltaTable:
        with suppress(TableNotFoundError):
            return DeltaTable(self.root)
        with suppress(DeltaError):  # created by somebody else just now
            return DeltaTable.create(self.root, schema=Schema.from_arrow(self.schema))
        return DeltaTable(self.root)

    def _rows(self, table: DeltaTable) -> list[Row]:
        """Read file by file: Delta's own dataset reads through Python, from threads that may outlive the process."""
        names = [entry["path"] for entry in pa.table(table.get_add_actions()).to_pylist()]
        parts = [pq.read_table(self.root / name, partitioning=None) for name in names]
        recorded = pa.concat_tables([self.schema.empty_table(), *parts], promote_options="default")
        rows: list[Row] = recorded.sort_by(NUMBER).drop_columns([NUMBER]).to_pylist()
        return rows
