"""How far a day's scores lie from others, and when that is a finding."""

import datetime as dt

from churn_assets.core.evaluation.results import Histogram
from churn_assets.core.monitoring.score_drift import ScoresCounted, drift_of_scores
from churn_assets.core.monitoring.table_schemas import SCORE_DRIFT
from churn_assets.core.options import MonitoringBounds

BOUNDS = MonitoringBounds()
DAY = dt.date(2026, 11, 1)


def _scores(*counts: int, mean: float | None = 0.1) -> ScoresCounted:
    return ScoresCounted(Histogram(edges=(0.1, 0.3), counts=counts), mean)


def test_scores_that_moved_are_found_with_index_shift_and_bound() -> None:
    """The row has every column of `score_drift`; the same scores give zeros."""
    before = _scores(8000, 1500, 500)

    same = drift_of_scores(("last_day", DAY), before, before, [], BOUNDS)
    moved = drift_of_scores(("last_day", DAY), _scores(6000, 2500, 1500, mean=0.16), before, [], BOUNDS)

    assert (same.psi, same.mean_shift, same.severity) == (0.0, 0.0, "ok")
    assert list(moved.row()) == SCORE_DRIFT.names
    assert (moved.against, moved.against_date, moved.severity, moved.bound) == ("last_day", DAY, "error", 0.1)
    assert round(moved.mean_shift or 0.0, 12) == 0.06


def test_a_move_that_each_such_weekday_has_is_no_finding() -> None:
    """From Friday to Saturday scores move every week: held against three times the usual move."""
    friday, saturday = _scores(8000, 1500, 500), _scores(6000, 2500, 1500)

    found = drift_of_scores(("last_day", DAY), saturday, friday, [(saturday, friday)] * 3, BOUNDS)

    assert found.severity == "ok"
    assert found.bound == 3 * found.psi


def test_an_unknown_mean_is_no_shift() -> None:
    """A reference of an earlier release kept no mean: there is an index, and no shift."""
    found = drift_of_scores(("reference", None), _scores(80, 15, 5), _scores(80, 15, 5, mean=None), [], BOUNDS)

    assert found.mean_shift is None
