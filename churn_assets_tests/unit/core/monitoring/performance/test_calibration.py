"""Calibration in the large, month by month."""

import datetime as dt
from typing import Any

import pytest

from churn_assets.core.monitoring.performance.calibration import calibration_by_month
from churn_assets.core.options import MonitoringBounds

JUNE = dt.date(2026, 6, 29)


def _row(day: dt.date, mean: float | None, **changes: Any) -> dict[str, Any]:
    """A day of a thousand customers of whom two hundred left."""
    row = {"snapshot_date": day, "arm": "champion", "slice_column": "", "rows": 1_000, "churners": 200}
    return row | {"model_version": "m1", "mean_probability": mean, "calibration_error": 0.01} | changes


def test_days_of_a_month_are_weighed_by_their_customers() -> None:
    """Others than everybody whom the champion scored, and days too small for a figure, do not count."""
    rows = [
        _row(dt.date(2026, 7, 1), 0.3),
        _row(JUNE, 0.2),
        _row(JUNE + dt.timedelta(1), 0.4, rows=3_000, churners=900, calibration_error=0.05, model_version="m2"),
        _row(JUNE, 0.9, arm="challenger"),
        _row(JUNE, 0.9, slice_column="plan"),
        _row(JUNE, None),
    ]

    june, july = calibration_by_month(rows)

    assert (june.month, june.days, june.rows) == (dt.date(2026, 6, 1), 2, 2_000)
    assert june.mean_probability == pytest.approx(0.35)
    assert june.churn_rate == pytest.approx(0.275)
    assert june.calibration_error == pytest.approx(0.04)
    assert june.gap == pytest.approx(0.075 / 0.275)
    assert [july.days, july.gap] == pytest.approx([1, 0.5])
    assert (june.models, july.models) == (("m1", "m2"), ("m1",))
    assert "predictions of m1 and m2 run high by 27.3% of the rate" in june.words


@pytest.mark.parametrize(
    ("mean", "severity"),
    [(0.2, "ok"), (0.21, "ok"), (0.224, "ok"), (0.23, "warning"), (0.17, "warning"), (0.26, "error"), (0.1, "error")],
)
def test_a_gap_is_told_beyond_chance_and_beyond_its_bound(mean: float, severity: str) -> None:
    """High and low alike; within the interval of the rate nothing is."""
    [month] = calibration_by_month([_row(JUNE, mean)])

    found = month.severity(MonitoringBounds())

    assert found == severity


def test_many_days_of_the_same_customers_are_no_surer_than_one() -> None:
    """The interval is that of a day's customers: they are the same ones on every night."""
    [one] = calibration_by_month([_row(JUNE.replace(day=1), 0.2)])
    [many] = calibration_by_month([_row(JUNE.replace(day=day), 0.2) for day in range(1, 29)])

    assert [many.low, many.high] == pytest.approx([one.low, one.high])


def test_nobody_left_is_a_gap_and_no_fault() -> None:
    """A rate of zero is divided by as one in as many customers."""
    [month] = calibration_by_month([_row(JUNE, 0.2, churners=0)])

    assert month.gap == pytest.approx(200)
    assert month.severity(MonitoringBounds()) == "error"
