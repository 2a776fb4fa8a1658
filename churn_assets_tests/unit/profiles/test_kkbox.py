"""The KKBox profile on made-up members."""

import pandas as pd

from churn_assets.core.profile import LabelColumn
from churn_assets.profiles.kkbox import PROFILE, add_features
from churn_assets_tests.factories import kkbox_sample


def test_duration_runs_from_payment_to_expiry() -> None:
    """`duration_days` is the time between transaction and expiry, negative for a cancellation."""
    members = kkbox_sample(2, seed=1).assign(
        transaction_date=pd.to_datetime(["2017-01-31", "2017-02-10"]),
        membership_expire_date=pd.to_datetime(["2017-03-02", "2017-02-05"]),
    )

    features = add_features(members)

    assert features["duration_days"].tolist() == [30, -5]
    assert features["ends_before_payment"].tolist() == [False, True]


def test_gender_is_one_hot_with_a_column_for_missing() -> None:
    """Each member is marked in exactly one of the three gender columns."""
    members = kkbox_sample(3, seed=1).assign(gender=pd.Categorical(["female", "male", None]))

    features = add_features(members)

    marks = features[["gender_female", "gender_male", "gender_missing"]]
    assert marks.to_numpy().tolist() == [[True, False, False], [False, True, False], [False, False, True]]


def test_expiry_before_payment_is_valid() -> None:
    """The schema lets cancellations pass, which KKBox books as an expiry before the transaction."""
    members = kkbox_sample(2000, seed=1)
    assert (members["membership_expire_date"] < members["transaction_date"]).any()

    checked = PROFILE.checks.validate(members, lazy=True)

    pd.testing.assert_frame_equal(checked, members)


def test_whole_numbers_become_dates_as_the_docstring_says() -> None:
    """KKBox's 20170131 is brought to a date that the schema accepts."""
    members = kkbox_sample(1, seed=1)
    as_numbers = pd.Series([20170131])

    members["transaction_date"] = pd.to_datetime(as_numbers.astype(str), format="%Y%m%d")

    checked = PROFILE.checks.validate(members)
    assert checked["transaction_date"].tolist() == [pd.Timestamp("2017-01-31")]


def test_sample_has_about_six_percent_churners() -> None:
    """The generated members churn about as often as KKBox's, and the same seed gives the same ones."""
    members = kkbox_sample(20_000, seed=1)

    assert 0.05 < members["is_churn"].mean() < 0.07
    pd.testing.assert_frame_equal(members, kkbox_sample(20_000, seed=1))


def test_label_is_the_churn_column() -> None:
    """The export carries its label, which is none of the features."""
    assert PROFILE.label == LabelColumn("is_churn")
    assert "is_churn" not in PROFILE.feature_columns
