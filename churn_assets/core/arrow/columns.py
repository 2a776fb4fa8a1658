"""A table whose columns have changed: in what, and rows of files that were written before as it stands today."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

__all__ = ["ColumnChanges", "column_changes", "completed"]


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


@dataclass(frozen=True)
class ColumnChanges:
    """The columns that a table gains and loses, and those of another type: name, type now, type then."""

    added: tuple[str, ...]
    dropped: tuple[str, ...]
    retyped: tuple[tuple[str, str, str], ...]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.added or self.dropped or self.retyped)


def column_changes(now: pa.Schema, then: pa.Schema) -> ColumnChanges:
    """What makes the columns `then` of those of `now`; their order is none of it."""
    before = {field.name: field.type for field in now}
    after = {field.name: field.type for field in then}
    both = [name for name in before if name in after]
    return ColumnChanges(
        added=tuple(name for name in after if name not in before),
        dropped=tuple(name for name in before if name not in after),
        retyped=tuple(
            (name, str(before[name]), str(after[name])) for name in both if str(before[name]) != str(after[name])
        ),
    )
