"""Calibration in the large: whether a month's probabilities say on average how many of the customers leave."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal

from churn_assets.core.monitoring.performance.shares import wilson
from churn_assets.core.options import MonitoringBounds

__all__ = ["MonthCalibration", "calibration_by_month"]


@dataclass(frozen=True)
class MonthCalibration:
    """The scored days of a month whose outcomes are known: means over them, weighed by their customers.

    Attributes:
        month: its first day.
        days: how many of them are known.
        rows: customers a day, on average; night after night they are mostly the same ones.
        mean_probability: as published.
        churn_rate: what came true.
        low: the lower end of the rate's 95 % interval, by the customers of one day.
        high: the upper end of it.
        calibration_error: mean over the days.
        models: whose scores they were, in the order of their days.
    """

    month: dt.date
    days: int
    rows: float
    mean_probability: float
    churn_rate: float
    low: float
    high: float
    calibration_error: float
    models: tuple[str, ...] = ()

    @property
    def gap(self) -> float:
        """Mean probability less churn rate, as a share of the rate (of one in as many customers where nobody left)."""
        return (self.mean_probability - self.churn_rate) / max(self.churn_rate, 1 / self.rows)

    @property
    def words(self) -> str:
        """The month in a sentence."""
        way = "high" if self.gap > 0 else "low"
        whose = f" of {' and '.join(self.models)}" if self.models else ""
        return (
            f"{self.month:%Y-%m}: mean probability {self.mean_probability:.4f}, churn rate {self.churn_rate:.4f} "
            f"[{self.low:.4f}, {self.high:.4f}]: predictions{whose} run {way} by {abs(self.gap):.1%} of the rate"
        )

    def row(self) -> dict[str, Any]:
        """The figures as they are shown: the month by year and number, the models in one text."""
        return asdict(self) | {"month": f"{self.month:%Y-%m}", "models": ", ".join(self.models), "gap": self.gap}

    def severity(self, bounds: MonitoringBounds) -> Literal["ok", "warning", "error"]:
        """Whether the gap is beyond chance and beyond a bound."""
        if self.low <= self.mean_probability <= self.high or abs(self.gap) <= bounds.calibration_gap_warning:
            return "ok"
        return "error" if abs(self.gap) > bounds.calibration_gap_error else "warning"


def calibration_by_month(rows: Iterable[Mapping[str, Any]]) -> list[MonthCalibration]:
    """The months of rows of `realized_performance`: of everybody whom the champion scored; small days are left out."""
    judged = [
        row
        for row in rows
        if row["arm"] == "champion" and not row["slice_column"] and row["mean_probability"] is not None
    ]
    judged.sort(key=lambda row: row["snapshot_date"])
    months = groupby(judged, key=lambda row: row["snapshot_date"].replace(day=1))
    return [_of_month(month, list(days)) for month, days in months]


def _of_month(month: dt.date, days: list[Mapping[str, Any]]) -> MonthCalibration:
    rows = sum(day["rows"] for day in days)
    rate = sum(day["churners"] for day in days) / rows
    count = len({day["snapshot_date"] for day in days})
    low, high = wilson(rate * rows / count, rows / count)

    def mean(name: str) -> float:
        return float(sum(day[name] * day["rows"] for day in days) / rows)

    models = tuple(dict.fromkeys(day["model_version"] for day in days))
    return MonthCalibration(
        month, count, rows / count, mean("mean_probability"), rate, low, high, mean("calibration_error"), models
    )
