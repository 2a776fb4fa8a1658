"""A query of a real database as a source: rows by day, streamed in one transaction; faults in a sentence."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.core.errors import SettingsError, SourceFault, SourceMissing
from churn_assets.storage.databases.database import Database
from churn_assets.storage.source.sql import SqlSource
from churn_assets_tests.databases import database, fill, run
from churn_assets_tests.postgres import PostgresServer

DAY = dt.date(2026, 3, 31)
NEXT = DAY + dt.timedelta(days=1)
OF_DAY = "select customer_id, spend from customers where snapshot_date = :snapshot_date order by customer_id"
DAYS = "select snapshot_date, max(written_at) from customers group by snapshot_date"


def _rows(day: dt.date, customers: int, kind: pa.DataType) -> pa.Table:
    columns = {
        "snapshot_date": pa.array([day.isoformat()] * customers).cast(kind),
        "customer_id": [f"c{number:07d}" for number in range(customers)],
        "spend": [number / 7 for number in range(customers)],
        "written_at": pa.array([f"{day} 23:30:00"] * customers),
    }
    return pa.table(columns)


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def uri(request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a database with two days of customers; not to be changed."""
    if request.param == "sqlite":
        address, kind = f"sqlite:///{tmp_path_factory.mktemp('source')}/shop.db", pa.string()
    else:
        address, kind = postgres.create(tmp_path_factory.mktemp("source").name), pa.date32()
    fill(address, "customers", _rows(DAY, 40, kind))
    fill(address, "customers", _rows(NEXT, 30, kind))
    return address


def test_a_day_is_bound_and_its_rows_come_in_plain_types(uri: str) -> None:
    """The query gives the rows of one day; which days there are, and since when, is the other query's answer."""
    source = SqlSource(database(uri), OF_DAY, DAYS)

    [file] = source.files(DAY)
    batches = [batch for _, batch in source.batches([file])]

    assert source.dated
    assert source.days() == [DAY, NEXT]
    assert (source.has(DAY), source.has(DAY - dt.timedelta(days=1))) == (True, False)
    assert (file.size, file.modified_ns / 1e9) == (None, dt.datetime(2026, 3, 31, 23, 30, tzinfo=dt.UTC).timestamp())
    assert sum(batch.num_rows for batch in batches) == 40
    assert batches[0].schema.types == [pa.string(), pa.float64()]
    assert batches[0].column("customer_id")[0].as_py() == "c0000000"


def test_without_a_query_of_days_a_named_day_is_asked_for(uri: str) -> None:
    """A day is there if the query gives a row; which is the latest is not known, and said with what to do."""
    source = SqlSource(database(uri), OF_DAY)
    absent = DAY - dt.timedelta(days=1)

    assert source.has(DAY)
    assert not source.has(absent)
    with pytest.raises(SourceMissing, match=f"gives no rows of {absent}"):
        source.files(absent)
    with pytest.raises(SourceMissing, match=r"name the day with --date, or set source\.days"):
        source.days()
    with pytest.raises(SourceMissing, match=f"does not list {absent}"):
        SqlSource(database(uri), OF_DAY, DAYS).files(absent)


def test_a_query_without_a_day_is_one_export(uri: str) -> None:
    """Any day may take it; no rows at all are a fault."""
    source = SqlSource(database(uri), "select customer_id from customers")
    nothing = SqlSource(database(uri), "select customer_id from customers where spend < 0")

    rows = sum(batch.num_rows for _, batch in source.batches(source.files(DAY)))

    assert (source.dated, source.days(), source.has(DAY), rows) == (False, [], True, 70)
    with pytest.raises(SourceFault, match=f"gives no rows of {DAY}"):
        list(nothing.batches(nothing.files(DAY)))


def test_a_statement_that_cannot_be_run_is_told_by_its_fault(uri: str) -> None:
    """The column or table that is not there is named, and the database without its password."""
    for query, words in (
        ("select nope from customers where snapshot_date = :snapshot_date", "nope"),
        ("select * from nowhere where snapshot_date = :snapshot_date", "nowhere"),
    ):
        source = SqlSource(database(uri), query, DAYS)

        with pytest.raises(SourceFault, match=words) as caught:
            list(source.batches(source.files(DAY)))

        assert str(caught.value).startswith(f"{source.template}: what was asked failed: ")
        assert "postgres:" not in str(caught.value)


