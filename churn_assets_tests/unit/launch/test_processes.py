"""A run is ended when its process has certainly died, and never before."""

import multiprocessing
import os
import signal
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from churn_assets.launch.processes import RUN_TAG, ProcessMonitor, RunProcess, end_dead_runs

STARTED, NOT_STARTED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED
FAILURE, CANCELED, CANCELING = (
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
    dg.DagsterRunStatus.CANCELING,
)
BEYOND_ANY_PID = 2**22 + 1  # the kernel's own bound on process ids


@dg.job
def nothing() -> None:
    """A job that has runs."""


@pytest.fixture
def here() -> RunProcess:
    """This process."""
    process = RunProcess.current()
    assert process is not None
    return process


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """One without runs."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def start_of(pid: int) -> int:
    """When a process began, in clock ticks since the boot."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def add_run(
    instance: dg.DagsterInstance,
    tags: dict[str, str],
    status: dg.DagsterRunStatus,
    origin: RemoteJobOrigin | None = None,
) -> str:
    """A run of that status; its id."""
    return instance.create_run_for_job(nothing, tags=tags, status=status, remote_job_origin=origin).run_id


def of_the_daemon() -> RemoteJobOrigin:
    """The origin of a run that Dagster launched from a code location."""
    return RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("churn_assets"), "all"), "nothing")


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    """The status that the storage has of a run."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_living_process_is_not_dead(here: RunProcess) -> None:
    """The process that asks, and one of another user."""
    first = replace(here, pid=1, started=start_of(1))

    assert not here.is_dead()
    assert not first.is_dead()


def test_an_ended_process_is_dead(here: RunProcess) -> None:
    """No process has its id any more."""
    assert replace(here, pid=BEYOND_ANY_PID).is_dead()


def test_a_process_id_that_was_given_again_is_another_process(here: RunProcess) -> None:
    """The id lives, and what lives began at another time."""
    assert replace(here, started=here.started - 1).is_dead()


def test_no_process_survives_a_boot(here: RunProcess) -> None:
    """After the machine went down, one with the same id and start is another."""
    assert replace(here, boot="the boot before").is_dead()


def test_nothing_is_known_of_another_host(here: RunProcess) -> None:
    """Neither a process of another machine nor one of another container is taken for dead."""
    elsewhere = replace(here, pid=BEYOND_ANY_PID, host="other pid:[4026531836]", boot="another boot")

    assert not elsewhere.is_dead()
    assert not replace(elsewhere, host=f"{here.host.split()[0]} pid:[1]").is_dead()


def test_a_process_that_was_killed_and_not_waited_for_is_dead(here: RunProcess) -> None:
    """Its parent may never ask for it: the id is taken, and nothing runs."""
    child = multiprocessing.get_context("spawn").Process(target=signal.pause)
    child.start()
    assert child.pid is not None
    process = replace(here, pid=child.pid, started=start_of(child.pid))
    alive = not process.is_dead()

    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert alive
    assert process.is_dead()
    child.join()


@pytest.mark.parametrize(
    ("before", "after"), [(NOT_STARTED, FAILURE), (STARTED, FAILURE), (CANCELING, CANCELED)], ids=str
)
def test_the_runs_of_a_dead_process_are_ended(
    instance: dg.DagsterInstance, here: RunProcess, before: dg.DagsterRunStatus, after: dg.DagsterRunStatus
) -> None:
    """However far a run had come, its last event says which process is gone."""
    run_id = add_run(instance, replace(here, pid=BEYOND_ANY_PID).tags, before)

    end_dead_runs(instance)

    assert status_of(instance, run_id) == after
    last = instance.all_logs(run_id)[-1]
    assert last.dagster_event is not None
    assert f"process {BEYOND_ANY_PID} on {here.host.split()[0]}" in str(last.dagster_event.message)


def test_other_runs_are_left_alone(instance: dg.DagsterInstance, here: RunProcess) -> None:
    """Living runs, those of other hosts, those that name no process or a broken one, and those that have ended."""
    dead = replace(here, pid=BEYOND_ANY_PID)
    runs = {
        add_run(instance, tags, status): status
        for tags, status in [
            (here.tags, STARTED),
            (here.tags, NOT_STARTED),
            (replace(dead, host="other pid:[4026531836]").tags, STARTED),
            ({}, STARTED),
            ({**dead.tags, "churn_assets/pid": "many"}, STARTED),
            (dead.tags, dg.DagsterRunStatus.SUCCESS),
        ]
    }

    end_dead_runs(instance)

    assert {run_id: status_of(instance, run_id) for run_id in runs} == runs


@pytest.mark.parametrize("status", [STARTED, dg.DagsterRunStatus.QUEUED], ids=str)
def test_a_run_that_dagster_repeats_is_left_alone(
    instance: dg.DagsterInstance, here: RunProcess, status: dg.DagsterRunStatus
) -> None:
    """A run that is executed again from the UI has the tags of the dead one, and a process of its own."""
    run_id = add_run(instance, replace(here, pid=BEYOND_ANY_PID).tags, status, of_the_daemon())

    end_dead_runs(instance)

    assert status_of(instance, run_id) == status


def test_a_dead_run_of_ours_is_ended_although_it_names_its_code_location(
    instance: dg.DagsterInstance, here: RunProcess
) -> None:
    """It carries its own id, which one that repeats it does not have."""
    dead = replace(here, pid=BEYOND_ANY_PID)
    run_id = str(uuid.uuid4())
    tags = {**dead.tags, RUN_TAG: run_id}
    instance.create_run_for_job(nothing, run_id=run_id, tags=tags, status=STARTED, remote_job_origin=of_the_daemon())
    repeated = add_run(instance, tags, STARTED, of_the_daemon())

    end_dead_runs(instance)

    assert status_of(instance, run_id) == FAILURE
    assert status_of(instance, repeated) == STARTED


def test_the_daemon_learns_of_dead_runs_alone(
    instance: dg.DagsterInstance, here: RunProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its health check fails for a dead process, with the sentence; every other run counts as running."""
    monkeypatch.setenv("CHURN_DATA_DIR", str(tmp_path))
    monitor = ProcessMonitor()
    runs = [
        instance.create_run_for_job(nothing, tags=tags, status=STARTED)
        for tags in (replace(here, pid=BEYOND_ANY_PID).tags, here.tags, {})
    ]

    dead, *others = [monitor.check_run_worker_health(run) for run in runs]
    (tmp_path / "dagster/running").mkdir(parents=True)
    (tmp_path / "dagster/running" / runs[-1].run_id).touch()  # of one that Dagster launched: its lock, held by nobody
    abandoned = monitor.check_run_worker_health(runs[-1])
    monkeypatch.setenv("CHURN_TIMEZONE", "Nowhere/Land")
    unknown = monitor.check_run_worker_health(runs[-1])

    assert monitor.supports_check_run_worker_health
    assert (dead.status, abandoned.status) == (WorkerStatus.FAILED, WorkerStatus.FAILED)
    assert f"process {BEYOND_ANY_PID}" in str(dead.msg)
    assert "its code server or machine went down" in str(abandoned.msg)
    assert {other.status for other in (*others, unknown)} == {WorkerStatus.RUNNING}
