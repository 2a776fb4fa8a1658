"""A source's rows as they are landed: the profile's columns, typed, in the order of the id."""

import datetime as dt
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.casting import cast_batch
from churn_assets.core.columns import RESCUED, SNAPSHOT_DATE
from churn_assets.core.errors import SourceFault
from churn_assets.core.frames import id_texts

__all__ = ["check_columns", "in_id_order", "land_batch"]


def check_columns(names: Iterable[str], schema: pa.Schema, where: str) -> list[str]:
    """The columns of a file that the profile does not know.

    Raises:
        SourceFault: a column of the profile is missing; it never becomes a column of nulls.
    """
    there = list(names)
    wanted = [name for name in schema.names if name != RESCUED]
    missing = [name for name in wanted if name not in there]
    if missing:
        guess = next((mark for mark in (";", "\t", "|") if len(there) == 1 and mark in there[0]), None)
        hint = f"; its only column holds {guess!r}: is that the delimiter? write the file with commas" if guess else ""
        raise SourceFault(
            f"{where} lacks the column(s) {', '.join(missing)}{hint or '; export them, or correct the profile'}"
        )
    if repeated := sorted({name for name in wanted if there.count(name) > 1}):
        raise SourceFault(f"{where} holds the column(s) {', '.join(repeated)} more than once; export each once")
    return [name for name in there if name not in wanted and name != SNAPSHOT_DATE]


def land_batch(batch: pa.RecordBatch, schema: pa.Schema, day: dt.date, where: str) -> pa.Table:
    """Rows of `raw_customers` from rows of a file whose columns were checked.

    Raises:
        SourceFault: the file says itself, in a `snapshot_date` column, that it is of another day.
    """
    if SNAPSHOT_DATE in batch.schema.names and SNAPSHOT_DATE not in schema.names:
        days = {str(value)[:10] for value in pc.unique(batch.column(SNAPSHOT_DATE)).to_pylist()}
        if other := sorted(days - {day.isoformat()}):
            raise SourceFault(f"{where} stands for {day}, but its snapshot_date says {other[0]}; export {day} again")
    return cast_batch(batch, schema)


def in_id_order(rows: pa.Table, id_column: str) -> pa.Table:
    """The rows by their id's UTF-8 bytes, rows without an id last; rows in order cost nothing."""
    ids = id_texts(rows.column(id_column))
    if ids.null_count == 0 and pc.all(pc.less_equal(ids[:-1], ids[1:])).as_py() is not False:
        return rows
    return rows.take(pc.sort_indices(ids))
