"""Rows of files that were written when a table had other columns, as the table stands today."""

from collections.abc import Sequence

import pyarrow as pa

__all__ = ["completed"]


def completed(rows: pa.Table, schema: pa.Schema, names: Sequence[str] | None = None) -> pa.Table:
    """The columns `names` of `rows`, in that order; one of `schema` that they lack is null in every row.

    Args:
        rows: of a file.
        schema: of its table today.
        names: all of `schema` where they are None.
    """
    wanted = schema.names if names is None else names
    there = set(rows.column_names)
    columns = [
        rows.column(name) if name in there else pa.chunked_array([pa.nulls(rows.num_rows, schema.field(name).type)])
        for name in wanted
    ]
    return pa.Table.from_arrays(columns, names=list(wanted))
