"""The columns of an export: each with its cells in the type that all of them fit."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.intake.cells import fits, typed
from churn_assets.core.intake.names import profile_names
from churn_assets.core.table_schemas import SNAPSHOT_DATE, UTC_TIMESTAMP

__all__ = ["Column", "Kind", "read_columns"]

Kind = Literal["truth", "whole", "number", "time", "text", "other"]
KINDS: dict[Kind, pa.DataType] = {
    "truth": pa.bool_(),
    "whole": pa.int64(),
    "number": pa.float64(),
    "time": UTC_TIMESTAMP,
}
CODE = r"^[+-]?0\d"  # a number that begins so is a code


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a source, its name in the profile, and its cells as `kind`; `other` is no type that a profile has."""

    source: str
    name: str
    kind: Kind
    cells: pa.Array

    @property
    def rows(self) -> int:
        """How many cells were looked at."""
        return len(self.cells)

    @property
    def missing(self) -> int:
        """How many of them are empty."""
        return int(self.cells.null_count)

    @property
    def text(self) -> pa.Array:
        """The cells as the text that a translation names."""
        return self.cells.cast(pa.string())

    @cached_property
    def counts(self) -> dict[Any, int]:
        """How often each value is there, the most frequent first."""
        counted = pc.value_counts(pc.drop_null(self.cells))
        pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
        return dict(sorted(pairs, key=lambda pair: -pair[1]))

    @cached_property
    def distinct(self) -> int:
        """How many values there are."""
        return int(pc.count_distinct(self.cells).as_py()) if self.kind != "other" else self.rows

    @cached_property
    def ends(self) -> tuple[Any, Any]:
        """The least and the greatest value; no infinity, which is quarantined."""
        finite = self.cells.filter(pc.is_finite(self.cells)) if self.kind == "number" else self.cells
        told = pc.min_max(finite).as_py()
        return told["min"], told["max"]

    def series(self, day: pd.Timestamp) -> "pd.Series[Any]":
        """The cells as a model is given them: numbers, days before `day`, categories."""
        if self.kind == "text":
            return pd.Series(self.cells.dictionary_encode().to_pandas())
        if self.kind == "time":
            days: pd.Series[Any] = (day - pd.Series(self.cells.to_pandas())).dt.days.astype("float64")
            return days
        numbers: pd.Series[Any] = pd.Series(self.cells.cast(pa.float64(), safe=False).to_pandas())
        return numbers


def read_columns(table: pa.Table, dialect: CsvDialect, keys: Collection[str] = ()) -> list[Column]:
    """The columns of a sample, in their order; the day of the snapshot is none of them.

    Args:
        table: rows as the source gives them.
        dialect: by which its text is read.
        keys: columns that are read as ids: text, whatever they look like.
    """
    names = profile_names(name for name in table.schema.names if name != SNAPSHOT_DATE)
    return [_read(source, name, _array(table, source), dialect, source in keys) for source, name in names.items()]


def _array(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _read(source: str, name: str, cells: pa.Array, dialect: CsvDialect, is_key: bool) -> Column:  # noqa: FBT001  # a key or not
    if pa.types.is_nested(cells.type) or (pa.types.is_duration(cells.type) or pa.types.is_time(cells.type)):
        return Column(source, name, "other", cells)
    as_text, misfits = typed(cells, pa.string(), dialect, key="cell" if is_key else "")
    if misfits and (not is_key or misfits == len(cells)):  # bytes, or what is no id
        return Column(source, name, "other", cells)
    kind = "text" if is_key else _kind(cells, as_text, dialect)
    if kind != "text":
        return Column(source, name, kind, typed(cells, KINDS[kind], dialect)[0])
    words = pa.array([*dialect.null_values, ""])
    trimmed = pc.utf8_trim_whitespace(as_text) if is_key else as_text
    return Column(source, name, "text", pc.if_else(pc.is_in(trimmed, value_set=words), None, trimmed))


def _kind(cells: pa.Array, as_text: pa.Array, dialect: CsvDialect) -> Kind:  # noqa: PLR0911  # a line for each kind
    given = cells.type
    if pa.types.is_boolean(given):
        return "truth"
    if pa.types.is_date(given) or pa.types.is_timestamp(given):
        return "time"
    if isinstance(given, pa.BaseExtensionType):  # a UUID
        return "text"
    if not pa.types.is_string(given):
        return "whole" if fits(cells, pa.int64(), dialect) else "number"
    if pc.any(pc.match_substring_regex(as_text, CODE)).as_py() and not fits(cells, UTC_TIMESTAMP, dialect):
        return "text"
    is_zero_or_one = set(pc.unique(pc.drop_null(pc.utf8_trim_whitespace(as_text))).to_pylist()) <= {"0", "1", ""}
    if fits(cells, pa.bool_(), dialect) and not is_zero_or_one:
        return "truth"
    for kind in ("whole", "number", "time"):
        if fits(cells, KINDS[kind], dialect):
            return kind
    return "text"
