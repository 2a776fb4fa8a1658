"""A log is read from its newest commit back, no further than is asked, and nothing of it twice."""

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from churn_assets.core.errors import RunError
from churn_assets.storage.tables import delta_log
from churn_assets.storage.tables.commits import Commit, read_events
from churn_assets.storage.tables.delta_log import DeltaLog
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


@pytest.fixture
def empty(tmp_path: Path) -> Table:
    """A table that is not there yet."""
    return Table(tmp_path / "published" / "churn_scores")


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
    monkeypatch.setattr(delta_log, "FIRST_READ", 2)
    return counts


def test_what_lies_near_the_end_is_found_near_the_end(table: Table, asked: list[int]) -> None:
    """The newest days' commits are found without those before them."""
    log = DeltaLog(table.root).refresh()

    found = log.newest(DAYS[-2:])

    assert {day: event.commit.kind for day, event in found.items()} == dict.fromkeys(DAYS[-2:], "score")
    assert asked == [2]


def test_a_day_that_was_never_published_costs_nothing(table: Table, asked: list[int]) -> None:
    """The current files say already that it has no commit."""
    log = DeltaLog(table.root).refresh()

    found = [*log.backwards(DAY - dt.timedelta(days=1)), *log.newest([DAY - dt.timedelta(days=1)])]

    assert found == []
    assert asked == []


def test_all_of_a_day_is_found_without_what_is_older_than_the_day(table: Table, asked: list[int]) -> None:
    """A day's first commit says so: nothing older is looked at."""
    publish(table, score_rows(4), DAYS[-1])
    del asked[:]
    log = DeltaLog(table.root).refresh()

    versions = [event.rows for event in log.backwards(DAYS[-1])]

    assert versions == [4, 3]
    assert asked == [2]


def test_every_commit_is_told_once_and_in_order(table: Table, asked: list[int]) -> None:
    """However far a log was read before, and whatever came since, each commit is read once and told in order."""
    log = DeltaLog(table.root).refresh()
    list(log.newest(DAYS[-3:]))
    publish(table, score_rows(4), DAYS[3])
    publish(table, score_rows(5), DAYS[4])
    log.refresh()

    events = {day: [event.rows for event in log.backwards(day)] for day in DAYS}
    del asked[:]
    log.refresh()
    again = {day: [event.rows for event in log.backwards(day)] for day in DAYS}

    assert events == {day: [3] for day in DAYS} | {DAYS[3]: [4, 3], DAYS[4]: [5, 3]}
    assert again == events
    assert asked == []


def test_a_log_stays_as_it_was_refreshed(table: Table) -> None:
    """What another writer commits is seen after the next `refresh`, in its files and its events alike."""
    log = DeltaLog(table.root).refresh()
    publish(table, score_rows(4), DAYS[-1])

    before = (log.current(DAYS[-1]), next(log.backwards(DAYS[-1])).rows)
    log.refresh()
    after = (log.current(DAYS[-1]), next(log.backwards(DAYS[-1])).rows)

    assert before == (table.history(DAYS[-1])[0].version, 3)
    assert after == (table.current(DAYS[-1]), 4)


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
    read = read_events
    monkeypatch.setattr(delta_log, "read_events", lambda told: read({**told, "is_first": "false"}))

    versions = [event.rows for event in DeltaLog(table.root).refresh().backwards(DAYS[1])]

    assert versions == [4, 3]


# --- what is current, as the score service follows it


def test_without_a_table_nothing_is_published(empty: Table) -> None:
    """Before the first night the catalog is empty, and is filled once there are scores."""
    reader = DeltaLog(empty.root)

    before = reader.refresh().catalog()
    published = publish(empty, score_rows(5), model_version="m1")
    newest = reader.refresh().catalog().newest

    assert (before.days, before.newest) == ({}, None)
    assert newest is not None
    assert (newest.scores.day, newest.scores.version, newest.rows) == (DAY, published.version, 5)


def test_every_day_is_told_with_what_made_it_current(empty: Table) -> None:
    """Version, rows, files, model and time of each day, in order."""
    first = publish(empty, score_rows(5), DAYS[1], model_version="m2").version
    second = publish(empty, score_rows(6), DAY, model_version="m1").version

    catalog = DeltaLog(empty.root).refresh().catalog()

    told = [(day.scores.day, day.scores.version, day.rows, day.model_version) for day in catalog.days.values()]
    assert told == [(DAY, second, 6, "m1"), (DAYS[1], first, 5, "m2")]
    assert catalog.days[DAY].scores == empty.version(DAY)
    assert catalog.days[DAY].published_at == empty.history(DAY)[-1].published_at


