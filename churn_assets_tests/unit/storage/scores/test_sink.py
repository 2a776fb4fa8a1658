"""Published scores in a real database: a day whole or not at all, and never twice."""

import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from churn_assets.core.errors import DamagedVersion, PartitionConflict, SinkFault
from churn_assets.storage.scores.sink import ScoreSink
from churn_assets_tests.databases import asked, database, run
from churn_assets_tests.postgres import PostgresServer
from churn_assets_tests.serving import rows_of

DAY = dt.date(2026, 10, 31)
NEXT = DAY + dt.timedelta(days=1)
EVERYTHING = "select cast(snapshot_date as text), customer_id, churn_probability, score_version from {} order by 1, 2"


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def uri(request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an empty database; each test has a table of its own in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('sink')}/shop.db"
    return postgres.create(tmp_path_factory.mktemp("sink").name)


def _sink(uri: str, table: str) -> ScoreSink:
    return ScoreSink(database(uri, "sink"), table)


def _rows(uri: str, table: str) -> list[tuple[object, ...]]:
    return asked(uri, EVERYTHING.format(table))


def test_a_day_replaces_itself_and_no_other(uri: str) -> None:
    """The table is created, a second version takes the first one's place, and the same again changes nothing."""
    sink = _sink(uri, "replaced")
    first, second = rows_of({"a": 0.1, "b": 0.9, "c": 0.5}), rows_of({"a": 0.2, "d": 0.4})

    counts = [
        sink.replace_day(DAY, "v1", [first.slice(0, 2), first.slice(2)]),
        sink.replace_day(NEXT, "v1", [first.slice(0, 1)]),
        sink.replace_day(DAY, "v2", [second]),
        sink.replace_day(DAY, "v2", [second]),
    ]

    assert counts == [3, 1, 2, 2]
    assert _rows(uri, "replaced") == [
        (f"{DAY}", "a", 0.2, "v2"),
        (f"{DAY}", "d", 0.4, "v2"),
        (f"{NEXT}", "a", 0.1, "v1"),
    ]
    assert (sink.version(DAY), sink.version(NEXT), sink.version(DAY - dt.timedelta(days=1))) == ("v2", "v1", None)


def test_a_customer_is_deleted_from_every_day(uri: str) -> None:
    """The number of rows is told, before it too; others stay, and a second time there is nothing left."""
    sink = _sink(uri, "forgotten")
    for day in (DAY, NEXT):
        sink.replace_day(day, "v1", [rows_of({"a": 0.1, "o'b": 0.9})])

    counted = [sink.rows_of("o'b"), _sink(uri, "not_there").rows_of("o'b")]
    deleted = [sink.delete_customer("o'b"), sink.delete_customer("o'b")]

    assert (counted, deleted, sink.rows_of("o'b")) == ([2, 0], [2, 0], 0)
    assert [row[1] for row in _rows(uri, "forgotten")] == ["a", "a"]


def test_a_table_with_other_columns_is_refused(uri: str) -> None:
    """What it lacks and has besides is named, and nothing is written to it."""
    run(uri, "create table theirs (snapshot_date date, customer_id text, email text)")
    sink = _sink(uri, "theirs")

    with pytest.raises(SinkFault, match=r"lacks action, .* and also has email; name another in sink\.table") as caught:
        sink.replace_day(DAY, "v1", [rows_of({"a": 0.1})])

    assert sink.label in str(caught.value)
    assert asked(uri, "select count(*) from theirs") == [(0,)]


@pytest.mark.fault("scores change while they are written to a database")
def test_what_is_not_current_any_more_is_not_written(uri: str) -> None:
    """Asked when no other writer can come between: the day stays as it was."""
    sink = _sink(uri, "overtaken")
    sink.replace_day(DAY, "v2", [rows_of({"a": 0.2})])

    with pytest.raises(PartitionConflict, match="were published anew"):
        sink.replace_day(DAY, "v1", [rows_of({"a": 0.1, "b": 0.3})], lambda: False)

    assert _rows(uri, "overtaken") == [(f"{DAY}", "a", 0.2, "v2")]


@pytest.mark.fault("scores of a damaged version are written to a database")
def test_a_version_that_cannot_be_read_to_its_end_leaves_the_day_as_it_was(uri: str) -> None:
    """The sentence is that of the damage, and not the driver's of its input."""
    sink = _sink(uri, "damaged")
    sink.replace_day(DAY, "v1", [rows_of({"a": 0.1})])

    def torn() -> Iterator[pa.Table]:
        yield rows_of({"b": 0.3})
        raise DamagedVersion("part-1 is not what was written")

    with pytest.raises(DamagedVersion, match="part-1 is not what was written"):
        sink.replace_day(DAY, "v2", torn())

    assert _rows(uri, "damaged") == [(f"{DAY}", "a", 0.1, "v1")]


@pytest.mark.fault("two nights write one day to a database at once")
def test_two_writers_of_a_day_leave_one_of_their_versions(uri: str) -> None:
    """Whoever comes second waits and replaces the day whole: no row is doubled, no row is lost."""
    sinks = {version: _sink(uri, "raced") for version in ("v0", "v1", "v2", "v3")}
    rows = rows_of({f"c{number}": 0.5 for number in range(300)})
    sinks["v0"].replace_day(DAY, "v0", [rows])

    with ThreadPoolExecutor() as writers:
        written = list(writers.map(lambda each: sinks[each].replace_day(DAY, each, [rows]), ("v1", "v2", "v3")))

    assert written == [300, 300, 300]
    assert asked(uri, "select count(*), count(distinct customer_id), count(distinct score_version) from raced") == [
        (300, 300, 1)
    ]
    assert sinks["v1"].version(DAY) in {"v1", "v2", "v3"}


@pytest.mark.fault("two nights write one day to a database at once")
def test_a_version_that_is_published_right_after_the_question_comes_last(uri: str) -> None:
    """Its writer waits until the older one, which was current when it was asked, has written."""
    older, newer = _sink(uri, "asked"), _sink(uri, "asked")
    older.replace_day(DAY, "v0", [rows_of({"a": 0.1})])
    second = threading.Thread(target=newer.replace_day, args=(DAY, "v2", [rows_of({"a": 0.3, "b": 0.3})]))

    def is_current() -> bool:
        second.start()
        second.join(1)
        return True

    older.replace_day(DAY, "v1", [rows_of({"a": 0.2})], is_current)
    second.join(60)

    assert _rows(uri, "asked") == [(f"{DAY}", "a", 0.3, "v2"), (f"{DAY}", "b", 0.3, "v2")]


def test_a_table_may_stand_in_a_schema_of_another_owner(postgres: PostgresServer) -> None:
    """A user who may only write the table writes it: nothing is asked for that takes more."""
    uri = postgres.create("owned")
    run(uri, "create schema marketing")
    _sink(uri, "marketing.scores").replace_day(DAY, "v1", [rows_of({"a": 0.1})])
    run(uri, "create role writer login password 'plain'")
    run(uri, "grant usage on schema marketing to writer")
    run(uri, "grant select, insert, update, delete on marketing.scores to writer")
    theirs = uri.replace(f"postgres:{postgres.password}", "writer:plain")

    written = _sink(theirs, "marketing.scores").replace_day(DAY, "v2", [rows_of({"b": 0.2})])

    assert written == 1
    assert _rows(uri, "marketing.scores") == [(f"{DAY}", "b", 0.2, "v2")]