def test_a_fault_of_a_cell_does_not_quote_it(postgres: PostgresServer) -> None:
    """What a customer's row holds stands in no sentence."""
    uri = postgres.create("quoting")
    source = SqlSource(database(uri), "select ('secret' || n)::int from generate_series(1, 9) n")

    with pytest.raises(SourceFault, match="a cell is no integer") as caught:
        list(source.batches(source.files(DAY)))

    assert "secret" not in str(caught.value)


def test_rows_are_streamed_in_one_read_only_snapshot(postgres: PostgresServer) -> None:
    """Batches come before the last row is there, what is written meanwhile is not seen, and nothing can be written."""
    uri = postgres.create("streaming")
    fill(uri, "customers", _rows(DAY, 100, pa.date32()))
    run(uri, "create sequence numbers")
    many = "select c.*, repeat('x', 500) as filling from customers c, generate_series(1, 1000) where "
    source = SqlSource(database(uri), f"{many} snapshot_date = :snapshot_date")
    writing = SqlSource(database(uri), "select nextval('numbers')")

    arriving = source.batches(source.files(DAY))
    first = next(arriving)[1].num_rows
    run(uri, "delete from customers")
    rest = sum(batch.num_rows for _, batch in arriving)

    assert 0 < first < 60_000
    assert first + rest == 100_000
    with pytest.raises(SourceFault, match="may not write"):
        list(writing.batches(writing.files(DAY)))


def test_types_that_only_postgresql_knows_come_as_text(postgres: PostgresServer) -> None:
    """A `numeric` is its digits, which are cast as those of a file are."""
    uri = postgres.create("types")
    source = SqlSource(database(uri), "select 1234567890.10::numeric as n, 'NaN'::numeric as m")

    [(_, batch)] = source.batches(source.files(DAY))

    assert batch.schema.types == [pa.string(), pa.string()]
    assert batch.to_pylist() == [{"n": "1234567890.10", "m": "nan"}]


def test_a_column_of_two_types_in_sqlite_is_told_with_what_to_do(tmp_path: Path) -> None:
    """SQLite gives a column the type of its first rows: where later ones differ, the query is to cast it."""
    uri = f"sqlite:///{tmp_path}/mixed.db"
    fill(uri, "numbers", pa.table({"n": range(200_000)}))
    source = SqlSource(database(uri), "select case when n < 150000 then n else 'many' end as n from numbers")

    with pytest.raises(SourceFault, match=r"cast\(column as text\)"):
        list(source.batches(source.files(DAY)))


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("postgresql://u:hush@ed@h/d", "%40"),
        ("postgresql://u:hush/ed@h/d", "%40"),
        ("postgresql://u:hush#ed@h/d", "%40"),
        ("host=h password=hush", "no scheme that is known"),
        ("mysql://u:hush@h/d", "no scheme that is known"),
    ],
)
def test_an_address_that_cannot_be_read_is_not_quoted(uri: str, words: str) -> None:
    """The sentence says how to write it, and holds no part of a password."""
    with pytest.raises(SettingsError, match=words) as caught:
        database(uri)

    assert "hush" not in str(caught.value)
    assert "ed@h" not in str(caught.value)


def test_an_address_may_name_several_hosts() -> None:
    """Where one server takes over from another; the label names them without user and password."""
    of_many = database("postgresql://u:p%40ss@a.example:5432,[::1]:5433/shop?target_session_attrs=read-write")
    of_socket = database("postgresql:///shop?host=/run/postgresql")

    assert of_many.label == "postgresql:a.example:5432,[::1]:5433/shop"
    assert of_socket.label == "postgresql:/run/postgresql/shop"


def test_a_driver_that_is_not_installed_is_named() -> None:
    """Other databases are reached by their driver's name, once its package is there."""
    with pytest.raises(SettingsError, match="install churn-assets\\[sql\\] and adbc-driver-elsewhere"):
        Database("source", "u:p@account/db", "elsewhere", Path("/"))


def test_days_that_are_none_are_refused(uri: str) -> None:
    """The query of days gives days; what it gives else is not quoted."""
    source = SqlSource(database(uri), OF_DAY, "select customer_id from customers")

    with pytest.raises(SourceFault, match=r"source\.days is to give a day"):
        source.days()
