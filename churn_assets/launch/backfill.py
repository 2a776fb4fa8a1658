"""Many days at once: each one run of the nightly job, several in processes of their own, begun in order.

A day is done once its scores are published, and only then. So a second start does what the first one
left, however that ended: nothing but the tables is asked what is missing.
"""

import datetime as dt
import gc
import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Self

from churn_assets.core.errors import ChurnError, InputError, RunError
from churn_assets.instance import open_instance
from churn_assets.launch.launcher import Launcher, Night
from churn_assets.launch.processes import end_dead_runs
from churn_assets.settings import Settings

__all__ = ["BackfillPlan", "FinishedDay", "Workers", "plan_days"]

logger = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 3  # what fails so often is not the days' own fault
KILLED = "a worker process was killed, perhaps for want of memory,"
LONGEST_BACKFILL = dt.timedelta(days=36_600)


@dataclass(frozen=True)
class BackfillPlan:
    """The days of a range: those to do, those with current scores, and those that the source does not hold."""

    to_do: list[dt.date]
    published: list[dt.date]
    missing: list[dt.date]


@dataclass(frozen=True)
class FinishedDay:
    """A day that was worked on: its night, or why there is none; and what the chain warned of."""

    day: dt.date
    night: Night | None
    error: str
    warnings: tuple[str, ...] = ()


def plan_days(launcher: Launcher, first: dt.date, last: dt.date) -> BackfillPlan:
    """What a backfill of `first` to `last` has to do.

    Raises:
        InputError: the range is none, or not all of it partitions, or neither scored nor in the source.
    """
    if first > last:
        raise InputError(f"--from {first} --to {last} is no range: name the earlier day first")
    if last - first > LONGEST_BACKFILL:
        raise InputError(f"--from {first} --to {last} is more than {LONGEST_BACKFILL.days:,} days: ask for fewer")
    for day in (first, last):
        launcher.check_day(day)
    scored = set(launcher.chain.scores.days())
    asked = [first + dt.timedelta(days=more) for more in range((last - first).days + 1)]
    held = {day for day in asked if day not in scored and launcher.chain.source.has(day)}
    for day in sorted(held):
        launcher.check_day(day)  # the clocks of a time zone have skipped some
    if not held and not scored.intersection(asked):
        launcher.chain.source.files(asked[0])  # says where it looked
    return BackfillPlan(
        to_do=[day for day in asked if day in held],
        published=[day for day in asked if day in scored],
        missing=[day for day in asked if day not in scored and day not in held],
    )


