"""Small tables that follow from the scores are published like them."""

import datetime as dt
from pathlib import Path
from typing import Any

from churn_assets.core.monitoring.table_schemas import SCORE_DRIFT
from churn_assets.pipeline.chain import RunContext
from churn_assets.pipeline.monitoring.publishing import publish_rows
from churn_assets.storage.tables.table import Table

DAY = dt.date(2026, 4, 30)


def drift(psi: float) -> list[dict[str, Any]]:
    """A day's rows of `score_drift`."""
    return [{"against": "last_day", "against_date": DAY, "psi": psi, "mean_shift": 0.0, "severity": "ok"}]


def test_the_same_rows_again_commit_nothing_and_other_rows_leave_the_earlier_ones_readable(tmp_path: Path) -> None:
    """A day that is watched again after its data was corrected keeps both findings in its history."""
    table = Table(tmp_path / "score_drift")
    run = RunContext("tester")

    first = publish_rows(table, DAY, SCORE_DRIFT, drift(0.1), run)
    again = publish_rows(table, DAY, SCORE_DRIFT, drift(0.1), run)
    corrected = publish_rows(table, DAY, SCORE_DRIFT, drift(0.3), run)

    assert (first.published.changed, again.published.changed, corrected.published.changed) == (True, False, True)
    assert table.version(DAY).read().column("psi").to_pylist() == [0.3]
    assert table.version(DAY, first.published.version).read().column("psi").to_pylist() == [0.1]
    assert [event.commit.kind for event in table.history(DAY)] == ["monitor", "monitor"]


def test_a_day_without_a_row_is_a_version_of_its_own(tmp_path: Path) -> None:
    """That there was nothing to compare with is a finding, and readable."""
    table = Table(tmp_path / "score_drift")

    result = publish_rows(table, DAY, SCORE_DRIFT, [], RunContext("tester"))

    assert result.rows == 0
    assert table.version(DAY).read().num_rows == 0
