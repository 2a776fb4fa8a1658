"""Many days by one command, several at once; whatever ends it, the next start does what is missing."""

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import pytest

from churn_assets.definitions import build_definitions
from churn_assets.settings import load_settings
from churn_assets_tests.integration.installation import CHAIN, NIGHTS, REPOSITORY, Installation

pytestmark = pytest.mark.integration

ONE_DAY = dt.timedelta(days=1)
PATIENCE = 120
KEYS = {"nights", "failed", "not_done", "published_before", "missing", "jobs", "seconds"}


def range_of(first: dt.date, days: int) -> tuple[list[dt.date], list[str]]:
    """Days, and the words that ask a backfill for them."""
    last = first + (days - 1) * ONE_DAY
    return [first + more * ONE_DAY for more in range(days)], ["backfill", "--from", str(first), "--to", str(last)]


def test_a_backfill_does_what_is_missing(installation: Installation) -> None:
    """Two at once: days without scores are scored, a broken one is told; again, only that one is tried."""
    days, words = range_of(NIGHTS[0] - ONE_DAY, 8)
    shutil.rmtree(installation.source(days[5]).parent)
    sound = installation.source(days[6]).read_bytes()
    installation.source(days[6]).write_bytes(sound[:1000])
    before = installation.published("churn_scores")["churn_scores"][1:]

    first = installation.run(*words, "--jobs", "2", "--json")
    installation.source(days[6]).write_bytes(sound)
    second = installation.run(*words, "--jobs", "1", "--json")

    assert first.exit_code == 1, first.stderr
    assert "1 of 4 days failed" in first.error(1)
    assert str(days[6]) in first.error(1)
    assert first.json.keys() == KEYS
    assert [night["snapshot_date"] for night in first.json["nights"]] == [str(days[at]) for at in (0, 4, 7)]
    assert first.json["published_before"] == [str(day) for day in NIGHTS]
    assert first.json["missing"] == [str(days[5])]
    assert [each["snapshot_date"] for each in first.json["failed"]] == [str(days[6])]
    assert second.exit_code == 0, second.stderr
    assert [night["snapshot_date"] for night in second.json["nights"]] == [str(days[6])]
    assert set(before) <= set(installation.published("churn_scores")["churn_scores"])
    scored = {partition["snapshot_date"] for partition in installation.table("churn_scores").partitions()}
    assert scored == {str(day) for day in days if day != days[5]}
    with installation.dagster() as instance:
        runs = [run for run in instance.get_runs() if run.tags.get("dagster/partition") in {str(days[0]), str(days[4])}]
        assert [(run.job_name, run.status) for run in runs] == [("nightly", dg.DagsterRunStatus.SUCCESS)] * 2


def test_a_backfill_begins_with_a_first_model(installed: Installation, tmp_path: Path) -> None:
    """Where there is no champion, one is trained as of the first day to do, as `run` does."""
    fresh = Installation(tmp_path / "fresh")
    shutil.copytree(installed.data / "source", fresh.data / "source")
    shutil.copy(installed.root / "config.yaml", fresh.root)
    [day], words = range_of(NIGHTS[0], 1)

    outcome = fresh.run(*words, "--json")

    assert outcome.exit_code == 0, outcome.stderr
    [night] = outcome.json["nights"]
    assert night["model_version"].startswith(f"{day:%Y%m%d}-")
    assert fresh.score_bytes(day) == installed.score_bytes(day)


def begun(installation: Installation, words: list[str]) -> subprocess.Popen[str]:
    """A backfill of two days at once as its user starts it."""
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("churn-assets")), *words, "--jobs", "2"],
        cwd=installation.root,
        env=installation.variables(),
        stdout=subprocess.PIPE if "--json" in words else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # as a shell gives it one, whose processes a terminal interrupts together
    )


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Its workers, from their first moment on."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in children if "spawn_main" in command_of(child)]


def command_of(process: str) -> str:
    """The command line of a process, empty where it has ended meanwhile."""
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text()
    return ""