class Workers:
    """Processes that each run the chain, a day at a time; a context that leaves none behind.

    Where it is left by an interrupt, what is under way ends first, and nothing more is begun.
    """

    def __init__(self, settings: Settings, actor: str, jobs: int) -> None:
        self.jobs = jobs
        self._settings = settings
        self._running: dict[Future[tuple[Night, tuple[str, ...]]], dt.date] = {}
        self._other_processes = set(multiprocessing.active_children())
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(jobs, spawn, initializer=_start_worker, initargs=(settings, actor))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None or not issubclass(kind, Exception):
                self._pool.shutdown(cancel_futures=True)
        finally:  # Dagster makes a worker deaf to SIGTERM, with which a broken pool ends the others
            for worker in set(multiprocessing.active_children()) - self._other_processes:
                worker.kill()
                worker.join()
            if kind is not None:
                self._end_lost_runs()

    def _end_lost_runs(self) -> None:
        """Tell Dagster of the runs that a killed worker left."""
        try:
            with open_instance(self._settings) as instance:
                end_dead_runs(instance)
        except Exception:  # whatever keeps Dagster from answering, the next run ends them, and the days' error counts
            logger.debug("the runs of killed workers could not be ended:", exc_info=True)

    def ended_unseen(self) -> list[FinishedDay]:
        """The days that ended after an interrupt, when `run` was asked no more; the last it gave may be among them."""
        done = [future for future in self._running if future.done() and not future.cancelled()]
        return [
            _finished(self._running[each], each) for each in done if not isinstance(each.exception(), BrokenProcessPool)
        ]

    def first_champion(self, as_of: dt.date) -> str:
        """Train a first model, as `run` does; its version.

        Raises:
            RunError: there is none, or the worker was killed.
        """
        try:
            with _interrupts_blocked():
                future = self._pool.submit(_train_first, as_of)
            return future.result()
        except BrokenProcessPool as error:
            raise RunError(f"{KILLED} while it trained the first model as of {as_of}; start it again") from error

    def run(self, days: Iterable[dt.date]) -> Iterator[FinishedDay]:
        """Run the nightly chain of `days`, begun in their order; give each as it ends.

        Nothing more is begun after three failures in a row.

        Raises:
            RunError: a worker was killed: the days that were under way are lost, and no others.
        """
        queue = deque(days)
        running = self._running
        failures_in_a_row = 0
        while True:
            while queue and len(running) < self.jobs and failures_in_a_row < FAILURES_IN_A_ROW:
                day = queue.popleft()
                with _interrupts_blocked():
                    running[self._pool.submit(_run_day, day)] = day
            if not running:
                return
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            lost = [running[future] for future in ended if isinstance(future.exception(), BrokenProcessPool)]
            for future in ended:
                day = running[future]
                if day not in lost:
                    finished = _finished(day, future)
                    failures_in_a_row = 0 if finished.night else failures_in_a_row + 1
                    yield finished
                del running[future]
            if lost:
                days_lost = ", ".join(map(str, sorted({*lost, *running.values()})))
                raise RunError(
                    f"{KILLED} while {days_lost} were under way; every other day stands: start the same backfill again "
                    "for what is missing, with fewer --jobs if it was the memory"
                )


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Keep Ctrl-C from processes that begin herein: they load for seconds before `_start_worker` sets them up.

    They inherit what is blocked. This process gets what came meanwhile once it is over.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _finished(day: dt.date, future: "Future[tuple[Night, tuple[str, ...]]]") -> FinishedDay:
    try:
        night, warnings = future.result()
    except ChurnError as error:
        logger.debug("%s failed in its worker:", day, exc_info=True)
        return FinishedDay(day, None, str(error))
    return FinishedDay(day, night, "", warnings)


# --- in a worker's process


class _Worker(logging.Handler):
    """What a worker keeps from day to day: its launcher, built for the first one, and the warnings so far.

    A pool calls functions of a module in a process of its own: what its initializer has made they find at `current`,
    and nowhere else. There is one in each worker's process, and none in the process that asked.
    """

    current: ClassVar["_Worker"]

    def __init__(self, settings: Settings, actor: str) -> None:
        super().__init__(logging.WARNING)
        self.settings, self.actor = settings, actor
        self.warnings: list[str] = []
        self._launcher: Launcher | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning for the process that asked."""
        self.warnings.append(record.getMessage())

    def launcher(self) -> Launcher:
        """Built here and not when the worker starts: what hinders it reaches the caller as a sentence."""
        if self._launcher is None:
            self._launcher = Launcher(self.settings, self.actor)
            gc.freeze()  # it lives as long as the worker
        return self._launcher

    def take_warnings(self) -> tuple[str, ...]:
        """The warnings since the last time."""
        warnings, self.warnings = tuple(self.warnings), []
        return warnings


def _start_worker(settings: Settings, actor: str) -> None:
    """Set a worker's process up: Ctrl-C is its parent's business.

    A session of its own keeps a terminal's interrupt from it also within a run, where Dagster listens for one.
    """
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # forgets what came while it was blocked
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Worker.current = _Worker(settings, actor)
    logging.getLogger("churn_assets").addHandler(_Worker.current)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next day for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _train_first(as_of: dt.date) -> str:
    return _Worker.current.launcher().first_champion(as_of)


def _run_day(day: dt.date) -> tuple[Night, tuple[str, ...]]:
    worker = _Worker.current
    worker.take_warnings()
    try:
        return worker.launcher().night(day, is_backfill=True), worker.take_warnings()
    except ChurnError:
        raise
    except Exception as error:  # a broken disk or file: one sentence, and one that can be pickled
        first_line = str(error).splitlines()[0] if str(error) else "no message"
        raise RunError(f"{type(error).__name__}: {first_line}") from error
