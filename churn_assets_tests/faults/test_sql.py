"""A database that is down, cut off or refuses the password: named, contained, and made good by the same command."""

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets_tests.databases import asked, fill
from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.integration.installation import NIGHTS, Installation
from churn_assets_tests.postgres import PostgresServer, postgres_server

pytestmark = pytest.mark.integration

DAY = NIGHTS[-1] + dt.timedelta(days=1)
OF_DAY = "select * from customers where snapshot_date = :snapshot_date"
SLOWLY = f"{OF_DAY} and pg_sleep(0.01) is not null"
MARKER = "hush4711marker"
DOWNSTREAM = ("feature_drift", "score_drift", "estimated_performance", "score_summary")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that tests may stop; each starts it again."""
    with postgres_server() as running:
        yield running


def _with_source(installation: Installation, server: PostgresServer, query: str = OF_DAY) -> Installation:
    """The installation with a day's customers in a database, and in no file."""
    uri = server.create(f"shop{time.time_ns()}")
    rows = pq.ParquetFile(installation.source(DAY)).read()
    plain = [each.cast(pa.string()) if pa.types.is_dictionary(each.type) else each for each in rows.columns]
    day = pa.array([DAY] * len(rows), pa.date32())
    fill(uri, "customers", pa.table([*plain, day], names=[*rows.column_names, "snapshot_date"]))
    return installation.having(
        CHURN_SOURCE__KIND="sql", CHURN_SOURCE__URI="env:SHOP", CHURN_SOURCE__QUERY=query, SHOP=uri
    )


