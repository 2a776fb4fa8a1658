"""What is published, as the service follows it commit by commit."""

import datetime as dt
import shutil
from pathlib import Path

import pytest

from churn_assets.core.errors import RunError
from churn_assets.storage.tables.catalog import Catalog, CatalogReader
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.table import Table
from churn_assets_tests.storage_factories import DAY, publish, score_rows

NEXT_DAY = DAY + dt.timedelta(days=1)
ROLLBACK = Commit("rollback", "tester", "why", model_version="m1")


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """A table that is not there yet."""
    return Table(tmp_path / "churn_scores")


def test_without_a_table_nothing_is_published(table: Table) -> None:
    """Before the first night the catalog is empty, and is filled once there are scores."""
    reader = CatalogReader(table.root)

    before = reader.read()
    published = publish(table, score_rows(5), model_version="m1")
    newest = reader.read().newest

    assert (before.days, before.newest) == ({}, None)
    assert newest is not None
    assert (newest.scores.day, newest.scores.version, newest.rows) == (DAY, published.version, 5)


def test_every_day_is_told_with_what_made_it_current(table: Table) -> None:
    """Version, rows, files, model and time of each day, in order."""
    first = publish(table, score_rows(5), NEXT_DAY, model_version="m2").version
    second = publish(table, score_rows(6), DAY, model_version="m1").version

    catalog = CatalogReader(table.root).read()

    told = [(day.scores.day, day.scores.version, day.rows, day.model_version) for day in catalog.days.values()]
    assert told == [(DAY, second, 6, "m1"), (NEXT_DAY, first, 5, "m2")]
    assert catalog.days[DAY].scores == table.version(DAY)
    assert catalog.days[DAY].published_at == table.history(DAY)[-1].published_at


def test_nothing_is_read_anew_without_a_commit(table: Table) -> None:
    """As long as nobody commits, it is the same object."""
    publish(table, score_rows(5))
    reader = CatalogReader(table.root)

    catalogs = [reader.read() for _ in range(3)]

    assert catalogs[0] is catalogs[1] is catalogs[2]


def test_publishes_and_rollbacks_are_followed(table: Table) -> None:
    """After each commit the catalog tells what the table does."""
    reader = CatalogReader(table.root)
    told = []

    for step in (5, 6, 7):
        publish(table, score_rows(step), model_version=f"m{step}")
        told.append(reader.read().days[DAY].scores.version == table.current(DAY))
    table.rollback(DAY, None, ROLLBACK)
    now = reader.read().days[DAY]

    assert told == [True, True, True]
    assert (now.scores.version, now.rows, now.model_version) == (table.current(DAY), 6, "m1")


def test_a_table_that_was_put_back_is_opened_anew(table: Table, tmp_path: Path) -> None:
    """Where an older state came from a backup, its scores are told and not those before."""
    publish(table, score_rows(5))
    shutil.copytree(table.root, tmp_path / "backup")
    publish(table, score_rows(6))
    reader = CatalogReader(table.root)
    before = reader.read()
    shutil.rmtree(table.root)
    shutil.copytree(tmp_path / "backup", table.root)

    after = reader.read()

    assert [catalog.days[DAY].rows for catalog in (before, after)] == [6, 5]


def test_a_table_that_is_taken_away_has_no_scores(table: Table) -> None:
    """Nothing is told of what is no longer there."""
    publish(table, score_rows(5))
    reader = CatalogReader(table.root)
    reader.read()
    shutil.rmtree(table.root)

    catalog = reader.read()

    assert catalog == Catalog()


def test_a_log_that_cannot_be_read_is_an_error_in_words(table: Table) -> None:
    """A damaged commit is refused by name, and once it is mended the catalog is told again."""
    publish(table, score_rows(5))
    path = table.root / "_delta_log" / f"{1:020}.json"
    whole = path.read_bytes()
    path.write_bytes(b"{ no json")
    reader = CatalogReader(table.root)

    with pytest.raises(RunError, match="its log cannot be read"):
        reader.read()

    path.write_bytes(whole)
    assert reader.read().days[DAY].rows == 5
