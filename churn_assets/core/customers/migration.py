"""What moves when a profile's columns change: which columns, and the cells of those whose type is another one."""

from dataclasses import dataclass

import pyarrow as pa

from churn_assets.core.customers.casting import cast_batch
from churn_assets.core.table_schemas import RESCUED

__all__ = ["ColumnChanges", "cast_exactly", "column_changes"]


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


def cast_exactly(rows: pa.Table, schema: pa.Schema, names: list[str]) -> tuple[pa.Table, dict[str, int]]:
    """The columns `names` of `rows` in their types of `schema`, read as the cells of a source are.

    Returns:
        Those columns, and how many cells of each are lost by it.
    """
    wanted = pa.schema([*(schema.field(name) for name in names), pa.field(RESCUED, pa.string())])
    cast = cast_batch(rows.select(names), wanted)
    lost = {name: cast.column(name).null_count - rows.column(name).null_count for name in names}
    return cast.select(names), {name: cells for name, cells in lost.items() if cells}