def test_nothing_is_read_anew_without_a_commit(empty: Table) -> None:
    """As long as nobody commits, it is the same object."""
    publish(empty, score_rows(5))
    reader = DeltaLog(empty.root)

    catalogs = [reader.refresh().catalog() for _ in range(3)]

    assert catalogs[0] is catalogs[1] is catalogs[2]


def test_publishes_and_rollbacks_are_followed(empty: Table) -> None:
    """After each commit the catalog tells what the table does."""
    reader = DeltaLog(empty.root)
    told = []

    for step in (5, 6, 7):
        publish(empty, score_rows(step), model_version=f"m{step}")
        told.append(reader.refresh().catalog().days[DAY].scores.version == empty.current(DAY))
    empty.rollback(DAY, None, Commit("rollback", "tester", "why", model_version="m1"))
    now = reader.refresh().catalog().days[DAY]

    assert told == [True, True, True]
    assert (now.scores.version, now.rows, now.model_version) == (empty.current(DAY), 6, "m1")


def test_a_table_that_was_put_back_is_opened_anew(empty: Table, tmp_path: Path) -> None:
    """Where an older state came from a backup, its scores are told and not those before."""
    publish(empty, score_rows(5))
    shutil.copytree(empty.root, tmp_path / "backup")
    publish(empty, score_rows(6))
    reader = DeltaLog(empty.root)
    before = reader.refresh().catalog()
    shutil.rmtree(empty.root)
    shutil.copytree(tmp_path / "backup", empty.root)

    after = reader.refresh().catalog()

    assert [catalog.days[DAY].rows for catalog in (before, after)] == [6, 5]


@pytest.mark.fault("the table goes away under its readers")
def test_a_table_that_is_taken_away_is_no_table_without_scores(empty: Table, tmp_path: Path) -> None:
    """A lost mount is told as such, as long as it lasts; what is there again afterwards is read on."""
    publish(empty, score_rows(5))
    reader = DeltaLog(empty.root)
    reader.refresh()
    empty.root.rename(tmp_path / "away")

    with pytest.raises(RunError, match="no longer there"):
        reader.refresh()

    (tmp_path / "away").rename(empty.root)
    assert reader.refresh().catalog().days[DAY].rows == 5


@pytest.mark.fault("an entry's path leaves its table")
@pytest.mark.parametrize(
    "path",
    [
        "../../../evil/snapshot_date=2026-10-31/0123456789abcdef/part-0.parquet",
        "/etc/snapshot_date=2026-10-31/0123456789abcdef/part-0.parquet",
        "file:///tmp/snapshot_date=2026-10-31/0123456789abcdef/part-0.parquet",
        "snapshot_date=2026-10-31/../../evil/part-0.parquet",
        "snapshot_date=2026-02-31/0123456789abcdef/part-0.parquet",
        "snapshot_date=2026-10-31/0123456789abcdef/passwd",
    ],
)
def test_an_entry_that_leaves_the_table_is_refused(empty: Table, path: str) -> None:
    """Whatever file a log names, only those of a version below the table are read; the sentence names the entry."""
    publish(empty, score_rows(5))
    log = empty.root / "_delta_log" / f"{1:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "add" in action:
            action["add"]["path"] = path
    log.write_text("\n".join(map(json.dumps, actions)))
    reader = DeltaLog(empty.root)

    with pytest.raises(RunError, match="no file of a version of this table") as refused:
        reader.refresh().catalog()

    assert path in str(refused.value)


def test_a_log_that_cannot_be_read_is_an_error_in_words(empty: Table) -> None:
    """A damaged commit is refused by name, and once it is mended the catalog is told again."""
    publish(empty, score_rows(5))
    path = empty.root / "_delta_log" / f"{1:020}.json"
    whole = path.read_bytes()
    path.write_bytes(b"{ no json")
    reader = DeltaLog(empty.root)

    with pytest.raises(RunError, match=r"is torn.*churn-assets repair"):
        reader.refresh().catalog()

    path.write_bytes(whole)
    assert reader.refresh().catalog().days[DAY].rows == 5


@pytest.mark.fault("the table goes away under its readers")
def test_a_table_that_goes_while_it_is_followed_is_missed_from_then_on(
    empty: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at its newest commit and the end of the update, the folder is gone: the next look says so."""
    publish(empty, score_rows(5))
    reader = DeltaLog(empty.root)
    reader.refresh()
    monkeypatch.setattr(delta_log, "check_commits", lambda *_: empty.root.rename(tmp_path / "away"))
    reader.refresh()
    monkeypatch.undo()

    with pytest.raises(RunError, match="no longer there"):
        reader.refresh()
