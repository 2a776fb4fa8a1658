"""Where customers come from: a query of a database, read in one transaction and as it comes, never all at once."""

import datetime as dt
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from churn_assets.core.arrow.batches import BATCH_ROWS
from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.errors import SourceFault, SourceMissing
from churn_assets.core.sources.queries import SETTING, names_day, with_day_bound, with_day_set
from churn_assets.storage.databases.database import Database
from churn_assets.storage.source.files import SourceBatch, SourceFile

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi

__all__ = ["SqlSource"]

REMEMBERED = 10.0  # seconds: training and the sensor ask for many days one after the other
ONE_SNAPSHOT = "set transaction isolation level repeatable read, read only"
SQLITE_ROWS = {"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)}  # of a batch, and by whose values columns get types
Held = dict[dt.date, int]


class SqlSource:
    """The rows of `query`, in which the day stands as `:snapshot_date`; without it one export that any day may take."""

    def __init__(self, database: Database, query: str, days: str = "") -> None:
        """Ask `database`; `days` is a query of the days it holds.

        Its first column is a day, and a second one, where there is one, when the day's rows were written last.
        """
        self.template = database.label
        self._database = database
        self._query = query
        self._days = days
        self._remembered: tuple[float, Held] = (-REMEMBERED, {})

    @property
    def dated(self) -> bool:
        """Whether the query asks for a day."""
        return names_day(self._query)

    def days(self) -> list[dt.date]:
        """The days that the query of days gives.

        Raises:
            SourceMissing: none is configured.
            SourceFault: the database does not answer.
        """
        if not self.dated:
            return []
        if not self._days:
            raise SourceMissing(
                "source.days is not set, so which days the database holds is not known: name the day with --date, or "
                "set source.days to a query such as `select distinct snapshot_date from customers`"
            )
        return sorted(self._held())

    def first_day(self) -> dt.date:
        """It may hold any day: no database is asked by whoever only wants to know the partitions."""
        return dt.date.min

    def has(self, day: dt.date) -> bool:
        """Whether it holds rows of `day`, by the query of days where there is one."""
        if not self.dated:
            return True
        if self._days:
            return day in self._held()
        query = f"select 1 from ({self._query.rstrip().rstrip(';')}\n) as customers limit 1"  # noqa: S608  # the configuration's own
        with self._database.connected(SourceFault) as connection:
            return next((True for batch in self._answer(connection, query, day) if batch.num_rows), False)

    def files(self, day: dt.date) -> list[SourceFile]:
        """The snapshot of `day` as one file without a size; it was modified when the query of days says so.

        Raises:
            SourceMissing: there is none.
            SourceFault: the database does not answer.
        """
        written = 0
        if self._days and self.dated:
            held = self._held()
            if day not in held:
                raise SourceMissing(f"source: source.days does not list {day} in {self.template}; load that day")
            written = held[day]
        elif not self.has(day):
            raise SourceMissing(f"source: source.query gives no rows of {day} in {self.template}; load that day")
        return [SourceFile(Path(self.template), None, written, day)]

    def expected_rows(self, day: dt.date) -> None:
        """Nothing: no manifest counts them."""

    def dialect_of(self, path: Path) -> CsvDialect:
        """Plain: cells have types."""
        del path
        return CsvDialect()

    def digest(self, file: SourceFile) -> None:
        """Nothing: rows are no bytes, and come in any order."""

    def batches(self, files: Sequence[SourceFile], categories: Collection[str] = ()) -> Iterator[SourceBatch]:
        """The rows of a snapshot as they come, of one transaction.

        Raises:
            SourceFault: the database does not answer, or not to the end; or it gives no rows.
        """
        del categories
        for file in files:
            rows = 0
            with self._database.connected(SourceFault) as connection:
                for batch in self._answer(connection, self._query, file.day):
                    rows += batch.num_rows
                    yield file.path, batch
            if not rows:
                raise SourceFault(f"{file.path}: source.query gives no rows of {file.day}; load that day")

    def _held(self) -> Held:
        """The days, and when each was written last, in nanoseconds; 0 where that is not told."""
        asked, held = self._remembered
        if time.monotonic() - asked < REMEMBERED:
            return held
        with self._database.connected(SourceFault) as connection:
            rows = [row for batch in self._answer(connection, self._days, None) for row in batch.to_pylist()]
        held = dict(_day_of(row, self.template) for row in rows)
        self._remembered = time.monotonic(), held
        return held

    def _answer(self, connection: "dbapi.Connection", query: str, day: dt.date | None) -> Iterator[pa.RecordBatch]:
        """The rows of a query, its day bound, in plain types."""
        with connection.cursor() as cursor:
            values: tuple[object, ...] | None = None
            if self._database.dialect == "postgresql":
                cursor.execute(ONE_SNAPSHOT)
                if names_day(query):
                    cursor.execute(f"select set_config('{SETTING}', $1, true)", (f"{day}",))
                    cursor.fetchall()
                query = with_day_set(query)
            elif self._database.dialect == "sqlite":
                cursor.adbc_statement.set_options(**SQLITE_ROWS)
                values = (f"{day}",) if names_day(query) else None
            else:
                query, marks = with_day_bound(query, "?")
                values = (day,) * marks or None
            cursor.execute(query, values)
            yield from map(_plain, cursor.fetch_record_batch())


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch without types that only one database knows, such as PostgreSQL's `numeric`: their text or bytes."""
    for at, field in enumerate(batch.schema):
        if isinstance(field.type, pa.OpaqueType):
            batch = batch.set_column(at, field.name, batch.column(at).storage)
    return batch


def _day_of(row: dict[str, object], where: str) -> tuple[dt.date, int]:
    """The day of a row of the query of days, and when it was written last, in nanoseconds.

    Raises:
        SourceFault: a cell is no day, or no time.
    """
    day, *more = row.values()
    try:
        named = dt.date.fromisoformat(str(day)[:10])
        written = dt.datetime.fromisoformat(str(more[0])) if more and more[0] is not None else None
    except ValueError:
        raise SourceFault(
            f"{where}: source.days is to give a day, and perhaps the time its rows were written last; it gives cells "
            "that are none"
        ) from None
    if written is None:
        return named, 0
    return named, round((written if written.tzinfo else written.replace(tzinfo=dt.UTC)).timestamp() * 1_000_000) * 1_000
