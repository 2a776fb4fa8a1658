"""Runs whose process was killed are ended, and keep nobody else's run from starting."""

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from churn_assets_tests.integration.installation import NIGHTS, REPOSITORY, Installation

pytestmark = [pytest.mark.integration, pytest.mark.fault("runs are killed and hold places in the queue")]

BIN = Path(sys.executable).parent
PATIENCE = 240
WORKSPACE = ("-w", str(REPOSITORY / "workspace.yaml"))
STARTED, NOT_STARTED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED
SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
# the command line that waits before its run's first event of a type is stored
PAUSED = """
import signal, sys
from dagster import DagsterInstance
from churn_assets.cli import main

event_type = sys.argv.pop(1)
store = DagsterInstance.handle_new_event

def store_or_wait(self, event, **options):
    if event.dagster_event and event.dagster_event.event_type_value == event_type:
        print("waiting", flush=True)
        signal.pause()
    return store(self, event, **options)

DagsterInstance.handle_new_event = store_or_wait
main()
"""


@contextlib.contextmanager
def paused(installation: Installation, event_type: str, day: dt.date) -> Iterator[subprocess.Popen[str]]:
    """The night of a day, waiting where the event would be stored."""
    with installation.started(sys.executable, "-c", PAUSED, event_type, "run", "--date", str(day)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        yield process


def statuses(installation: Installation) -> dict[dt.date, dg.DagsterRunStatus]:
    """How the last nightly run of each day stands."""
    with installation.dagster() as instance:
        runs = instance.get_runs(dg.RunsFilter(job_name="nightly"))
    return {dt.date.fromisoformat(run.tags["dagster/partition"]): run.status for run in reversed(runs)}


def wait_until(condition: Callable[[], bool], seconds: float = 0.5) -> None:
    """Ask again and again."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(seconds)


def test_the_next_run_ends_killed_ones_and_spares_living_ones(installation: Installation) -> None:
    """One killed before its start is recorded, one in its middle, one that lives: a night ends the first two.

    `status` tells of them before anything has ended them.
    """
    early, middle, living, next_day = (NIGHTS[-1] + dt.timedelta(days=more) for more in range(1, 5))
    with (
        paused(installation, "PIPELINE_START", early) as first,
        paused(installation, "STEP_SUCCESS", middle) as second,
        paused(installation, "STEP_SUCCESS", living),
    ):
        before = statuses(installation)
        for process in (first, second):
            process.kill()
            process.wait()
        told = installation.run("status", "--json").json["failed_runs"]

        outcome = installation.run("run", "--date", str(next_day))

        assert [each["snapshot_date"] for each in told] == [str(early), str(middle)]
        assert all("is gone: it was killed" in each["reason"] for each in told)
        assert outcome.exit_code == 0, outcome.stderr
        assert {day: before[day] for day in (early, middle, living)} == {
            early: NOT_STARTED,
            middle: STARTED,
            living: STARTED,
        }
        after = statuses(installation)
        assert {day: after[day] for day in (early, middle, living, next_day)} == {
            early: FAILURE,
            middle: FAILURE,
            living: STARTED,
            next_day: SUCCESS,
        }


def test_a_killed_worker_of_a_backfill_leaves_no_run(installation: Installation) -> None:
    """The backfill itself ends the run of the day that was lost with the worker."""
    day = NIGHTS[-1] + dt.timedelta(days=1)
    command = (BIN / "churn-assets", "backfill", "--from", str(day), "--to", str(day), "--jobs", "1")
    with installation.started(*command) as process:
        wait_until(lambda: statuses(installation).get(day) == STARTED)
        with installation.dagster() as instance:
            [run] = instance.get_runs(dg.RunsFilter(statuses=[STARTED]))
        os.kill(int(run.tags["churn_assets/pid"]), signal.SIGKILL)
        output, _ = process.communicate(timeout=PATIENCE)

    assert "a worker process was killed" in output
    assert process.returncode == 1
    assert int(run.tags["churn_assets/pid"]) != process.pid
    assert statuses(installation)[day] == FAILURE


def dagster(installation: Installation, *words: str) -> None:
    """Give Dagster a command."""
    subprocess.run(
        [str(BIN / "dagster"), *words, *WORKSPACE],
        cwd=installation.root,
        env=installation.variables(),
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )


def daemon(installation: Installation) -> contextlib.AbstractContextManager[object]:
    """Dagster's daemon with a code server of its own, which has the runs: all are killed at the end."""
    command = (BIN / "dagster-daemon", "run", *WORKSPACE)
    return installation.started(*command, output=installation.root / "daemon.log")


@pytest.fixture
def tonight(tmp_path: Path) -> tuple[Installation, dt.date]:
    """An installation with a champion whose schedule ticks each minute, and the day that its next tick asks for."""
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    installation = Installation(tmp_path / "tonight", {"CHURN_SCHEDULE__NIGHTLY": "* * * * *"})
    installation.configure("training: {window_days: 14, parameters: {max_iter: 25}}\n")
    text = (REPOSITORY / "dagster.yaml").read_text()
    assert "poll_interval_seconds: 30" in text
    # Dagster gives a run three minutes to start before it looks after it
    (installation.root / "dagster.yaml").write_text(
        text.replace("poll_interval_seconds: 30", "poll_interval_seconds: 2, start_timeout_seconds: 25")
    )
    installation = installation.having(DAGSTER_HOME=str(installation.root))
    for words in (
        ("sample", "--customers", "800", "--days", "90", "--until", str(yesterday)),
        ("run", "--date", str(yesterday - dt.timedelta(days=10))),
    ):
        outcome = installation.run(*words)
        assert outcome.exit_code == 0, outcome.stderr
    return installation, yesterday


@pytest.mark.campaign
def test_killed_runs_do_not_keep_the_schedule_from_its_night(tonight: tuple[Installation, dt.date]) -> None:
    """As many as the queue has places die in their middle and one early: the daemon ends them and runs the night."""
    installation, day = tonight
    early, *middle = (day - dt.timedelta(days=more) for more in (9, 8, 7))
    with (
        paused(installation, "PIPELINE_START", early) as first,
        paused(installation, "STEP_SUCCESS", middle[0]) as second,
        paused(installation, "STEP_SUCCESS", middle[1]) as third,
    ):
        for process in (first, second, third):
            process.kill()
            process.wait()
    dagster(installation, "schedule", "start", "nightly_schedule")
    before = statuses(installation)

    with daemon(installation):
        ended = (SUCCESS, FAILURE)
        wait_until(lambda: all(statuses(installation).get(each) in ended for each in (early, *middle, day)))

    assert {each: before[each] for each in (early, *middle)} == {
        early: NOT_STARTED,
        middle[0]: STARTED,
        middle[1]: STARTED,
    }
    after = statuses(installation)
    assert {each: after[each] for each in (early, *middle, day)} == {
        early: FAILURE,
        middle[0]: FAILURE,
        middle[1]: FAILURE,
        day: SUCCESS,
    }
    assert installation.current("churn_scores", day)


@pytest.mark.campaign
def test_a_night_that_goes_down_with_its_code_server_is_run_again(tonight: tuple[Installation, dt.date]) -> None:
    """Nobody is left who started it: the daemon finds its lock free, ends the run, and starts another of the day."""
    installation, day = tonight
    locks = installation.data / "dagster" / "running"
    dagster(installation, "job", "launch", "-j", "nightly", "--tags", json.dumps({"dagster/partition": str(day)}))
    with daemon(installation):
        wait_until(lambda: locks.is_dir() and any(each.suffix != ".new" for each in locks.iterdir()), seconds=0.02)
    [killed] = [each.name for each in locks.iterdir()]
    before = statuses(installation)[day]

    with daemon(installation):
        wait_until(lambda: statuses(installation)[day] == SUCCESS)

    with installation.dagster() as instance:
        ended, *others = reversed(instance.get_runs(dg.RunsFilter(tags={"dagster/partition": str(day)})))
        last = instance.all_logs(killed, of_type=dg.DagsterEventType.RUN_FAILURE)[-1]
    assert before == STARTED
    assert (ended.run_id, ended.status, len(others)) == (killed, FAILURE, 1)
    assert "its code server or machine went down" in str(last.dagster_event and last.dagster_event.message)
    assert len(installation.current("churn_scores", day)) == 1
