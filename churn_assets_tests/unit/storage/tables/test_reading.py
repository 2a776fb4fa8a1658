"""Small tables as plain rows."""

import datetime as dt
from pathlib import Path

import pyarrow as pa

from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.reading import rows_between
from churn_assets.storage.tables.table import Table
from churn_assets_tests.storage_factories import DAY

SCHEMA = pa.schema([("name", pa.string())])


def test_current_rows_of_a_range_come_by_day_with_their_day(tmp_path: Path) -> None:
    """Ends are included, an open end takes all, and a table that was never made has none."""
    table = Table(tmp_path / "small")
    days = [DAY + dt.timedelta(days=number) for number in range(3)]
    for day in reversed(days):
        staged = table.write(day, SCHEMA, "name", [pa.table({"name": [str(day.day)]})])
        table.publish(staged, None, Commit("monitor", "tester", "", "", "", "", {}))

    some, everything = rows_between(table, days[0], days[1]), rows_between(table)

    assert some == [{"snapshot_date": day, "name": str(day.day)} for day in days[:2]]
    assert [row["snapshot_date"] for row in everything] == days
    assert rows_between(Table(tmp_path / "nowhere")) == []
