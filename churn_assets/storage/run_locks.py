"""A lock for each run under way, which the kernel frees when the run's process ends, however it ends.

It tells of a process in another container, whose processes have other numbers: what is shared is the file.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["held_lock", "is_abandoned"]

LEFT_SECONDS = 7 * 24 * 3600  # what a killed run left is of use until somebody has asked for it
logger = logging.getLogger("churn_assets")


@contextmanager
def held_lock(folder: Path, run_id: str) -> Iterator[None]:
    """Hold the lock of a run in `folder` meanwhile; without one the run goes on, and its death is noticed later."""
    path = folder / run_id
    descriptor = _lock(path)
    try:
        yield
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def is_abandoned(folder: Path, run_id: str) -> bool:
    """Whether a run held a lock here and its process has ended; never so where that cannot be told."""
    try:
        with (folder / run_id).open("rb") as file:  # a file system that is mounted to be read will do
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # no such file, or it is held
        return False
    return True


def _lock(path: Path) -> int | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_left(path.parent)
        new = path.with_suffix(".new")  # under its name it is never seen without its lock
        descriptor = os.open(new, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        new.rename(path)
    except OSError as error:
        logger.debug("run %s has no lock: %s", path.name, error)
        return None
    return descriptor


def _remove_left(folder: Path) -> None:
    for each in folder.iterdir():
        if time.time() - each.stat().st_mtime > LEFT_SECONDS and is_abandoned(folder, each.name):
            each.unlink(missing_ok=True)
