"""Versions of several tables read side by side, a window of ids after the other: memory does not grow with a day."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from churn_assets.core.arrow.columns import completed
from churn_assets.core.arrow.conversion import id_texts
from churn_assets.storage.tables.parquet import open_part, read_batches, row_groups
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["SortedRows", "spread_batches"]


def spread_batches(
    version: PartitionVersion, most: int | None, columns: Sequence[str], categories: Sequence[str] = ()
) -> Iterator[pa.Table]:
    """The rows of a version in order; of one of more rows than `most`, those of row groups spread evenly over it.

    A row group is read whole, so that whoever meets these customers in another table reads little more than theirs.
    """
    groups = [(path, group) for path in version.files for group in range(row_groups(path))]
    wanted = len(groups)
    if most is not None and version.rows > most:
        wanted = max(1, len(groups) * most // version.rows)
    for at in np.unique(np.linspace(0, len(groups) - 1, wanted).astype(int)) if groups else []:
        path, group = groups[at]
        yield from read_batches([path], columns, categories, groups=[group], schema=version.columns)


class _Group(NamedTuple):
    """A row group by its file's and its own number, and the first and last of its ids, as bytes."""

    part: int
    number: int
    first: bytes
    last: bytes


class SortedRows:
    """The rows of a version by windows of ids that follow one another; each row group is read once, or not at all."""

    def __init__(
        self, version: PartitionVersion, key: str, columns: Sequence[str], categories: Sequence[str] = ()
    ) -> None:
        self._version = version
        self._key = key
        self._columns = list(dict.fromkeys([key, *columns]))
        self._categories = categories
        self._groups = list(_groups(version, key))
        self._read: dict[_Group, tuple[pa.Array, pa.Table]] = {}

    def between(self, first: str, last: str) -> tuple[pa.ChunkedArray, pa.Table]:
        """The ids from `first` to `last`, both included, as text, and their rows; rows without an id are left out."""
        low, high = first.encode(), last.encode()
        wanted = [group for group in self._groups if group.first <= high and group.last >= low]
        self._read = {group: self._read.get(group) or self._rows(group) for group in wanted}
        pieces = [_slice(ids, rows, low, high) for ids, rows in self._read.values()]
        if not pieces:
            return pa.chunked_array([], pa.string()), self._nothing()
        return pa.chunked_array([ids for ids, _ in pieces], pa.string()), pa.concat_tables(rows for _, rows in pieces)

    def _rows(self, group: _Group) -> tuple[pa.Array, pa.Table]:
        batches = read_batches(
            [self._version.files[group.part]],
            self._columns,
            self._categories,
            groups=[group.number],
            schema=self._version.columns,
        )
        rows = pa.concat_tables(batches)
        if rows.column(self._key).null_count:
            rows = rows.filter(rows.column(self._key).is_valid())
        return id_texts(rows.column(self._key)).combine_chunks(), rows

    def _nothing(self) -> pa.Table:
        with open_part(self._version.files[0], read_dictionary=list(self._categories)) as file:
            nothing = file.schema_arrow.empty_table()
        columns = self._version.columns
        return nothing.select(self._columns) if columns is None else completed(nothing, columns, self._columns)


def _slice(ids: pa.Array, rows: pa.Table, low: bytes, high: bytes) -> tuple[pa.Array, pa.Table]:
    def text(at: int) -> bytes:
        return bytes(ids[at].as_buffer())

    start = bisect_left(range(len(ids)), low, key=text)
    count = bisect_right(range(len(ids)), high, lo=start, key=text) - start
    return ids.slice(start, count), rows.slice(start, count)


def _groups(version: PartitionVersion, key: str) -> Iterator[_Group]:
    """The row groups that hold an id, with their bounds: by the footer where ids are text, else by the ids."""
    for part, path in enumerate(version.files):
        with open_part(path) as file:
            column = file.schema_arrow.get_field_index(key)
            is_text = pa.types.is_string(file.schema_arrow.field(column).type)
            for number in range(file.num_row_groups):
                told = file.metadata.row_group(number).column(column).statistics
                if is_text and told is not None and told.has_min_max:
                    yield _Group(part, number, told.min.encode(), told.max.encode())
                    continue
                ids = id_texts(file.read_row_group(number, [key], use_threads=False).column(key).drop_null())
                if len(ids):
                    yield _Group(part, number, ids[0].as_py().encode(), ids[-1].as_py().encode())
