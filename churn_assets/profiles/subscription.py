"""A subscription business: monthly plans, daily use, and customers who cancel.

The default profile, and the one to copy: `churn-assets sample` writes data for it. A snapshot is
one row a customer, as known at the end of its day. A customer has churned when the snapshot of 30
days later no longer holds them.
"""

import numpy as np
import pandas as pd
import pandera.pandas as pa

from churn_assets.core.profile import LabelRule, Profile, ReasonFamily

__all__ = ["PROFILE", "Customers", "add_features", "by_last_login", "is_gone"]

PLANS = ["basic", "standard", "premium"]
COUNTRIES = ["DE", "ES", "FR", "GB", "IT", "NL"]
CHANNELS = ["ads", "organic", "partner", "referral"]
AGE_BANDS = ["18-29", "30-44", "45-59", "60+"]


class Customers(pa.DataFrameModel):
    """What the warehouse exports, one row a customer."""

    customer_id: str = pa.Field(str_length={"min_value": 1}, description="Key, unique within a snapshot")
    plan: pd.CategoricalDtype = pa.Field(isin=PLANS, description="Plan subscribed to")
    country: pd.CategoricalDtype = pa.Field(isin=COUNTRIES, description="Country of the billing address")
    channel: pd.CategoricalDtype = pa.Field(isin=CHANNELS, description="Where the customer came from")
    age_band: pd.CategoricalDtype = pa.Field(isin=AGE_BANDS, description="Age, for comparison only, never a feature")
    signup_date: pd.Timestamp = pa.Field(description="Day the subscription began")
    monthly_fee: float = pa.Field(ge=0, description="List price of the plan, a month")
    discount: float = pa.Field(ge=0, le=1, description="Share of the list price taken off at present")
    auto_renew: bool = pa.Field(description="Whether the plan renews by itself")
    spend: float = pa.Field(ge=0, description="Paid in the last 30 days, fee and extras")
    active_days: int = pa.Field(ge=0, le=30, description="Days of the last 30 with at least one visit")
    days_since_login: int = pa.Field(ge=0, description="Days since the last visit, 0 for today")
    support_tickets: int = pa.Field(ge=0, description="Tickets opened in the last 30 days")
    payment_failures: int = pa.Field(ge=0, le=6, description="Failed ones of the last six monthly payments")
    satisfaction: float = pa.Field(
        ge=1, le=10, nullable=True, description="Latest survey answer, 1 to 10; empty where never answered"
    )


def add_features(customers: pd.DataFrame, *, recent_login_days: int = 30) -> pd.DataFrame:
    """What the model sees of each customer, from that customer's row alone.

    Args:
        customers: valid customers, with `snapshot_date`.
        recent_login_days: a login fewer days ago than this is recent.
    """
    return customers.assign(
        plan=customers["plan"].astype(pd.CategoricalDtype(PLANS)),
        country=customers["country"].astype(pd.CategoricalDtype(COUNTRIES)),
        channel=customers["channel"].astype(pd.CategoricalDtype(CHANNELS)),
        tenure_days=(customers["snapshot_date"] - customers["signup_date"]).dt.days,
        is_recent=customers["days_since_login"] < recent_login_days,
        spend_per_active_day=customers["spend"] / customers["active_days"].clip(lower=1),
        missed_visits=customers["days_since_login"] * customers["active_days"] / 30,
    )


def is_gone(then: pd.DataFrame, later: pd.DataFrame) -> "pd.Series[bool]":
    """A customer has churned who is no longer in the later snapshot."""
    return later["signup_date"].isna() & then["signup_date"].notna()


def by_last_login(customers: pd.DataFrame) -> "pd.Series[float]":
    """What serves before there is a model, and what every model must beat: who was not seen for weeks may leave."""
    weeks = customers["days_since_login"] // 7
    return pd.Series(np.select([weeks >= 3, weeks >= 1], [0.3, 0.1], 0.04), index=customers.index)  # noqa: PLR2004  # three weeks


REASONS = {
    "plan": ReasonFamily(("plan",), up="is on the {plan} plan", down="is on the {plan} plan"),
    "origin": ReasonFamily(
        ("country", "channel"),
        up="came by {channel}, in {country}",
        down="came by {channel}, in {country}",
    ),
    "tenure": ReasonFamily(
        ("tenure_days",),
        up="has been a customer for {tenure_days:.0f} days only",
        down="has been a customer for {tenure_days:.0f} days",
    ),
    "price": ReasonFamily(
        ("monthly_fee", "discount", "spend", "spend_per_active_day"),
        up="pays a list price of {monthly_fee:.2f} a month at a discount of {discount:.0%}, and {spend:.2f} in all",
        down="pays a list price of {monthly_fee:.2f} a month at a discount of {discount:.0%}, and {spend:.2f} in all",
    ),
    "use": ReasonFamily(
        ("active_days", "days_since_login", "is_recent", "missed_visits"),
        up="was last seen {days_since_login:.0f} days ago and on {active_days:.0f} of 30 days",
        down="was seen on {active_days:.0f} of 30 days, the last time {days_since_login:.0f} days ago",
    ),
    "renewal": ReasonFamily(
        ("auto_renew",), up="renews by itself: {auto_renew}", down="renews by itself: {auto_renew}"
    ),
    "support": ReasonFamily(
        ("support_tickets",),
        up="support tickets in 30 days: {support_tickets:.0f}",
        down="support tickets in 30 days: {support_tickets:.0f}",
    ),
    "payment": ReasonFamily(
        ("payment_failures",),
        up="failed payments, of the last six: {payment_failures:.0f}",
        down="failed payments, of the last six: {payment_failures:.0f}",
    ),
    "satisfaction": ReasonFamily(
        ("satisfaction",),
        up="satisfaction, 1 to 10: {satisfaction:.0f}",
        down="satisfaction, 1 to 10: {satisfaction:.0f}",
    ),
}

PROFILE = Profile(
    schema=Customers,
    add_features=add_features,
    feature_columns=(
        "plan",
        "country",
        "channel",
        "tenure_days",
        "monthly_fee",
        "discount",
        "auto_renew",
        "spend",
        "active_days",
        "days_since_login",
        "is_recent",
        "spend_per_active_day",
        "missed_visits",
        "support_tickets",
        "payment_failures",
        "satisfaction",
    ),
    label=LabelRule(horizon_days=30, churned=is_gone),
    past_columns=("signup_date",),
    slices=("age_band",),
    rules=by_last_login,
    reasons=REASONS,
)