def _files_holding(folder: Path, text: str) -> list[Path]:
    """The files below a folder in which a text stands, Dagster's databases and logs among them."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.fault("a database goes away while it is read")
def test_a_source_that_is_cut_off_while_it_is_read_lands_nothing(
    installation: Installation, server: PostgresServer, tally: Tally
) -> None:
    """PostgreSQL dies in the middle of a read: one sentence, nothing landed; once it is back, the day is whole."""
    night = _with_source(installation, server, SLOWLY)
    before = night.published()

    reading = (  # and not only looking whether there are rows
        "select count(*) from pg_stat_activity"
        " where state = 'active' and query like 'COPY (%' and query not like 'COPY (select 1 from%'"
    )

    def stop_while_reading() -> None:
        while not int(server.sql(reading)):
            time.sleep(0.05)
        server.stop()

    stopping = threading.Thread(target=stop_while_reading)
    stopping.start()
    cut = night.run("run", "--date", str(DAY))
    stopping.join()
    after = night.published()
    server.start()
    again = night.having(CHURN_SOURCE__QUERY=OF_DAY).run("run", "--date", str(DAY), "--json")

    sentence = cut.error(1)
    assert again.exit_code == 0, again.stderr
    [told] = again.json
    rows = pq.ParquetFile(installation.source(DAY)).metadata.num_rows
    tally.tried()
    wrong = "the connection was cut" not in sentence or after != before
    tally.found(wrong=wrong, lost=told["raw"] < rows, doubled=told["raw"] > rows)
    assert told["raw"] == told["valid"] + told["quarantined"]
    assert _files_holding(night.data, server.password) == []
    assert tally.faults == {}, sentence


@pytest.mark.fault("a database for scores is down")
def test_a_sink_that_is_down_takes_nothing_from_the_night(
    installation: Installation, server: PostgresServer, tally: Tally
) -> None:
    """Scores are published and watched all the same; the sink follows by a command, and through a rollback too."""
    uri = server.create("sunk")
    night = installation.having(CHURN_SINK__URI="env:THEIRS", THEIRS=uri)
    held = "select score_version, count(*) from churn_scores group by 1"

    server.stop()
    down = night.run("run", "--date", str(DAY))
    watched = [bool(night.current(name, DAY)) for name in ("churn_scores", *DOWNSTREAM)]
    server.start()
    brought = night.run("scores", "sink", "--json")
    in_sink = asked(uri, held)
    [newest, *_] = night.run("scores", "history", "--date", str(DAY), "--json").json

    sentence = down.error(1)
    assert "nobody listens at its host and port; mend that, or correct sink" in sentence
    assert "had been published before that and are in force" in sentence
    assert brought.exit_code == 0, brought.stderr
    tally.tried()
    tally.found(lost=not all(watched), wrong=in_sink != [(newest["score_version"], newest["rows"])])

    assert _files_holding(night.data, server.password) == []
    assert tally.faults == {}


@pytest.mark.fault("a database for scores is down")
def test_a_rollback_stands_whether_or_not_the_sink_follows(
    rescored: Installation, server: PostgresServer, tally: Tally
) -> None:
    """The tables go back at once; a sink that is down is told with what brings it; `forget` reaches it too."""
    uri = server.create("following")
    night, day = rescored.having(CHURN_SINK__URI="env:THEIRS", THEIRS=uri), str(NIGHTS[0])
    held = "select distinct score_version from churn_scores"
    assert night.run("scores", "sink", "--date", day).exit_code == 0
    newest = asked(uri, held)

    server.stop()
    taken_back = night.run("rollback", "--date", day, "--reason", "a bad night")
    server.start()
    left = asked(uri, held)
    brought = night.run("scores", "sink", "--date", day, "--json")
    followed = asked(uri, held)
    forward = night.run("rollback", "--date", day, "--to", newest[0][0], "--reason", "it was good", "--json")

    customer = asked(uri, "select min(customer_id) from churn_scores")[0][0]
    forgotten = night.run("forget", customer, "--reason", "ticket 7", "--json")
    counted = asked(uri, f"select count(*) from churn_scores where customer_id = '{customer}'")  # noqa: S608  # a test's own
    brought_again = night.run("scores", "sink", "--date", day)

    [current] = [each for each in night.run("scores", "history", "--date", day, "--json").json if each["current"]]
    assert f"`churn-assets scores sink --date {day}` brings the sink after them" in taken_back.error(1)
    assert (left, followed) == (newest, [(brought.json[0]["score_version"],)])
    assert followed == [(forward.json["from"],)]
    assert forward.json["to"] == newest[0][0]
    assert (forgotten.json["tables"]["score_sink"], counted, brought_again.exit_code) == (1, [(0,)], 0)
    tally.tried(2)
    tally.found(wrong=asked(uri, held) != [(current["score_version"],)])
    assert tally.faults == {}


@pytest.mark.fault("a password meets a database that refuses it")
def test_a_password_is_shown_nowhere(installation: Installation, server: PostgresServer, tally: Tally) -> None:
    """It stands in no sentence, log, event or process list, not even of a failure with every log line asked for."""
    refused = server.uri(password=MARKER)
    source = installation.having(
        CHURN_SOURCE__KIND="sql", CHURN_SOURCE__URI="env:SHOP", CHURN_SOURCE__QUERY=OF_DAY, SHOP=refused
    )
    sink = installation.having(CHURN_SINK__URI=refused)
    over = threading.Event()
    processes: set[bytes] = set()

    def watch() -> None:
        while not over.wait(0.2):
            for each in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):  # it has ended
                    processes.add(each.read_bytes())

    watching = threading.Thread(target=watch)
    watching.start()
    commands = {
        "source": source.run("--debug", "run", "--date", str(DAY)),
        "check": source.run("--debug", "check", "--date", str(DAY)),
        "doctor": source.run("--debug", "doctor", "--json"),
        "sink": sink.run("--debug", "run", "--date", str(DAY)),
        "scores sink": sink.run("--debug", "scores", "sink"),
    }
    over.set()
    watching.join()
    for name, outcome in commands.items():
        told = outcome.stdout + outcome.stderr
        tally.tried()
        tally.found(words="it refused the user or the password" not in told, wrong=MARKER in told)
        assert MARKER not in told, name
    tick = source.tick("source_sensor")

    assert MARKER not in repr(tick)
    assert processes
    assert not any(MARKER.encode() in each for each in processes)
    assert _files_holding(installation.data, MARKER) == []
    assert tally.faults == {}
