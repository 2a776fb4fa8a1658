"""Rows in any order into the order of their id, in bounded memory: DuckDB sorts, and spills to disk."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from churn_assets.core.arrow.batches import BATCH_ROWS

__all__ = ["sorted_by_id"]

MEMORY = "256MB"
ARRIVAL = "__arrival"


def sorted_by_id(batches: Iterator[pa.Table], schema: pa.Schema, key: str, folder: Path) -> Iterator[pa.Table]:
    """The rows of `batches` by their `key`'s UTF-8 bytes, rows without one last; equal ones as they came.

    Args:
        batches: rows of `schema`.
        schema: of the rows.
        key: the id column, text or a whole number.
        folder: where rows are spilled that do not fit in 256 MB.
    """
    import duckdb  # noqa: PLC0415  # a source in order, which is the rule, does without

    counted = _carried(schema).append(pa.field(ARRIVAL, pa.int64()))
    failures: list[Exception] = []
    reader = pa.RecordBatchReader.from_batches(counted, _with_arrival(batches, counted, failures))
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "temp_directory": str(folder),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,  # nothing is fetched at night
    }
    with duckdb.connect(config=settings) as connection:
        connection.register("arrived", reader)
        by = f'CAST("{_quoted(key)}" AS VARCHAR) NULLS LAST, {ARRIVAL}'
        query = f"SELECT * EXCLUDE ({ARRIVAL}) FROM arrived ORDER BY {by}"  # noqa: S608  # a quoted name
        try:
            for batch in connection.sql(query).to_arrow_reader(BATCH_ROWS):
                yield pa.Table.from_batches([batch]).cast(_carried(schema)).cast(schema)
        except (duckdb.Error, OSError):
            if failures:  # the rows could not be read, which DuckDB tells in its own words
                raise failures[0] from None
            raise


def _carried(schema: pa.Schema) -> pa.Schema:
    """The columns as DuckDB is given them: instants as whole numbers, since it needs an extension for time zones."""
    return pa.schema([field.with_type(pa.int64()) if pa.types.is_timestamp(field.type) else field for field in schema])


def _with_arrival(
    batches: Iterator[pa.Table], schema: pa.Schema, failures: list[Exception]
) -> Iterator[pa.RecordBatch]:
    arrived = 0
    try:
        for batch in batches:
            numbers = pa.array(np.arange(arrived, arrived + batch.num_rows))
            arrived += batch.num_rows
            carried = batch.cast(pa.schema(list(schema)[:-1])).append_column(ARRIVAL, numbers)
            yield from carried.cast(schema).to_batches()
    except Exception as error:
        failures.append(error)
        raise


def _quoted(name: str) -> str:
    return name.replace('"', '""')
