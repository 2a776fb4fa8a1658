"""Published scores in a table of the company's database as well: a day is replaced whole, in one transaction."""

# ruff: noqa: S608  # the table's name is a plain one by its setting, and every value is bound

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from churn_assets.core.errors import ChurnError, PartitionConflict, SinkFault
from churn_assets.core.table_schemas import SCORES, SNAPSHOT_DATE
from churn_assets.storage.databases.database import Database

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi

__all__ = ["ScoreSink"]

STAGED = "churn_assets_staged"
VERSION = "score_version"
COLUMNS = (SNAPSHOT_DATE, *SCORES.names, VERSION)
TYPES = {pa.string(): "text", pa.float64(): "double precision"}
PARAMETER = {"postgresql": "${}", "sqlite": "?", "other": "?"}


class ScoreSink:
    """One table, with the columns of `churn_scores`, its day, and the score version that a row is of."""

    def __init__(self, database: Database, table: str) -> None:
        """Write to `table`, a plain name, perhaps after its schema and a dot; it is created where it is not there."""
        self._database = database
        self._table = table
        self.label = f"{database.label}, table {table}"

    def replace_day(
        self, day: dt.date, version: str, rows: Iterable[pa.Table], is_current: Callable[[], bool] = lambda: True
    ) -> int:
        """Put the scores of `day` in place of those that are there; how many rows.

        They are staged first, so that the table is held for a moment only; its readers see the old day or the new one.

        Args:
            day: the snapshot date.
            version: the score version that `rows` are.
            rows: of `SCORES`, in batches.
            is_current: whether they are still what is published; asked when no other writer can come between.

        Raises:
            SinkFault: the database does not take them, or its table has other columns; nothing was changed.
            PartitionConflict: another version is current by now; nothing was changed.
        """
        with self._database.connected(SinkFault, writes=True) as connection, connection.cursor() as cursor:
            self._create(connection, cursor)
            written = _stage(cursor, rows)
            connection.commit()
            self._hold(cursor)
            if not is_current():
                raise PartitionConflict(
                    f"the scores of {day} were published anew while {self.label} was written; run it again"
                )
            one, two = (PARAMETER[self._database.dialect].format(number) for number in (1, 2))
            chosen = ", ".join(SCORES.names)
            self._execute(cursor, f"delete from {{table}} where {SNAPSHOT_DATE} = {self._as_day(one)}", f"{day}")
            self._execute(
                cursor,
                f"insert into {{table}} ({', '.join(COLUMNS)}) "
                f"select {self._as_day(one)}, {chosen}, {self._as_text(two)} from {STAGED}",
                f"{day}",
                version,
            )
            connection.commit()
        return written

    def version(self, day: dt.date) -> str | None:
        """The score version of a day's rows, None where there are none, several joined by a comma.

        Raises:
            SinkFault: the database does not answer, or has no such table yet.
        """
        with self._database.connected(SinkFault) as connection, connection.cursor() as cursor:
            where = f"where {SNAPSHOT_DATE} = {self._as_day(self._one)}"
            self._execute(cursor, f"select distinct {VERSION} from {{table}} {where} order by {VERSION}", f"{day}")
            return ",".join(str(row[0]) for row in cursor.fetchall()) or None

    def rows_of(self, customer_id: str) -> int:
        """How many rows are one customer's, of all days; changes nothing.

        Raises:
            SinkFault: the database does not answer, or its table has other columns.
        """
        with self._database.connected(SinkFault) as connection, connection.cursor() as cursor:
            return self._count(cursor, customer_id) if self._is_there(connection) else 0

    def delete_customer(self, customer_id: str) -> int:
        """Delete every row of one customer, of all days; how many there were.

        Raises:
            SinkFault: the database does not do it, or its table has other columns; nothing was changed.
        """
        with self._database.connected(SinkFault, writes=True) as connection, connection.cursor() as cursor:
            self._create(connection, cursor)
            self._hold(cursor)
            rows = self._count(cursor, customer_id)
            self._execute(cursor, f"delete from {{table}} where customer_id = {self._one}", customer_id)
            connection.commit()
        return rows

    @property
    def _one(self) -> str:
        return PARAMETER[self._database.dialect].format(1)

    def _as_day(self, value: str) -> str:
        return value if self._database.dialect == "sqlite" else f"cast({value} as date)"

    def _as_text(self, value: str) -> str:
        return f"cast({value} as text)" if self._database.dialect == "postgresql" else value

    def _execute(self, cursor: "dbapi.Cursor", statement: str, *values: str) -> None:
        cursor.execute(statement.format(table=self._table), values or None)

    def _count(self, cursor: "dbapi.Cursor", customer_id: str) -> int:
        self._execute(cursor, f"select count(*) from {{table}} where customer_id = {self._one}", customer_id)
        return int(cursor.fetchall()[0][0])

    def _create(self, connection: "dbapi.Connection", cursor: "dbapi.Cursor") -> None:
        """See that the table is there and has the columns.

        Raises:
            SinkFault: it has others.
        """
        if not self._is_there(connection):
            kinds = {SNAPSHOT_DATE: "date", **{field.name: TYPES[field.type] for field in SCORES}, VERSION: "text"}
            columns = [f"{name} {kinds[name]} not null" for name in COLUMNS]
            key = [f"primary key ({SNAPSHOT_DATE}, customer_id)"] if self._database.dialect != "other" else []
            self._execute(cursor, f"create table if not exists {{table}} ({', '.join([*columns, *key])})")

    def _is_there(self, connection: "dbapi.Connection") -> bool:
        """Whether the table is there.

        Raises:
            SinkFault: it is, with other columns.
        """
        there = self._columns(connection)
        if there is not None and there != set(COLUMNS):
            missing, more = sorted(set(COLUMNS) - there), sorted(there - set(COLUMNS))
            told = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"also has {', '.join(more)}"] * bool(more)
            raise SinkFault(
                f"{self.label} has other columns than scores: it {' and '.join(told)}; name another in sink.table, or "
                "alter it"
            )
        return there is not None

    def _columns(self, connection: "dbapi.Connection") -> set[str] | None:
        """The columns of the table, None where it is not there."""
        from adbc_driver_manager import ProgrammingError  # noqa: PLC0415  # of an extra

        schema, _, name = self._table.rpartition(".")
        try:
            columns = connection.adbc_get_table_schema(name, db_schema_filter=schema or None)
        except ProgrammingError:
            return None
        finally:
            connection.rollback()  # in SQLite no other writer could commit while a transaction that has read goes on
        return {column.lower() for column in columns.names}

    def _hold(self, cursor: "dbapi.Cursor") -> None:
        """Let no other writer in until the transaction ends; readers go on.

        SQLite would hold its file from the first write on only, and the driver has begun a transaction of that kind.
        """
        if self._database.dialect == "postgresql":
            self._execute(cursor, "lock table {table} in share row exclusive mode")
        elif self._database.dialect == "sqlite":
            cursor.execute("commit")
            cursor.execute("begin immediate")


def _stage(cursor: "dbapi.Cursor", rows: Iterable[pa.Table]) -> int:
    """Rows into a temporary table, batch by batch; how many."""
    failed: list[ChurnError] = []
    count = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal count
        try:
            for each in rows:
                for batch in each.select(SCORES.names).cast(plain).to_batches():
                    count += batch.num_rows
                    yield batch
        except ChurnError as error:  # within the driver only its own words would be left of it
            failed.append(error)
            raise

    plain = SCORES.remove_metadata()
    plain = pa.schema([pa.field(field.name, field.type) for field in plain])
    reader: Any = pa.RecordBatchReader.from_batches(plain, batches())
    try:
        cursor.adbc_ingest(STAGED, reader, mode="create", temporary=True)
    except Exception:
        if failed:
            raise failed[0] from None
        raise
    return count