@contextmanager
def under_way(installation: Installation, words: list[str]) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A backfill of two days at once, and its workers; one day is done by then."""
    with begun(installation, words) as process:
        assert process.stderr is not None
        told = ""
        while " customers scored in " not in told:
            told = process.stderr.readline()
            assert told, "it ended before it had scored a day"
        workers = workers_of(process)
        assert len(workers) == 2
        yield process, workers
    until = time.monotonic() + PATIENCE
    while left := [pid for pid in workers if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < until, f"{left} are still there"
        time.sleep(0.1)


@pytest.mark.fault("a worker of a backfill is killed")
@pytest.mark.campaign
def test_a_killed_worker_loses_only_what_was_under_way(installation: Installation) -> None:
    """It ends with a sentence and no half a day; the second start does what is missing."""
    days, words = range_of(NIGHTS[-1] + ONE_DAY, 5)

    with under_way(installation, words) as (process, workers):
        os.kill(workers[0], signal.SIGKILL)
        _, told = process.communicate(timeout=PATIENCE)
    again = installation.run(*words, "--jobs", "1", "--json")

    assert process.returncode == 1, told
    [sentence] = [line for line in told.splitlines() if line.startswith("error: ")]
    assert "a worker process was killed" in sentence
    assert "Traceback" not in told
    assert again.exit_code == 0, again.stderr
    assert len(again.json["published_before"]) >= 1
    assert len(again.json["nights"]) == len(days) - len(again.json["published_before"]) > 0
    for day in days:
        assert installation.rows("churn_scores", day).num_rows == installation.rows("customers", day).num_rows > 0


@pytest.mark.fault("a worker of a backfill is killed")
@pytest.mark.campaign
def test_a_killed_backfill_leaves_no_worker_behind(installation: Installation) -> None:
    """Its workers end with it, and the days that were done stay."""
    days, words = range_of(NIGHTS[-1] + ONE_DAY, 5)

    with under_way(installation, words) as (process, _):
        process.kill()
        _, told = process.communicate(timeout=PATIENCE)

    scored = [day for day in days if installation.current("churn_scores", day)]
    assert process.returncode == -signal.SIGKILL, told
    assert "Traceback" not in told
    assert 1 <= len(scored) < len(days)


def started_runs(installation: Installation) -> int:
    """How many runs of Dagster are at work."""
    with installation.dagster() as instance:
        return instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))


@pytest.mark.parametrize("at_work", [pytest.param(False, marks=pytest.mark.campaign), True], ids=["loading", "at work"])
def test_days_under_way_end_after_an_interrupt(installation: Installation, *, at_work: bool) -> None:
    """Both are published and reported, also where their workers have only just begun to load; the rest is not done."""
    days, words = range_of(NIGHTS[-1] + ONE_DAY, 5)

    with begun(installation, [*words, "--json"]) as process:
        until = time.monotonic() + PATIENCE
        while len(workers_of(process)) < 2 or (at_work and started_runs(installation) < 2):
            assert time.monotonic() < until, "no two days are under way"
            time.sleep(0.01)
        time.sleep(0.2)  # so that the second worker's day is known to who started it
        workers = workers_of(process)
        os.killpg(process.pid, signal.SIGINT)
        printed, told = process.communicate(timeout=PATIENCE)

    scored = [str(day) for day in days if installation.current("churn_scores", day)]
    report = json.loads(printed)
    assert "Traceback" not in told
    assert f"error: interrupted; {len(scored)} days are done" in told
    assert process.returncode == 1, told
    assert all(not Path(f"/proc/{worker}").exists() for worker in workers)
    assert scored[:2] == [str(day) for day in days[:2]]
    assert [night["snapshot_date"] for night in report["nights"]] == scored
    assert report["not_done"] == [str(day) for day in days if str(day) not in scored]


def test_one_partition_is_one_run() -> None:
    """Dagster's own backfill makes a run for each day of the nightly job, and bounds how many run at once."""
    definitions = build_definitions(load_settings())

    assets = [definitions.resolve_assets_def(name) for name in CHAIN]
    policy = definitions.resolve_job_def("nightly").backfill_policy
    with dg.DagsterInstance.from_config(str(REPOSITORY)) as instance:
        bound = instance.get_concurrency_config().run_queue_config

    assert all(asset.backfill_policy is None for asset in assets)
    assert policy is None or policy.max_partitions_per_run == 1
    assert bound is not None
    assert bound.max_concurrent_runs == 2
