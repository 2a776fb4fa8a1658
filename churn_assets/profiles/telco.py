"""IBM's table of a fictional telephone operator: one labelled export, with no time in it.

The snapshot itself says who left (`Churn`, Yes or No), so there is no horizon: a stable part of
the customers is held out to judge the model. `TotalCharges` is blank for those who have not had
their first bill yet, and is read as missing. `gender` and `SeniorCitizen` are compared between
groups and kept from the model.
"""

import pandas as pd
import pandera.pandas as pa

from churn_assets.core.profile import LabelColumn, Profile, ReasonFamily

__all__ = ["PROFILE", "Customers", "add_features"]

YES_NO = ["No", "Yes"]
PHONE_OPTION = ["No", "No phone service", "Yes"]
INTERNET_OPTION = ["No", "No internet service", "Yes"]
INTERNET_OPTIONS = (
    "OnlineSecurity",
    "OnlineBackup",
    "DeviceProtection",
    "TechSupport",
    "StreamingTV",
    "StreamingMovies",
)
CATEGORIES = {
    "Partner": YES_NO,
    "Dependents": YES_NO,
    "PhoneService": YES_NO,
    "MultipleLines": PHONE_OPTION,
    "InternetService": ["DSL", "Fiber optic", "No"],
    **dict.fromkeys(INTERNET_OPTIONS, INTERNET_OPTION),
    "Contract": ["Month-to-month", "One year", "Two year"],
    "PaperlessBilling": YES_NO,
    "PaymentMethod": [
        "Bank transfer (automatic)",
        "Credit card (automatic)",
        "Electronic check",
        "Mailed check",
    ],
}


class Customers(pa.DataFrameModel):
    """The columns of IBM's export, under its own names."""

    customerID: str = pa.Field(  # noqa: N815 (IBM's name)
        str_length={"min_value": 1}, description="Key, unique within a snapshot"
    )
    gender: pd.CategoricalDtype = pa.Field(isin=["Female", "Male"], description="For comparison only, never a feature")
    SeniorCitizen: int = pa.Field(isin=[0, 1], description="1 from 65 years on; for comparison only, never a feature")
    Partner: pd.CategoricalDtype = pa.Field(isin=YES_NO, description="Whether the customer has a partner")
    Dependents: pd.CategoricalDtype = pa.Field(isin=YES_NO, description="Whether others depend on the customer")
    tenure: int = pa.Field(ge=0, description="Months with the company")
    PhoneService: pd.CategoricalDtype = pa.Field(isin=YES_NO, description="Whether a telephone line is subscribed to")
    MultipleLines: pd.CategoricalDtype = pa.Field(isin=PHONE_OPTION, description="Whether there is more than one line")
    InternetService: pd.CategoricalDtype = pa.Field(
        isin=CATEGORIES["InternetService"], description="Kind of internet access"
    )
    OnlineSecurity: pd.CategoricalDtype = pa.Field(isin=INTERNET_OPTION, description="Option: security")
    OnlineBackup: pd.CategoricalDtype = pa.Field(isin=INTERNET_OPTION, description="Option: backup")
    DeviceProtection: pd.CategoricalDtype = pa.Field(isin=INTERNET_OPTION, description="Option: protected devices")
    TechSupport: pd.CategoricalDtype = pa.Field(isin=INTERNET_OPTION, description="Option: technical support")
    StreamingTV: pd.CategoricalDtype = pa.Field(isin=INTERNET_OPTION, description="Option: television")
    StreamingMovies: pd.CategoricalDtype = pa.Field(isin=INTERNET_OPTION, description="Option: films")
    Contract: pd.CategoricalDtype = pa.Field(isin=CATEGORIES["Contract"], description="Term of the contract")
    PaperlessBilling: pd.CategoricalDtype = pa.Field(isin=YES_NO, description="Whether bills come without paper")
    PaymentMethod: pd.CategoricalDtype = pa.Field(isin=CATEGORIES["PaymentMethod"], description="How bills are paid")
    MonthlyCharges: float = pa.Field(ge=0, description="Charged for the present month")
    TotalCharges: float = pa.Field(ge=0, nullable=True, description="Charged so far; empty before the first bill")
    Churn: pd.CategoricalDtype = pa.Field(isin=YES_NO, description="Label: left within the last month")


def add_features(customers: pd.DataFrame) -> pd.DataFrame:
    """What the model sees of each customer, from that customer's row alone."""
    categories = {name: customers[name].astype(pd.CategoricalDtype(known)) for name, known in CATEGORIES.items()}
    options = sum((customers[name] == "Yes" for name in INTERNET_OPTIONS), start=pd.Series(0, index=customers.index))
    average = customers["TotalCharges"] / customers["tenure"].clip(lower=1)
    return customers.assign(
        **categories,
        internet_options=options,
        average_charges=average,
        charges_above_average=customers["MonthlyCharges"] - average,
    )


REASONS = {
    "contract": ReasonFamily(("Contract",), up="has a contract: {Contract}", down="has a contract: {Contract}"),
    "tenure": ReasonFamily(
        ("tenure",), up="has been here for {tenure:.0f} months only", down="has been here for {tenure:.0f} months"
    ),
    "price": ReasonFamily(
        ("MonthlyCharges", "TotalCharges", "average_charges", "charges_above_average"),
        up="pays {MonthlyCharges:.2f} this month, {average_charges:.2f} on average",
        down="pays {MonthlyCharges:.2f} this month, {average_charges:.2f} on average",
    ),
    "payment": ReasonFamily(
        ("PaymentMethod", "PaperlessBilling"), up="pays by {PaymentMethod}", down="pays by {PaymentMethod}"
    ),
    "internet": ReasonFamily(
        ("InternetService",), up="internet: {InternetService}", down="internet: {InternetService}"
    ),
    "options": ReasonFamily(
        ("internet_options", *INTERNET_OPTIONS),
        up="has {internet_options:.0f} of six internet options",
        down="has {internet_options:.0f} of six internet options",
    ),
    "telephone": ReasonFamily(
        ("PhoneService", "MultipleLines"), up="several lines: {MultipleLines}", down="several lines: {MultipleLines}"
    ),
    "household": ReasonFamily(
        ("Partner", "Dependents"),
        up="partner: {Partner}, dependents: {Dependents}",
        down="partner: {Partner}, dependents: {Dependents}",
    ),
}

PROFILE = Profile(
    schema=Customers,
    add_features=add_features,
    feature_columns=(
        *CATEGORIES,
        "tenure",
        "MonthlyCharges",
        "TotalCharges",
        "internet_options",
        "average_charges",
        "charges_above_average",
    ),
    label=LabelColumn("Churn"),
    id_column="customerID",
    slices=("gender", "SeniorCitizen"),
    reasons=REASONS,
)
