"""Only aggregates and hashed ids leave the tables: no log, event, alert or sentence quotes a customer's value."""

import datetime as dt
import logging
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster._serdes import serialize_value

from churn_assets.profiles import subscription
from churn_assets_tests.integration.installation import NIGHTS, Installation
from churn_assets_tests.receivers import web_server

pytestmark = pytest.mark.integration

ONE_DAY = dt.timedelta(days=1)
MARK = "MARKER"
AMOUNT = 98765.4321  # a marker that is a valid number
FAILING = """
    if (customers["spend"] > 98765).any():
        raise ValueError(f"cannot use {customers['customer_id'].iloc[0]} {customers['spend'].max()}")
"""


def plant(installation: Installation, day: dt.date, rows: int) -> list[str]:
    """Write markers into every raw column of a day's source: a valid row, and `rows` for each column; the columns."""
    path = installation.source(day)
    table = pq.read_table(path)
    texts = table.cast(pa.schema([(name, pa.string()) for name in table.column_names])).to_pydict()
    texts["customer_id"][0] = f"{MARK}-of-a-valid-row"
    texts["spend"][0] = str(AMOUNT)
    for at, name in enumerate(name for name in texts if name != "customer_id"):
        for row in range(1 + at * rows, 1 + (at + 1) * rows):
            texts[name][row] = f"{MARK}-{name}"
            texts["customer_id"][row] = f"{MARK}-{name}-{row}"
    pq.write_table(pa.table(texts), path)
    return list(texts)


def with_failing_features(installation: Installation, folder: Path) -> Installation:
    """The same one, whose profile raises what quotes a customer."""
    text = Path(subscription.__file__).read_text()
    head = text.index("    ", text.index('"""', text.index('"""', text.index("def add_features")) + 3))
    (folder / "quoting.py").write_text(text[:head] + FAILING.lstrip("\n") + text[head:])
    return installation.having(CHURN_PROFILE="quoting")


def told_by_dagster(installation: Installation) -> str:
    """Every event, run and file of Dagster's storage."""
    with installation.dagster() as instance:
        events = [serialize_value(entry) for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]
        runs = [serialize_value(run) for run in instance.get_runs()]
    assert len(events) > 50
    files = [
        path.read_bytes().decode("latin-1") for path in (installation.data / "dagster").rglob("*") if path.is_file()
    ]
    return "\n".join([*events, *runs, *files])


def test_no_marker_leaves_the_tables(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Through a night that quarantines, one that is refused, and a profile that fails with a customer's own words."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    caplog.set_level(logging.DEBUG, "churn_assets")
    days = [NIGHTS[-1] + more * ONE_DAY for more in (1, 2)]
    columns = plant(installation, days[0], rows=1)
    plant(installation, days[1], rows=30)
    with web_server() as posts:
        posting = installation.having(
            CHURN_ALERTS__WEBHOOK__URL=posts.url, CHURN_VALIDATION__MAX_QUARANTINED_SHARE="0.05"
        )
        night = posting.run("run", "--date", str(days[0]))
        refused = posting.run("run", "--date", str(days[1]))
        failing = with_failing_features(posting, tmp_path).run("run", "--date", str(days[0]))
        posting.tick("standing_alerts")
        status = posting.run("status", "--json")

    outcomes = [night, refused, failing, status]
    told = "\n".join([*(each.stdout + each.stderr for each in outcomes), caplog.text, str(posts.bodies)])
    told += told_by_dagster(installation)
    told += str(installation.table("alerts").to_pyarrow_table().to_pylist())
    told += "".join(path.read_text() for path in installation.data.rglob("*.prom"))
    quarantined = installation.rows("quarantined_customers", days[0])
    assert night.exit_code == 0, night.stderr
    assert MARK in str(quarantined.to_pylist())  # where it belongs
    assert MARK in str(installation.rows("churn_scores", days[0]).column("customer_id").to_pylist())
    assert "rows are broken" in refused.error(1)
    assert "add_features failed" in failing.error(1)
    assert "ValueError at quoting.py, line" in failing.error(1)
    assert {body["condition"] for body in posts.bodies} == {"stale_scores", "run_failed"}
    assert [told[max(0, at - 300) : at + 60] for at in [told.find(MARK)] if at >= 0] == []
    assert str(AMOUNT) not in told
    assert len(columns) > 5
