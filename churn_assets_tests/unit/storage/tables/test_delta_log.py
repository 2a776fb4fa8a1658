"""A log is read from its newest commit back, no further than is asked, and nothing of it twice."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from churn_assets.storage.tables import delta_log as log
from churn_assets.storage.tables.commits import Commit, read_event
from churn_assets.storage.tables.delta_log import Log
from churn_assets.storage.tables.table import Table
from churn_assets_tests.storage_factories import DAY, publish, score_rows

DAYS = [DAY + dt.timedelta(days=more) for more in range(12)]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """A table with one version of each of twelve days."""
    table = Table(tmp_path / "churn_scores")
    for day in DAYS:
        publish(table, score_rows(3, str(day)), day)
    return table


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many commits were read from the disk, time by time."""
    counts: list[int] = []
    history = DeltaTable.history

    def counting(table: DeltaTable, limit: int | None = None) -> list[dict[str, Any]]:
        told = history(table, limit)
        counts.append(len(told))
        return told

    monkeypatch.setattr(DeltaTable, "history", counting)
    monkeypatch.setattr(log, "FIRST_READ", 2)
    return counts


def test_what_lies_near_the_end_is_found_near_the_end(table: Table, asked: list[int]) -> None:
    """The newest days' commits are found without those before them."""
    log = Log(table.root).refresh()

    found = log.newest(DAYS[-2:])

    assert {day: event.commit.kind for day, event in found.items()} == dict.fromkeys(DAYS[-2:], "score")
    assert asked == [2]


def test_a_day_that_was_never_published_costs_nothing(table: Table, asked: list[int]) -> None:
    """The current files say already that it has no commit."""
    log = Log(table.root).refresh()

    found = [*log.backwards(DAY - dt.timedelta(days=1)), *log.newest([DAY - dt.timedelta(days=1)])]

    assert found == []
    assert asked == []


def test_all_of_a_day_is_found_without_what_is_older_than_the_day(table: Table, asked: list[int]) -> None:
    """A day's first commit says so: nothing older is looked at."""
    publish(table, score_rows(4), DAYS[-1])
    del asked[:]
    log = Log(table.root).refresh()

    versions = [event.rows for event in log.backwards(DAYS[-1])]

    assert versions == [4, 3]
    assert asked == [2]


def test_every_commit_is_told_once_and_in_order(table: Table, asked: list[int]) -> None:
    """However far a log was read before, and whatever came since, `events` holds each commit once, oldest first."""
    log = Log(table.root).refresh()
    list(log.newest(DAYS[-3:]))
    publish(table, score_rows(4), DAYS[3])
    publish(table, score_rows(5), DAYS[4])
    log.refresh()

    events = log.events()
    del asked[:]
    again = log.refresh().events()

    assert [(event.day, event.rows) for event in events] == [*((day, 3) for day in DAYS), (DAYS[3], 4), (DAYS[4], 5)]
    assert again == events
    assert asked == []


def test_a_log_stays_as_it_was_refreshed(table: Table) -> None:
    """What another writer commits is seen after the next `refresh`, in its files and its events alike."""
    log = Log(table.root).refresh()
    publish(table, score_rows(4), DAYS[-1])

    before = (log.current(DAYS[-1]), next(log.backwards(DAYS[-1])).rows, len(log.events()))
    log.refresh()
    after = (log.current(DAYS[-1]), next(log.backwards(DAYS[-1])).rows, len(log.events()))

    assert before == (table.history(DAYS[-1])[0].version, 3, len(DAYS))
    assert after == (table.current(DAYS[-1]), 4, len(DAYS) + 1)


def test_a_reader_that_pauses_goes_on_where_it_was(table: Table) -> None:
    """Commits that come while a caller goes back through a day's shift nothing for it."""
    for rows in (4, 5, 6):
        publish(table, score_rows(rows), DAYS[0])
    events = table.backwards(DAYS[0])
    seen = [next(events).rows]

    publish(table, score_rows(7), DAYS[0])
    table.history(DAYS[0])
    seen += [event.rows for event in events]

    assert seen == [6, 5, 4, 3]


def test_only_the_first_commit_of_a_day_is_marked(table: Table) -> None:
    """A second version and a rollback to the first are no first commits."""
    first = table.current(DAYS[0])
    publish(table, score_rows(9), DAYS[0])

    table.rollback(DAYS[0], first, Commit("rollback", "tester"))

    assert [event.is_first for event in table.history(DAYS[0])] == [True, False, False]


def test_a_history_without_marks_is_read_to_its_end(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits of a release that did not mark the first ones are all found."""
    publish(table, score_rows(4), DAYS[1])
    read = read_event
    monkeypatch.setattr(log, "read_event", lambda told: read({**told, "is_first": "false"}))

    versions = [event.rows for event in Log(table.root).refresh().backwards(DAYS[1])]

    assert versions == [4, 3]
