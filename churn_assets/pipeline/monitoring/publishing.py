"""How the small tables that follow from a day's scores become current: written, audited, published like the scores."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from churn_assets.pipeline.chain import RunContext, StageResult
from churn_assets.storage.tables.table import Table

__all__ = ["publish_rows"]


def publish_rows(
    table: Table, day: dt.date, schema: pa.Schema, rows: Sequence[Mapping[str, Any]], run: RunContext, **details: Any
) -> StageResult:
    """Make `rows` the current version of a day; the same rows again commit nothing new.

    Args:
        table: where they belong.
        day: the partition.
        schema: of the table; its first column is text.
        rows: in a fixed order, with every column of the schema.
        run: who is at work.
        details: what they were made of, for the commit's metadata.

    Raises:
        PartitionConflict: another version became current in the meantime.
        SchemaChanged: the table has other columns.
    """
    expected = table.current(day)
    content = pa.Table.from_pylist(list(rows), schema=schema)
    staged = table.write(day, schema, schema.names[0], [content])
    published = table.publish(staged, expected, run.commit("monitor", **details))
    return StageResult(table, day, published, content.num_rows)
