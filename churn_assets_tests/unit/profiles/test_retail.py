"""The retail profile: who orders no more, and the shop's real orders where they are at hand."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.errors
import pytest

from churn_assets.profiles.retail import PROFILE, add_features, by_recency, orders_no_more
from churn_assets_tests.factories import made_up_customers

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "online_retail"
HORIZON = pd.Timedelta(days=90)
needs_the_orders = pytest.mark.skipif(not FOLDER.exists(), reason="the Online Retail data is not beside this checkout")


@pytest.fixture(scope="module")
def snapshot() -> Any:
    """A function from a day to the shop's snapshot of that day, indexed by customer."""
    build = runpy.run_path(str(FOLDER / "build_snapshots.py"))["snapshot"]
    orders = pd.read_parquet(FOLDER / "customer_day.parquet")
    orders = orders[orders["n_orders"] > 0].sort_values(["customer_id", "date"])
    return lambda day: build(orders, day).set_index("customer_id", drop=False)


def customers(**columns: Any) -> pd.DataFrame:
    """Valid customers of 2026-10-31, with the given columns set."""
    rows = len(next(iter(columns.values())))
    return made_up_customers(PROFILE, rows, seed=1).assign(**columns)


def dates(*days: str) -> list[pd.Timestamp]:
    """Days as timestamps in microseconds."""
    return pd.to_datetime(list(days)).as_unit("us").tolist()


def test_a_customer_without_a_later_order_has_churned() -> None:
    """Gone, or with the same latest order as before, means churned; a new order means stayed."""
    then = customers(last_order_date=dates("2026-10-01", "2026-10-01", "2026-10-01"))
    later = then.assign(last_order_date=dates("2026-10-01", "2027-01-02", "NaT"))

    churned = orders_no_more(then, later)

    assert churned.tolist() == [True, False, True]
    assert churned.dtype == bool


def test_interval_is_the_mean_gap_between_order_days() -> None:
    """Order days spread evenly between the first and the last give the interval between them."""
    frame = customers(
        first_order_date=dates("2026-06-03", "2026-06-03"),
        last_order_date=dates("2026-10-01", "2026-06-03"),
        active_days_365d=[4, 1],
    )

    features = add_features(frame)

    assert np.expm1(features["log_interval"].iloc[0]) == pytest.approx(40)
    assert np.expm1(features["log_overdue"].iloc[0]) == pytest.approx(30 / 40)
    assert features[["log_interval", "log_overdue"]].iloc[1].isna().all()
    assert features["ordered_once"].tolist() == [False, True]


def test_rules_go_by_the_days_since_the_latest_order() -> None:
    """Who ordered today may stay; with each day the order is likelier to be the last, up to certainty."""
    frame = customers(last_order_date=dates("2026-10-31", "2026-08-02", "2026-05-04", "2025-10-31"))

    probability = by_recency(frame)

    assert probability.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert PROFILE.rules is by_recency


def test_last_order_before_the_first_breaks_the_schema() -> None:
    """The schema compares the two dates of a customer."""
    frame = customers(first_order_date=dates("2026-06-03"), last_order_date=dates("2026-06-02"))

    with pytest.raises(pandera.errors.SchemaError, match="first_order_comes_first"):
        PROFILE.checks.validate(frame)


@needs_the_orders
def test_real_snapshots_are_valid(snapshot: Any) -> None:
    """What the shop's warehouse exports passes, early snapshots and late ones."""
    days = [pd.Timestamp(2010, 5, 31), pd.Timestamp(2011, 2, 28), pd.Timestamp(2011, 11, 29)]

    rows = [len(PROFILE.checks.validate(snapshot(day), lazy=True)) for day in days]

    assert min(rows) > 2000


@needs_the_orders
def test_real_customers_who_order_no_more_have_churned(snapshot: Any) -> None:
    """Of the shop's customers of 2011-08-31, 39.3 % ordered nothing in the 90 days after it."""
    then = snapshot(pd.Timestamp(2011, 8, 31))

    churned = orders_no_more(then, snapshot(pd.Timestamp(2011, 8, 31) + HORIZON).reindex(then.index))

    assert churned.mean() == pytest.approx(0.393, abs=0.001)
