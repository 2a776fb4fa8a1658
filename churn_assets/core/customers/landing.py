"""A source's rows as they are landed: the profile's columns, typed, in the order of the id."""

import datetime as dt
import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.customers.casting import cast_batch, texts_of
from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.customers.written_cells import PLAIN, Reading, spelt
from churn_assets.core.errors import SourceFault
from churn_assets.core.profile import Profile
from churn_assets.core.table_schemas import RESCUED, SNAPSHOT_DATE

__all__ = ["IdOrder", "OutOfOrder", "check_columns", "land_batch", "reading_of", "renamed"]

LIKE = 0.85  # of two names, by difflib's ratio


def check_columns(names: Iterable[str], schema: pa.Schema, where: str) -> list[str]:
    """The columns of a file that the profile does not know.

    Raises:
        SourceFault: a column of the profile is missing; it never becomes a column of nulls.
    """
    there = list(names)
    wanted = [name for name in schema.names if name != RESCUED]
    if missing := [name for name in wanted if name not in there]:
        raise SourceFault(f"{where} lacks the column(s) {', '.join(missing)}{_hint(missing, there)}")
    if repeated := sorted({name for name in wanted if there.count(name) > 1}):
        raise SourceFault(f"{where} holds the column(s) {', '.join(repeated)} more than once; export each once")
    return [name for name in there if name not in wanted and name != SNAPSHOT_DATE]


def reading_of(profile: Profile, dialect: CsvDialect) -> Reading:
    """How the text cells of a file become those of a profile."""
    values = {name: {cell: spelt(value) for cell, value in cells.items()} for name, cells in profile.values.items()}
    return Reading(dialect, values)


def renamed(batch: pa.RecordBatch, columns: Mapping[str, str]) -> pa.RecordBatch:
    """The batch with the source's `columns` under the profile's names."""
    if not columns:
        return batch
    return batch.rename_columns([columns.get(name, name) for name in batch.schema.names])


def _hint(missing: list[str], there: list[str]) -> str:
    """What may be behind missing columns: another delimiter, other names."""
    if there[0].casefold().startswith("sep="):
        return "; its first line only names the delimiter: set source.csv.skip_rows to 1"
    guess = next((mark for mark in (";", "\t", "|", ",") if len(there) == 1 and mark in there[0]), None)
    if guess:
        return f"; its only column holds {guess!r}: is that the delimiter? set source.csv.delimiter to {guess!r}"
    near = {}
    for name in missing:
        folded = {_folded(each): each for each in there}
        if close := difflib.get_close_matches(_folded(name), folded, n=1, cutoff=LIKE):
            near[folded[close[0]]] = name
    if near:
        renames = ", ".join(f"{found!r}: {name!r}" for found, name in near.items())
        return f"; it holds the like: rename there, or give the profile columns={{{renames}}}"
    return "; export them, or correct the profile"


def _folded(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def land_batch(  # noqa: PLR0917  # a row's way has so many parts
    batch: pa.RecordBatch,
    schema: pa.Schema,
    day: dt.date,
    where: str,
    categories: Collection[str] = (),
    key: str = "",
    reading: Reading = PLAIN,
) -> pa.Table:
    """Rows of `raw_customers` from rows of a file whose columns were checked; the others as in `cast_batch`.

    Raises:
        SourceFault: the file says itself, in a `snapshot_date` column, that it is of another day.
    """
    if SNAPSHOT_DATE in batch.schema.names and SNAPSHOT_DATE not in schema.names:
        days = {text[:10] for text in texts_of(pc.unique(batch.column(SNAPSHOT_DATE)))}
        if other := sorted(days - {day.isoformat()}):
            raise SourceFault(f"{where} stands for {day}, but its snapshot_date says {other[0]}; export {day} again")
    return cast_batch(batch, schema, categories, key, reading)


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
