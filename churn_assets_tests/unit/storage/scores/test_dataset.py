"""Published scores as a data set."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

import churn_assets
from churn_assets.core.errors import UnknownVersion
from churn_assets.core.table_schemas import SCORES
from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.table import Table
from churn_assets_tests.storage_factories import DAY, publish, score_rows

NEXT_DAY = DAY + dt.timedelta(days=1)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Two days of scores, the first of which was published twice."""
    table = Table(Layout(tmp_path).table("churn_scores"))
    publish(table, score_rows(9, "withdrawn"))
    publish(table, score_rows(5, "m1"))
    publish(table, score_rows(6, "m2"), NEXT_DAY)
    return table


def test_the_newest_day_is_read_where_none_is_named(table: Table, tmp_path: Path) -> None:
    """The rows of the newest day, with the day as a column, in the order of the table."""
    rows = churn_assets.read_scores(tmp_path).to_table()

    assert rows.column_names == ["snapshot_date", *SCORES.names]
    assert rows.drop_columns(["snapshot_date"]).equals(table.version(NEXT_DAY).read())
    assert set(rows.column("snapshot_date").to_pylist()) == {NEXT_DAY}


@pytest.mark.parametrize("day", [DAY, "2026-10-31"])
def test_a_day_holds_its_current_version_alone(table: Table, tmp_path: Path, day: dt.date | str) -> None:
    """Rows of a version that was replaced are not among them."""
    del table

    models = churn_assets.read_scores(str(tmp_path), day).to_table().column("model_version").to_pylist()

    assert models == ["m1"] * 5


def test_a_data_set_keeps_to_its_version(table: Table, tmp_path: Path) -> None:
    """What is published while it is read does not mix with it."""
    scores = churn_assets.read_scores(tmp_path)
    publish(table, score_rows(50, "m3"), NEXT_DAY)

    rows = scores.to_table()

    assert set(rows.column("model_version").to_pylist()) == {"m2"}


@pytest.mark.usefixtures("table")
def test_others_read_it_in_a_line(tmp_path: Path) -> None:
    """Polars and pandas take the data set as it is."""
    scores = churn_assets.read_scores(tmp_path)

    frame = scores.to_table().to_pandas()
    counted = pl.scan_pyarrow_dataset(scores).filter(pl.col("churn_probability") > 0.5).collect().height

    assert counted == int((frame["churn_probability"] > 0.5).sum()) > 0


@pytest.mark.usefixtures("table")
def test_a_day_without_scores_is_an_error(tmp_path: Path) -> None:
    """It says which days there are; nothing is never an empty table."""
    with pytest.raises(UnknownVersion, match="they run from 2026-10-31 to 2026-11-01"):
        churn_assets.read_scores(tmp_path, "2020-01-01")


def test_nothing_else_is_handed_on() -> None:
    """Another name is the usual error."""
    with pytest.raises(AttributeError, match="no attribute 'write_scores'"):
        churn_assets.write_scores  # noqa: B018  # the lookup is the act
