"""A day's snapshot as it is landed: cells by their value, and warnings of what was cut off."""

import datetime as dt
import logging
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from churn_assets.core.errors import SourceFault
from churn_assets.core.options import Validation
from churn_assets.pipeline.chain import RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.storage.source.files import FileSource
from churn_assets.storage.source.sql import SqlSource
from churn_assets_tests.chains import chain_over, export
from churn_assets_tests.databases import database, fill
from churn_assets_tests.factories import member_columns
from churn_assets_tests.postgres import PostgresServer

DAY = dt.date(2026, 3, 31)
WORK = RunContext("tester")


@pytest.mark.parametrize("turn", [1, -1], ids=["in order", "to be sorted"])
def test_digits_that_were_cut_off_are_counted_once_a_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, turn: int
) -> None:
    """Two times finer than microseconds are one warning that names file, number and column."""
    since: list[object] = [
        "2026-01-31 10:00:00.1234567",
        "2026-01-31 10:00:00.0000000",
        "2026-01-31 10:00:00.0000001",
        "2026-01-31",
    ]
    export(tmp_path, DAY, 4, customer_id=list(member_columns(4)["customer_id"])[::turn], since=since)
    chain = chain_over(tmp_path)

    with caplog.at_level(logging.WARNING):
        land_customers(chain, DAY, WORK)

    [warning] = [record.getMessage() for record in caplog.records if "microseconds" in record.getMessage()]
    [file] = chain.source.files(DAY)
    assert warning == f"{file.path}: 2 times of column since were cut to microseconds; export it so"
    assert chain.raw.version(DAY).read().column("since").null_count == 0


@pytest.mark.fault("a footer or manifest counts other rows")
def test_a_manifest_that_counts_other_rows_is_refused(tmp_path: Path) -> None:
    """What came is held against what the export counted: half a day is not landed, and both numbers are named."""
    export(tmp_path, DAY, 4)
    template = "source/snapshot_date={snapshot_date}"
    (tmp_path / template.format(snapshot_date=DAY) / "rows").write_text("5")
    chain = chain_over(tmp_path, source=FileSource(f"{template}/*.parquet", tmp_path, manifest=f"{template}/rows"))

    with pytest.raises(SourceFault, match="holds 4 rows and its manifest says 5; export 2026-03-31 again"):
        land_customers(chain, DAY, WORK)

    assert chain.raw.days() == []


def test_an_id_that_is_none_is_quarantined(tmp_path: Path) -> None:
    """A blank id, and one with a byte order mark in it, are no customers; spaces around an id are not part of it."""
    export(tmp_path, DAY, 4, customer_id=["", "\ufeffc1", " c2 ", "c3"])
    chain = chain_over(tmp_path, validation=Validation(max_quarantined_share=1.0))
    land_customers(chain, DAY, WORK)

    validate_customers(chain, DAY, WORK)

    assert chain.customers.version(DAY).read().column("customer_id").to_pylist() == ["c2", "c3"]
    assert chain.quarantined.version(DAY).read().num_rows == 2


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
@pytest.mark.parametrize("turn", [1, -1], ids=["in order", "to be sorted"])
def test_rows_of_a_database_land_as_those_of_a_file(
    tmp_path: Path, postgres: PostgresServer, kind: str, turn: int
) -> None:
    """The same cells give the same version to the byte, in whatever order they come; its digest names the source."""
    export(tmp_path, DAY, 40, spend=[f"{number / 8}" for number in range(40)])
    [path] = (tmp_path / "source").rglob("*.parquet")
    uri = postgres.create(f"land_{turn}") if kind == "postgresql" else f"sqlite:///{tmp_path}/shop.db"
    fill(uri, "members", pq.ParquetFile(path).read().take(list(range(40)[::turn])))
    numeric = "::numeric" if kind == "postgresql" else ""
    query = f"select customer_id, plan, since, last_visit, visits, spend{numeric} as spend, active from members"  # noqa: S608  # a test's own
    source = SqlSource(database(uri), f"{query} where :snapshot_date = '2026-03-31'")

    of_file = land_customers(chain_over(tmp_path), DAY, WORK)
    of_query = land_customers(chain_over(tmp_path / "sql", source=source), DAY, WORK)

    [file] = of_query.files
    assert of_query.published.version == of_file.published.version
    assert (of_query.rows, file.path, file.bytes, file.sha256) == (40, source.template, None, of_file.published.version)
