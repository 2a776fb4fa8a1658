"""Many days by one command, several at once; whatever ends it, the next start does what is missing."""

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def under_way(installation: Installation, words: list[str]) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A backfill of two days at once as its user starts it, and its workers; one day is done by then."""
    program = Path(sys.executable).with_name("churn-assets")
    with subprocess.Popen(
        [str(program), *words, "--jobs", "2"],
        cwd=installation.root,
        env=installation.variables(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # as a shell gives it one, whose processes a terminal interrupts together
    ) as process:
        assert process.stderr is not None
        told = ""
        while " customers scored in " not in told:
            told = process.stderr.readline()
            assert told, "it ended before it had scored a day"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        workers = [int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]
        assert len(workers) == 2
        yield process, workers
    until = time.monotonic() + PATIENCE
    while left := [pid for pid in workers if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < until, f"{left} are still there"
        time.sleep(0.1)


@pytest.mark.fault("a worker of a backfill is killed")
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
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_an_ended_backfill_leaves_no_worker_behind(installation: Installation, end: signal.Signals) -> None:
    """Killed or interrupted from a terminal, its workers end with it; what was under way is done then, and told."""
    days, words = range_of(NIGHTS[-1] + ONE_DAY, 5)

    with under_way(installation, words) as (process, _):
        if end is signal.SIGINT:
            os.killpg(process.pid, end)
        else:
            process.send_signal(end)
        _, told = process.communicate(timeout=PATIENCE)

    scored = [day for day in days if installation.current("churn_scores", day)]
    assert process.returncode == (1 if end is signal.SIGINT else -end), told
    assert (f"error: interrupted; {len(scored)} days are done" in told) == (end is signal.SIGINT)
    assert "Traceback" not in told
    assert (2 if end is signal.SIGINT else 1) <= len(scored) < len(days)


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
