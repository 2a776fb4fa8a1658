"""KKBox, a music streaming service: each member's latest transaction, and whether they renewed.

A labelled export: `is_churn` is 1 where no new subscription followed within 30 days of the end of
the last one, about 6 % of the members. It is made from the files of the WSDM Cup 2018 by joining
the members with the last of their transactions; `msno` becomes `customer_id`. KKBox writes dates
as whole numbers (20170131) and a missing gender as an empty text; the export turns them into dates
and nulls: `pd.to_datetime(frame["transaction_date"].astype(str), format="%Y%m%d")`, and in DuckDB
`strptime(transaction_date::VARCHAR, '%Y%m%d')::DATE` and `nullif(gender, '')`.

A membership that expires before its transaction is no mistake of the export: KKBox cancels that
way. Such rows are legal, have a negative `duration_days` and are marked by `ends_before_payment`.
"""

import pandas as pd
import pandera.pandas as pa

from churn_assets.core.profile import LabelColumn, Profile, ReasonFamily

__all__ = ["PROFILE", "Customers", "add_features"]


class Customers(pa.DataFrameModel):
    """One row a member, with the last transaction before the label was known."""

    customer_id: str = pa.Field(str_length={"min_value": 1}, description="Key, KKBox's msno")
    city: int = pa.Field(ge=1, le=22, description="Code of the city")
    gender: pd.CategoricalDtype = pa.Field(
        isin=["female", "male"], nullable=True, description="As the member said; empty for more than half"
    )
    registered_via: int = pa.Field(ge=-1, description="Code of the way of registration; -1 is unknown")
    payment_method_id: int = pa.Field(ge=1, description="Code of the payment method")
    payment_plan_days: int = pa.Field(ge=0, description="Days the plan lasts")
    actual_amount_paid: float = pa.Field(ge=0, description="Paid, in New Taiwan dollars")
    is_auto_renew: int = pa.Field(isin=[0, 1], description="1 where the plan renews by itself")
    transaction_date: pd.Timestamp = pa.Field(description="Day of the last transaction")
    membership_expire_date: pd.Timestamp = pa.Field(
        description="Day the membership ends; before the transaction where it was cancelled"
    )
    is_churn: int = pa.Field(isin=[0, 1], description="Label: 1 where the member did not renew within 30 days")


def add_features(customers: pd.DataFrame) -> pd.DataFrame:
    """What the model sees of each member, from that member's row alone."""
    duration = (customers["membership_expire_date"] - customers["transaction_date"]).dt.days
    return customers.assign(
        gender_female=customers["gender"] == "female",
        gender_male=customers["gender"] == "male",
        gender_missing=customers["gender"].isna(),
        duration_days=duration,
        ends_before_payment=duration < 0,
        days_beyond_plan=duration - customers["payment_plan_days"],
        paid_per_day=customers["actual_amount_paid"] / customers["payment_plan_days"].clip(lower=1),
        is_free=customers["actual_amount_paid"] == 0,
    )


REASONS = {
    "gender": ReasonFamily(
        ("gender_female", "gender_male", "gender_missing"),
        up="the gender that was told",
        down="the gender that was told",
        protected=True,
    ),
    "city": ReasonFamily(("city",), up="lives in city {city:.0f}", down="lives in city {city:.0f}"),
    "payment": ReasonFamily(
        ("payment_method_id", "is_auto_renew"),
        up="pays by method {payment_method_id:.0f}, renewing by itself: {is_auto_renew:.0f}",
        down="pays by method {payment_method_id:.0f}, renewing by itself: {is_auto_renew:.0f}",
    ),
    "plan": ReasonFamily(
        ("payment_plan_days", "duration_days", "ends_before_payment", "days_beyond_plan"),
        up="paid for {payment_plan_days:.0f} days, {duration_days:.0f} days before the end",
        down="paid for {payment_plan_days:.0f} days, {duration_days:.0f} days before the end",
    ),
    "price": ReasonFamily(
        ("actual_amount_paid", "paid_per_day", "is_free"),
        up="paid {actual_amount_paid:.0f} dollars, {paid_per_day:.2f} a day",
        down="paid {actual_amount_paid:.0f} dollars, {paid_per_day:.2f} a day",
    ),
}

PROFILE = Profile(
    schema=Customers,
    add_features=add_features,
    feature_columns=(
        "city",
        "gender_female",
        "gender_male",
        "gender_missing",
        "registered_via",
        "payment_method_id",
        "payment_plan_days",
        "actual_amount_paid",
        "is_auto_renew",
        "duration_days",
        "ends_before_payment",
        "days_beyond_plan",
        "paid_per_day",
        "is_free",
    ),
    label=LabelColumn("is_churn"),
    past_columns=("transaction_date",),
    slices=("gender", "registered_via"),
    reasons=REASONS,
)
