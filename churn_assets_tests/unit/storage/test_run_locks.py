"""A run's lock is free once its process has ended, and at no other time."""

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from churn_assets.storage.run_locks import LEFT_SECONDS, held_lock, is_abandoned

RUN = "0b6f4a4e-1f0a-4d6c-9d6e-2b8f6f0f3c11"
processes = multiprocessing.get_context("spawn")


def hold(folder: Path, told: Connection) -> None:
    """Hold the lock of the run until it is told to let go."""
    with held_lock(folder, RUN):
        told.send("held")
        told.recv()


def started(folder: Path) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    """A process that holds the lock, and how it is told."""
    here, there = processes.Pipe()
    process = processes.Process(target=hold, args=(folder, there))
    process.start()
    assert here.recv() == "held"
    return process, here


def test_a_killed_process_leaves_a_lock_that_is_free(tmp_path: Path) -> None:
    """While it lives it is not taken for dead, and a run that never held one is not either."""
    process, _ = started(tmp_path / "running")

    alive = is_abandoned(tmp_path / "running", RUN)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()

    assert (alive, is_abandoned(tmp_path / "running", RUN)) == (False, True)
    assert not is_abandoned(tmp_path / "running", "another")


def test_a_process_that_ends_leaves_nothing(tmp_path: Path) -> None:
    """Its run has ended too, so nobody asks."""
    process, told = started(tmp_path / "running")

    told.send("go on")
    process.join()

    assert list((tmp_path / "running").iterdir()) == []
    assert not is_abandoned(tmp_path / "running", RUN)


def test_what_killed_runs_left_goes_after_a_week(tmp_path: Path) -> None:
    """The next run takes it away, and neither what is younger nor what is held."""
    old = time.time() - LEFT_SECONDS - 1
    for name in ("old", "young"):
        (tmp_path / name).touch()
    os.utime(tmp_path / "old", (old, old))

    with held_lock(tmp_path, "held"):
        os.utime(tmp_path / "held", (old, old))
        with held_lock(tmp_path, RUN):
            left = {each.name for each in tmp_path.iterdir()}

    assert left == {"young", "held", RUN}


def test_a_run_goes_on_without_a_lock(tmp_path: Path) -> None:
    """Where none can be made, nothing is lost but the news of its death."""
    (tmp_path / "running").touch()

    with held_lock(tmp_path / "running", RUN):
        found = is_abandoned(tmp_path / "running", RUN)

    assert not found
