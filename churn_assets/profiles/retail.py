"""A shop without contracts: customers order, and one day they no longer do.

A snapshot holds everybody who ordered in the 180 days up to its date, with what they ordered in
the last 30, 90 and 365 days. Nobody announces that they leave: a customer who orders nothing in
the 90 days after a snapshot has churned. Amounts and counts spread over orders of magnitude, so
most features are logarithms, which serves linear models and is all the same to trees.
"""

from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from churn_assets.core.profile import LabelRule, Profile, ReasonFamily

__all__ = ["PROFILE", "Customers", "add_features", "by_recency", "orders_no_more"]


class Customers(pa.DataFrameModel):
    """One row for each customer who ordered in the last 180 days."""

    customer_id: str = pa.Field(str_length={"min_value": 1}, description="Key, unique within a snapshot")
    country: str = pa.Field(description="Country of the latest order")
    first_order_date: pd.Timestamp = pa.Field(description="Day of the first order known")
    last_order_date: pd.Timestamp = pa.Field(description="Day of the latest order")
    orders_30d: int = pa.Field(ge=0, description="Orders in the last 30 days")
    spend_30d: float = pa.Field(ge=0, description="Value of those orders")
    returned_30d: float = pa.Field(ge=0, description="Value of goods returned in the last 30 days")
    active_days_30d: int = pa.Field(ge=0, le=30, description="Days with an order, of the last 30")
    orders_90d: int = pa.Field(ge=0, description="Orders in the last 90 days")
    spend_90d: float = pa.Field(ge=0, description="Value of those orders")
    returned_90d: float = pa.Field(ge=0, description="Value of goods returned in the last 90 days")
    active_days_90d: int = pa.Field(ge=0, le=90, description="Days with an order, of the last 90")
    orders_365d: int = pa.Field(ge=1, description="Orders in the last 365 days")
    spend_365d: float = pa.Field(ge=0, description="Value of those orders")
    returned_365d: float = pa.Field(ge=0, description="Value of goods returned in the last 365 days")
    active_days_365d: int = pa.Field(ge=1, le=365, description="Days with an order, of the last 365")

    @pa.dataframe_check
    @classmethod
    def first_order_comes_first(cls, customers: pd.DataFrame) -> "pd.Series[bool]":
        """No latest order lies before the first."""
        return customers["first_order_date"] <= customers["last_order_date"]


def add_features(customers: pd.DataFrame) -> pd.DataFrame:
    """What the model sees of each customer, from that customer's row alone.

    `interval` is the mean number of days between order days of the last year, missing for those
    with only one; `overdue` is how many such intervals have passed since the latest order.
    """
    recency = (customers["snapshot_date"] - customers["last_order_date"]).dt.days
    known_days = (customers["snapshot_date"] - customers["first_order_date"]).dt.days.clip(upper=365)
    active_days = customers["active_days_365d"]
    interval = (known_days - recency).clip(lower=0) / (active_days - 1).where(active_days > 1)
    return customers.assign(
        log_recency=_log(recency),
        log_interval=_log(interval),
        log_overdue=_log(recency / interval.clip(lower=1)),
        log_orders_30d=_log(customers["orders_30d"]),
        log_orders_90d=_log(customers["orders_90d"]),
        log_active_days_90d=_log(customers["active_days_90d"]),
        log_active_days_365d=_log(active_days),
        log_spend_90d=_log(customers["spend_90d"]),
        log_spend_365d=_log(customers["spend_365d"]),
        log_order_value=_log(customers["spend_365d"] / customers["orders_365d"]),
        active_days_rate=active_days / (known_days + 30),
        recent_share=customers["active_days_90d"] / active_days,
        ordered_once=active_days == 1,
    )


def _log(values: "pd.Series[Any]") -> "pd.Series[float]":
    return values.astype("float64").pipe(np.log1p)


def orders_no_more(then: pd.DataFrame, later: pd.DataFrame) -> "pd.Series[bool]":
    """A customer has churned who is gone from the later snapshot, or has not ordered since."""
    return ~(later["last_order_date"] > then["last_order_date"])


def by_recency(customers: pd.DataFrame) -> "pd.Series[float]":
    """The rule of thumb that every model must beat: the longer ago the latest order, the likelier it was the last."""
    recency = (customers["snapshot_date"] - customers["last_order_date"]).dt.days
    return (0.25 + 0.5 * recency / 180).clip(0, 1)


REASONS = {
    "recency": ReasonFamily(
        ("log_recency",),
        up="ordered last {log_recency:.0f} days ago",
        down="ordered last {log_recency:.0f} days ago",
        shown={"log_recency": np.expm1},
    ),
    "rhythm": ReasonFamily(
        ("log_interval", "log_overdue"),
        up="days to an order, over the year: {log_interval:.0f}; such spans passed since the last: {log_overdue:.1f}",
        down="days to an order, over the year: {log_interval:.0f}; such spans passed since the last: {log_overdue:.1f}",
        shown={"log_overdue": np.expm1, "log_interval": np.expm1},
    ),
    "frequency": ReasonFamily(
        (
            "log_orders_30d",
            "log_orders_90d",
            "log_active_days_90d",
            "log_active_days_365d",
            "active_days_rate",
            "recent_share",
            "ordered_once",
        ),
        up="days with an order: {log_active_days_90d:.0f} of the last 90, {log_active_days_365d:.0f} of a year",
        down="days with an order: {log_active_days_90d:.0f} of the last 90, {log_active_days_365d:.0f} of a year",
        shown={"log_active_days_90d": np.expm1, "log_active_days_365d": np.expm1},
    ),
    "spend": ReasonFamily(
        ("log_spend_90d", "log_spend_365d", "log_order_value"),
        up="spent {log_spend_90d:,.0f} in 90 days and {log_spend_365d:,.0f} in a year",
        down="spent {log_spend_90d:,.0f} in 90 days and {log_spend_365d:,.0f} in a year",
        shown={"log_spend_90d": np.expm1, "log_spend_365d": np.expm1},
    ),
}

PROFILE = Profile(
    schema=Customers,
    add_features=add_features,
    feature_columns=(
        "log_recency",
        "log_interval",
        "log_overdue",
        "log_orders_30d",
        "log_orders_90d",
        "log_active_days_90d",
        "log_active_days_365d",
        "log_spend_90d",
        "log_spend_365d",
        "log_order_value",
        "active_days_rate",
        "recent_share",
        "ordered_once",
    ),
    label=LabelRule(horizon_days=90, churned=orders_no_more),
    past_columns=("first_order_date", "last_order_date"),
    slices=("country",),
    rules=by_recency,
    reasons=REASONS,
)
