"""Days are begun in order, a few at once; a failed one stops no other, and three in a row stop what would fail too."""

import datetime as dt
import logging
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest

from churn_assets.core.errors import AuditFailed, InputError, RunError, SourceMissing
from churn_assets.launch import backfill
from churn_assets.launch.backfill import FinishedDay, Workers, plan_days
from churn_assets.launch.launcher import Launcher
from churn_assets.settings import Settings

FIRST = dt.date(2026, 1, 1)
DAYS = [FIRST + dt.timedelta(days=more) for more in range(8)]
SKIPPED = DAYS[-1] + dt.timedelta(days=1)
RunContext = Callable[[dt.date], Any]


class PoolInHere:
    """A pool that works in this process, one thing at a time and at once."""

    def __init__(self) -> None:
        self.begun: list[dt.date] = []

    def submit(self, work: RunContext, day: dt.date) -> "Future[Any]":
        """The work, done."""
        self.begun.append(day)
        future: Future[Any] = Future()
        try:
            future.set_result(work(day))
        except RunError as error:
            future.set_exception(error)
        except BrokenProcessPool as error:
            future.set_exception(error)
        return future

    def shutdown(self, *, cancel_futures: bool) -> None:
        """Nothing is under way."""


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> PoolInHere:
    """The pool that `Workers` work with."""
    here = PoolInHere()
    monkeypatch.setattr(backfill, "ProcessPoolExecutor", lambda *_, **__: here)
    monkeypatch.setattr(backfill, "open_instance", lambda _: dg.DagsterInstance.ephemeral())
    return here


def working(monkeypatch: pytest.MonkeyPatch, work: RunContext) -> None:
    """Let a day's work be this."""
    monkeypatch.setattr(backfill, "_run_day", work)


def run(days: list[dt.date], jobs: int = 1) -> list[FinishedDay]:
    """Everything that the workers report of these days."""
    with Workers(Settings(), "someone", jobs) as workers:
        return list(workers.run(days))


def night(day: dt.date) -> Any:
    """The answer of a day that went well."""
    return SimpleNamespace(snapshot_date=day), ("it is warm",)


def test_days_are_begun_in_their_order(pool: PoolInHere, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each day is worked on once, in the order asked, and reported with what was warned of."""
    working(monkeypatch, night)

    finished = run(DAYS, jobs=3)

    assert pool.begun == DAYS
    assert sorted(each.day for each in finished) == DAYS
    assert all(each.night and each.night.snapshot_date == each.day for each in finished)
    assert {each.warnings for each in finished} == {("it is warm",)}


def test_a_failed_day_stops_no_other(pool: PoolInHere, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day whose source is broken is reported with its sentence; those after it are done."""

    def work(day: dt.date) -> Any:
        if day in DAYS[1:3] + DAYS[4:6]:
            raise AuditFailed(f"{day} is broken")
        return night(day)

    working(monkeypatch, work)

    finished = run(DAYS)

    assert pool.begun == DAYS
    assert {each.day: each.error for each in finished if each.error} == {
        day: f"{day} is broken" for day in DAYS[1:3] + DAYS[4:6]
    }


def test_nothing_is_begun_after_three_failures_in_a_row(pool: PoolInHere, monkeypatch: pytest.MonkeyPatch) -> None:
    """What hits every day, such as a champion whose folder is gone, is not tried for every day."""

    def work(day: dt.date) -> Any:
        if day >= DAYS[2]:
            raise RunError("the champion is gone")
        return night(day)

    working(monkeypatch, work)

    finished = run(DAYS)

    assert pool.begun == DAYS[:5]
    assert [bool(each.error) for each in finished] == [False, False, True, True, True]


@pytest.mark.usefixtures("pool")
def test_an_unexpected_failure_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A day that meets a broken disk is reported in one sentence; the debug log has where it happened."""

    def launcher() -> Launcher:
        raise OSError(5, "Input/output error")

    worker = SimpleNamespace(take_warnings=tuple, launcher=launcher)
    monkeypatch.setattr(backfill._Worker, "current", worker, raising=False)
    caplog.set_level(logging.DEBUG, logger="churn_assets")

    [finished] = run(DAYS[:1])

    assert finished.error == "OSError: [Errno 5] Input/output error"
    assert "in launcher\n" in caplog.text


@pytest.mark.usefixtures("pool")
def test_a_killed_worker_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a process is killed, what had ended is reported first, then which days were lost with it."""

    def work(day: dt.date) -> Any:
        if day >= DAYS[2]:
            raise BrokenProcessPool
        return night(day)

    working(monkeypatch, work)
    finished: list[FinishedDay] = []

    with (
        pytest.raises(RunError, match=f"killed.*while {DAYS[2]}, {DAYS[3]} were under way.*every other day stands"),
        Workers(Settings(), "someone", 2) as workers,
    ):
        finished.extend(workers.run(DAYS))

    assert sorted(each.day for each in finished) == DAYS[:2]


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    """Days of which the third and fourth are scored; the source holds all but the second and third."""

    def files(day: dt.date) -> list[Any]:
        raise SourceMissing(f"source: nothing for {day}")

    def check(day: dt.date) -> None:
        if day < FIRST:
            raise InputError(f"{day} lies before start_date")
        if day == SKIPPED:
            raise InputError(f"{day} never was")

    held = [day for day in DAYS[:6] if day not in DAYS[1:3]] + [SKIPPED]
    source = SimpleNamespace(has=lambda day: day in held, files=files)
    scores = SimpleNamespace(days=lambda: DAYS[2:4])
    chain = SimpleNamespace(source=source, scores=scores, layout=tmp_path)
    return cast("Launcher", SimpleNamespace(chain=chain, check_day=check))


def test_only_what_is_not_published_is_planned(launcher: Launcher) -> None:
    """A scored day is left alone, also where its export is gone; one without export and scores is missing."""
    plan = plan_days(launcher, DAYS[0], DAYS[5])

    assert plan.to_do == [DAYS[0], DAYS[4], DAYS[5]]
    assert plan.published == DAYS[2:4]
    assert plan.missing == [DAYS[1]]


def test_a_day_in_between_that_never_was_is_refused(launcher: Launcher) -> None:
    """Where the source holds a file of a day that the time zone skipped, the sentence names that day."""
    with pytest.raises(InputError, match=f"{SKIPPED} never was"):
        plan_days(launcher, DAYS[0], SKIPPED + dt.timedelta(days=1))


def test_a_range_that_is_nowhere_is_refused(launcher: Launcher) -> None:
    """Where the source holds no day of the range, the sentence says where it looked."""
    with pytest.raises(SourceMissing, match=f"nothing for {DAYS[6]}"):
        plan_days(launcher, DAYS[6], DAYS[7])


@pytest.mark.parametrize(
    ("first", "last"),
    [(DAYS[1], DAYS[0]), (FIRST - dt.timedelta(days=1), DAYS[0]), (FIRST, dt.date(2326, 1, 1))],
)
def test_what_is_no_range_is_refused(launcher: Launcher, first: dt.date, last: dt.date) -> None:
    """The earlier day comes first, all of them are partitions, and they are not more than a century."""
    with pytest.raises(InputError):
        plan_days(launcher, first, last)
