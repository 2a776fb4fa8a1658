"""The telco profile, on IBM's table where it is at hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_assets.core.profile import LabelColumn
from churn_assets.profiles.telco import CATEGORIES, PROFILE, add_features
from churn_assets_tests.factories import made_up_customers

FILE = Path(__file__).resolve().parents[4] / "shared" / "data" / "telco" / "telco_customer_churn.csv"
needs_the_table = pytest.mark.skipif(not FILE.exists(), reason="IBM's telco table is not beside this checkout")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """The table as it reaches the profile: typed, blanks as missing."""
    categories = [name for name, column in PROFILE.checks.columns.items() if str(column.dtype) == "category"]
    return pd.read_csv(FILE, na_values={"TotalCharges": [" "]}, dtype=dict.fromkeys(categories, "category"))


def test_averages_count_at_least_one_month() -> None:
    """A customer of tenure 0 who has been charged is averaged over one month."""
    frame = made_up_customers(PROFILE, 3, seed=1).assign(
        tenure=[10, 0, 0], TotalCharges=[500.0, 20.0, np.nan], MonthlyCharges=[60.0, 20.0, 20.0]
    )

    features = add_features(frame)

    assert features["average_charges"].iloc[:2].tolist() == [50.0, 20.0]
    assert features["charges_above_average"].iloc[:2].tolist() == [10.0, 0.0]
    assert features[["average_charges", "charges_above_average"]].iloc[2].isna().all()


def test_internet_options_are_counted() -> None:
    """Only options that were taken count."""
    frame = made_up_customers(PROFILE, 2, seed=1)
    options = ["OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV", "StreamingMovies"]
    answers = pd.DataFrame({name: pd.Categorical(["Yes", "No internet service"]) for name in options})

    features = add_features(frame.assign(**answers.assign(TechSupport=pd.Categorical(["No", "No internet service"]))))

    assert features["internet_options"].tolist() == [5, 0]


def test_protected_attributes_are_slices_and_no_features() -> None:
    """Gender and age serve the comparison of groups alone."""
    protected = {"gender", "SeniorCitizen"}

    assert set(PROFILE.slices) == protected
    assert protected.isdisjoint(PROFILE.feature_columns)


def test_label_is_the_churn_column() -> None:
    """The export carries its label, which is none of the features."""
    assert PROFILE.label == LabelColumn("Churn")
    assert "Churn" not in PROFILE.feature_columns


@needs_the_table
def test_the_whole_table_is_valid(table: pd.DataFrame) -> None:
    """Every row of IBM's export passes, those with blank TotalCharges too."""
    checked = PROFILE.checks.validate(table, lazy=True)

    assert len(checked) == 7043
    assert checked["TotalCharges"].isna().sum() == 11


@needs_the_table
def test_categories_are_those_of_the_table(table: pd.DataFrame) -> None:
    """The profile lists the values the table holds, no more and no fewer."""
    held = {name: sorted(table[name].cat.categories) for name in CATEGORIES}

    assert held == {name: sorted(known) for name, known in CATEGORIES.items()}
