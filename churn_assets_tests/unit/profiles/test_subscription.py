"""The subscription profile: features by their definition, and who counts as gone."""

from datetime import date
from typing import Any

import pandas as pd
import pandera.errors
import pytest

from churn_assets.core.errors import SettingsError
from churn_assets.core.profile import LabelRule
from churn_assets.profiles.loading import load_profile
from churn_assets.profiles.subscription import PROFILE, add_features, by_last_login, is_gone
from churn_assets_tests.factories import made_up_customers

DAY = date(2026, 10, 31)


def customers(**columns: Any) -> pd.DataFrame:
    """Valid customers, with the given columns set."""
    rows = len(next(iter(columns.values())))
    return made_up_customers(PROFILE, rows, seed=1, day=DAY).assign(**columns)


def test_spend_per_active_day_counts_at_least_one_day() -> None:
    """A customer without any active day spends what they spent on one."""
    frame = customers(spend=[30.0, 30.0, 0.0], active_days=[10, 0, 0])

    features = add_features(frame)

    assert features["spend_per_active_day"].tolist() == [3.0, 30.0, 0.0]


def test_login_is_recent_below_the_limit() -> None:
    """`is_recent` is strict: a login exactly `recent_login_days` ago is no longer recent."""
    frame = customers(days_since_login=[0, 29, 30, 31])

    features = add_features(frame)

    assert features["is_recent"].tolist() == [True, True, False, False]


def test_recent_login_days_is_a_parameter() -> None:
    """The limit of a recent login is set by the profile's one feature parameter."""
    frame = customers(days_since_login=[6, 7])
    parameters = PROFILE.feature_parameters({"recent_login_days": 7})

    features = add_features(frame, **parameters)

    assert features["is_recent"].tolist() == [True, False]


def test_unknown_parameter_is_refused() -> None:
    """A feature parameter the profile does not have is named in the error."""
    profile = load_profile("churn_assets.profiles.subscription")

    with pytest.raises(SettingsError, match=r"recent_days.*it takes recent_login_days"):
        profile.feature_parameters({"recent_days": 7})


def test_tenure_ends_on_the_snapshot_date() -> None:
    """Tenure is counted up to the snapshot, zero for those who signed up that day."""
    frame = customers(signup_date=pd.to_datetime(["2026-10-31", "2026-10-01", "2025-10-31"]).as_unit("us").tolist())

    features = add_features(frame)

    assert features["tenure_days"].tolist() == [0, 30, 365]


def test_customers_who_are_absent_later_are_gone() -> None:
    """Those who are all null in the later snapshot have churned, the others have not."""
    then = customers(spend=[1.0, 2.0, 3.0]).set_index("customer_id", drop=False)
    later = then.drop(index="c0000001").convert_dtypes().reindex(then.index)

    churned = is_gone(then, later)

    assert churned.tolist() == [False, True, False]
    assert churned.dtype == bool


def test_rules_go_by_weeks_since_the_last_login() -> None:
    """Who was seen this week stays, likelier than who was not; from the third week on they may well leave."""
    frame = customers(days_since_login=[0, 6, 7, 20, 21, 300])

    probability = by_last_login(frame)

    assert probability.tolist() == [0.04, 0.04, 0.1, 0.1, 0.3, 0.3]
    assert PROFILE.rules is by_last_login


def test_label_looks_thirty_days_ahead() -> None:
    """The horizon of the default profile is 30 days."""
    label = PROFILE.label

    assert isinstance(label, LabelRule)
    assert label.horizon_days == 30


@pytest.mark.parametrize(
    ("column", "value"),
    [("spend", -1.0), ("active_days", 31), ("days_since_login", -1), ("discount", 1.5), ("satisfaction", 11.0)],
)
def test_values_out_of_range_break_the_schema(column: str, value: float) -> None:
    """Each measured column has a range, and a value beyond it is refused."""
    frame = customers(**{column: [value]})

    with pytest.raises(pandera.errors.SchemaError, match=column):
        PROFILE.checks.validate(frame)


def test_an_unknown_plan_breaks_the_schema() -> None:
    """A plan the business does not sell is refused."""
    frame = customers(plan=[*pd.Categorical(["platinum"])]).astype({"plan": "category"})

    with pytest.raises(pandera.errors.SchemaError, match="plan"):
        PROFILE.checks.validate(frame)


def test_a_missing_satisfaction_is_legal_and_stays_missing() -> None:
    """Those who never answered the survey are valid and keep their gap as a feature."""
    frame = customers(satisfaction=[float("nan"), 8.0])

    features = add_features(PROFILE.checks.validate(frame))

    assert features["satisfaction"].isna().tolist() == [True, False]
