"""A source's rows as they are landed: the profile's columns, typed, in the order of the id."""

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.customers.casting import cast_batch, texts_of
from churn_assets.core.errors import SourceFault
from churn_assets.core.table_schemas import RESCUED, SNAPSHOT_DATE

__all__ = ["IdOrder", "OutOfOrder", "check_columns", "land_batch"]


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


def land_batch(
    batch: pa.RecordBatch, schema: pa.Schema, day: dt.date, where: str, categories: Collection[str] = (), key: str = ""
) -> pa.Table:
    """Rows of `raw_customers` from rows of a file whose columns were checked; the others as in `cast_batch`.

    Raises:
        SourceFault: the file says itself, in a `snapshot_date` column, that it is of another day.
    """
    if SNAPSHOT_DATE in batch.schema.names and SNAPSHOT_DATE not in schema.names:
        days = {text[:10] for text in texts_of(pc.unique(batch.column(SNAPSHOT_DATE)))}
        if other := sorted(days - {day.isoformat()}):
            raise SourceFault(f"{where} stands for {day}, but its snapshot_date says {other[0]}; export {day} again")
    return cast_batch(batch, schema, categories, key)


class OutOfOrder(Exception):
    """Rows that have to be sorted first; never leaves the landing."""


@dataclass
class IdOrder:
    """Watches that rows come by their id's UTF-8 bytes, and each with an id: over batches, then over parts."""

    first: str | None = None
    last: str | None = None

    def watch(self, ids: pa.Array) -> None:
        """Check the next ids, as text.

        Raises:
            OutOfOrder: one is missing, or smaller than the one before it.
        """
        if not len(ids):
            return
        if ids.null_count or pc.any(pc.less(ids[1:], ids[:-1])).as_py():
            raise OutOfOrder
        self.follow(IdOrder(ids[0].as_py(), ids[-1].as_py()))

    def follow(self, following: "IdOrder") -> None:
        """Check the ends of what comes next, itself in order.

        Raises:
            OutOfOrder: it begins with a smaller id than the last one here.
        """
        if following.first is None:
            return
        if self.last is not None and following.first.encode() < self.last.encode():
            raise OutOfOrder
        self.first = following.first if self.first is None else self.first
        self.last = following.last
