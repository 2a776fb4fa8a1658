"""What `churn-assets performance` prints."""

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from churn_assets.cli import app, output
from churn_assets.core.errors import InputError, UnknownVersion
from churn_assets.core.monitoring.performance.ranking import FIGURES
from churn_assets.core.monitoring.table_schemas import ESTIMATED_PERFORMANCE, REALIZED_PERFORMANCE
from churn_assets.pipeline.chain import RunContext
from churn_assets.pipeline.monitoring.publishing import publish_rows
from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.table import Table
from churn_assets_tests.storage_factories import DAY

RUN = RunContext("tester")


def _realized(day: dt.date, column: str = "", value: str = "", rows: int = 1_000) -> dict[str, Any]:
    """A group of whom a fifth left."""
    about = {"known_on": day + dt.timedelta(days=30), "model_version": "20261001-aaaaaaaa", "arm": "champion"}
    counts = {"slice_column": column, "slice_value": value, "rows": rows, "churners": rows // 5}
    return about | counts | dict.fromkeys(FIGURES, 0.25) | {"lift_top_decile": 2.5}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two days that were judged, the later one with offers held out, and an estimate of the day after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHURN_DATA_DIR", str(tmp_path / "data"))
    layout = Layout(tmp_path / "data")
    realized, estimated = (Table(layout.table(f"{kind}_performance")) for kind in ("realized", "estimated"))
    publish_rows(realized, DAY, REALIZED_PERFORMANCE, [_realized(DAY)], RUN)
    later = DAY + dt.timedelta(days=1)
    groups = [("", "", 1_000), ("plan", "basic", 500), ("is_held_out", "false", 90), ("is_held_out", "true", 10)]
    publish_rows(realized, later, REALIZED_PERFORMANCE, [_realized(later, *group) for group in groups], RUN)
    estimate = {"model_version": "20261001-aaaaaaaa", "rows": 1_000, "roc_auc": 0.8125, "brier": 0.1}
    publish_rows(estimated, later + dt.timedelta(days=1), ESTIMATED_PERFORMANCE, [estimate], RUN)
    return tmp_path / "data"


def test_rows_of_both_tables_are_printed_with_their_table_and_day(data: Path) -> None:
    """As JSON, those of the asked days alone; as tables, the months, the offers and everybody's figures."""
    del data
    later = DAY + dt.timedelta(days=1)

    everything = json.loads(CliRunner().invoke(app, ["performance", "--json"]).stdout)
    one_day = json.loads(
        CliRunner().invoke(app, ["performance", "--from", f"{later}", "--to", f"{later}", "--json"]).stdout
    )
    shown = CliRunner().invoke(app, ["performance"]).stdout

    assert [row["table"] for row in everything] == ["realized_performance"] * 5 + ["estimated_performance"]
    assert {"table", "snapshot_date", *REALIZED_PERFORMANCE.names} == everything[0].keys()
    assert {"table", "snapshot_date", *ESTIMATED_PERFORMANCE.names} == everything[-1].keys()
    assert [row["slice_column"] for row in one_day] == ["", "plan", "is_held_out", "is_held_out"]
    assert "Calibration by month" in shown
    assert f"{DAY:%Y-%m}" in shown
    assert "Offers beside those held out" in shown
    assert "0.8125" in shown
    assert "basic" not in shown


def test_it_fits_a_narrow_terminal(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At eighty columns each heading stands in one line over its figures, and customers are whole."""
    del data
    screen = io.StringIO()
    console = Console(file=screen, width=80, color_system=None)
    monkeypatch.setattr(output, "_stdout", lambda: console)

    CliRunner().invoke(app, ["performance", "--to", str(DAY)])

    lines = [" ".join(line.split()) for line in screen.getvalue().splitlines()]
    assert "day model rows left AUC interval Brier lift" in lines
    assert f"{DAY} 20261001-aaaaaaaa 1,000 200 0.2500 0.250-0.250 0.2500 2.5" in lines
    assert "month model days rows mean left gap check" in lines
    assert f"{DAY:%Y-%m} 20261001-aaaaaaaa 1 1,000 0.2500 0.2000 +25.0% warning" in lines


def test_days_without_figures_and_a_range_the_wrong_way_round_are_refused(data: Path) -> None:
    """Each in a sentence that says what to do."""
    del data

    unknown = CliRunner().invoke(app, ["performance", "--from", "2030-01-01"]).exception
    backwards = CliRunner().invoke(app, ["performance", "--from", "2026-02-01", "--to", "2026-01-01"]).exception

    assert isinstance(unknown, UnknownVersion)
    assert "churn-assets run" in str(unknown)
    assert isinstance(backwards, InputError)
