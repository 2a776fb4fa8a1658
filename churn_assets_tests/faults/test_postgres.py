"""Dagster's PostgreSQL goes away under a run: the run goes on or ends with a sentence, and the next one is whole."""

import datetime as dt
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.integration.installation import CHAIN, NIGHTS, Installation
from churn_assets_tests.postgres import PostgresServer, postgres_server

pytestmark = [pytest.mark.integration, pytest.mark.fault("PostgreSQL is restarted or gone during a run")]

DAY = NIGHTS[-1] + dt.timedelta(days=1)
PATIENCE = 240
# the command line that waits before its run's first event of a type is stored, until it is told to go on
PAUSED = """
import signal, sys
from dagster import DagsterInstance
from churn_assets.cli import main

event_type = sys.argv.pop(1)
store = DagsterInstance.handle_new_event
signal.signal(signal.SIGUSR1, lambda *_: None)

def store_or_wait(self, event, **options):
    global event_type
    if event.dagster_event and event.dagster_event.event_type_value == event_type:
        event_type = None
        print("waiting", flush=True)
        signal.pause()
    return store(self, event, **options)

DagsterInstance.handle_new_event = store_or_wait
main()
"""
INSTANTS = [
    "STEP_SUCCESS",
    *(
        pytest.param(each, marks=pytest.mark.campaign)
        for each in ("PIPELINE_START", "ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION", "PIPELINE_SUCCESS")
    ),
]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL that these tests may stop."""
    with postgres_server() as started:
        yield started


@pytest.fixture(scope="module")
def undisturbed(installed: Installation, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The score files of the day, as a night that nothing happens to publishes them."""
    copy = installed.copy_to(tmp_path_factory.mktemp("undisturbed") / "installation")
    outcome = copy.run("run", "--date", str(DAY))
    assert outcome.exit_code == 0, outcome.stderr
    return copy.score_bytes(DAY)


def go_on(process: "subprocess.Popen[str]") -> str:
    """Let a waiting run go on to its end; what it prints."""
    process.send_signal(signal.SIGUSR1)
    output, _ = process.communicate(timeout=PATIENCE)
    return str(output)


def times_made(installation: Installation) -> dict[str, int]:
    """How often Dagster was told of each table's day."""
    with installation.dagster() as instance:
        return {
            name: len(
                instance.fetch_materializations(
                    dg.AssetRecordsFilter(asset_key=dg.AssetKey(name), asset_partitions=[str(DAY)]), limit=9
                ).records
            )
            for name in CHAIN
        }


@contextmanager
def paused(using: Installation, instant: str) -> Iterator[subprocess.Popen[str]]:
    """A night that waits where it is about to store its first event of a kind."""
    with using.started(sys.executable, "-c", PAUSED, instant, "run", "--date", str(DAY)) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "waiting\n":
            assert process.poll() is None
        yield process


@pytest.mark.parametrize("instant", INSTANTS)
def test_a_run_outlives_a_restart(
    installation: Installation, server: PostgresServer, undisturbed: list[bytes], tally: Tally, instant: str
) -> None:
    """A server that is killed and back at once costs the run nothing: every event is there once, and the same bytes."""
    using = installation.having(CHURN_DAGSTER_PG_URL=server.create(f"restarted_{instant.lower()}"))
    with paused(using, instant) as process:
        server.stop()
        server.start()
        output = go_on(process)

    made = times_made(using)
    tally.tried()
    tally.found(
        lost=min(made.values()) < 1,
        doubled=max(made.values()) > 1,
        wrong=using.score_bytes(DAY) != undisturbed,
        words="Traceback" in output or server.password in output,
    )
    assert process.returncode == 0, output
    assert not tally.faults, (made, output)


@pytest.mark.campaign
@pytest.mark.parametrize("instant", INSTANTS)
def test_a_run_whose_server_stays_away_ends_with_a_sentence(
    installation: Installation, server: PostgresServer, undisturbed: list[bytes], tally: Tally, instant: str
) -> None:
    """Once the server is back the same command does the rest, and ends the run that was lost."""
    using = installation.having(CHURN_DAGSTER_PG_URL=server.create(f"gone_{instant.lower()}"))
    with paused(using, instant) as process:
        server.stop()
        try:
            output = go_on(process)
        finally:
            server.start()
    again = using.run("run", "--date", str(DAY), "--json")

    with using.dagster() as instance:
        statuses = [run.status.value for run in instance.get_runs(dg.RunsFilter(job_name="nightly"))]
    tally.tried()
    tally.found(
        lost=again.exit_code != 0,
        doubled=len(using.current("churn_scores", DAY)) != 1,
        wrong=using.score_bytes(DAY) != undisturbed,
        words="Traceback" in output or server.password in output or "error: " not in output.splitlines()[-1],
    )
    assert process.returncode == 1, output
    assert "Dagster's storage, the database of CHURN_DAGSTER_PG_URL, failed" in output.splitlines()[-1], output
    assert not tally.faults, (output, again.stderr)
    assert statuses == ["SUCCESS", "FAILURE"]


def test_a_command_says_in_a_sentence_that_the_server_is_away(
    installation: Installation, server: PostgresServer, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night does not start, nothing is pruned, and the status tells what the tables know."""
    monkeypatch.setattr("churn_assets.instance.postgres.FIRST_WAIT", 0.01)
    using = installation.having(CHURN_DAGSTER_PG_URL=server.create("away"))
    before = using.score_bytes(NIGHTS[-1])
    server.stop()
    try:
        told = using.run("run", "--date", str(DAY)).error(exit_code=2)
        pruned = using.run("prune").error(exit_code=2)
        status = using.run("status", "--json")
    finally:
        server.start()

    tally.tried(3)
    tally.found(lost=using.score_bytes(NIGHTS[-1]) != before, words=server.password in told + pruned + status.stderr)
    assert not tally.faults
    assert "PostgreSQL on 127.0.0.1, which CHURN_DAGSTER_PG_URL names" in told
    assert told == pruned
    assert status.json["failed_runs"] is None
