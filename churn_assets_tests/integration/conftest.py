"""Installations with published scores: built once a session, copied for each test that changes one."""

import fcntl
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from churn_assets_tests.integration.installation import LAST_DAY, NIGHTS, RETRAINED_AS_OF, BuildOnce, Installation

__all__ = [
    "build_once",
    "cheap_events",
    "installation",
    "installed",
    "rescored",
    "rescored_once",
    "retrained",
    "retrained_once",
]

CONFIG = "training: {window_days: 14}\n"  # a short history is landed faster
QUICK = "training: {window_days: 14, parameters: {max_iter: 25}}\n"  # and a small model is fitted and judged faster

signal.signal(signal.SIGINT, signal.default_int_handler)  # processes of tests begun in the background would ignore it


def do_not_wait_for_the_disk(connection: Any, record: object) -> None:
    """SQLite leaves writing to the operating system: this survives every end of a process, and no power cut."""
    del record
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="session", autouse=True)
def cheap_events() -> None:
    """Dagster's state in its own files, without a wait for the disk at each event.

    Processes that a test starts do without it.
    """
    if not sqlalchemy.event.contains(sqlalchemy.Engine, "connect", do_not_wait_for_the_disk):
        sqlalchemy.event.listen(sqlalchemy.Engine, "connect", do_not_wait_for_the_disk)


@pytest.fixture(scope="session")
def build_once(tmp_path_factory: pytest.TempPathFactory) -> BuildOnce:
    """Builds an installation by its name once a session, whichever worker asks first; the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def build_or_wait(name: str, build: Callable[[Installation], None]) -> Installation:
        root = shared / name
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not root.is_dir():
                building = Installation(shared / f"{name}.building")
                shutil.rmtree(building.root, ignore_errors=True)
                build(building)
                building.root.rename(root)
        return Installation(root)

    return build_or_wait


@pytest.fixture(scope="session")
def installed(build_once: BuildOnce) -> Installation:
    """A sample, a promoted first model and the first nights' scores; not to be changed."""

    def build(new: Installation) -> None:
        new.configure(QUICK)
        sampled = new.run("sample", "--customers", "1200", "--days", "90", "--until", str(LAST_DAY))
        assert sampled.exit_code == 0, sampled.stderr
        nights = new.run("run", "--from", str(NIGHTS[0]), "--to", str(NIGHTS[-1]), "--json")
        assert nights.exit_code == 0, nights.stderr
        (new.root / "nights.json").write_text(nights.stdout)

    return build_once("installed", build)


@pytest.fixture(scope="session")
def retrained_once(build_once: BuildOnce, installed: Installation) -> Installation:
    """The same a week later: a second model has been trained and promoted; not to be changed."""

    def build(new: Installation) -> None:
        installed.copy_to(new.root)
        trained = new.run("train", "--as-of", str(RETRAINED_AS_OF), "--json")
        assert trained.exit_code == 0, trained.stderr
        promoted = new.run("promote", trained.json["model_version"], "--reason", "it is newer", "--json")
        assert promoted.exit_code == 0, promoted.stderr

    return build_once("retrained", build)


@pytest.fixture(scope="session")
def rescored_once(build_once: BuildOnce, retrained_once: Installation) -> Installation:
    """The same, its first night scored again by the newer champion; not to be changed."""

    def build(new: Installation) -> None:
        retrained_once.copy_to(new.root)
        outcome = new.run("run", "--date", str(NIGHTS[0]))
        assert outcome.exit_code == 0, outcome.stderr

    return build_once("rescored", build)


@pytest.fixture
def installation(installed: Installation, tmp_path: Path) -> Installation:
    """A copy of `installed` that the test may change."""
    return installed.copy_to(tmp_path / "installation")


@pytest.fixture
def retrained(retrained_once: Installation, tmp_path: Path) -> Installation:
    """A copy of `retrained_once` that the test may change."""
    return retrained_once.copy_to(tmp_path / "installation")


@pytest.fixture
def rescored(rescored_once: Installation, tmp_path: Path) -> Installation:
    """A copy of `rescored_once` that the test may change."""
    return rescored_once.copy_to(tmp_path / "installation")
