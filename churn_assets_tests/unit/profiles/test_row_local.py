"""Law 5, for every shipped profile: a batch gives the same rows as the whole."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.core.profile import LabelColumn
from churn_assets.profiles.loading import load_profile
from churn_assets_tests.factories import made_up_customers

NAMES = ("subscription", "kkbox", "telco", "retail")
every_profile = pytest.mark.parametrize("name", [f"churn_assets.profiles.{name}" for name in NAMES])


@every_profile
def test_schema_accepts_the_frames_it_will_meet(name: str) -> None:
    """Frames of plain pandas 3 dtypes, with datetimes in microseconds, pass each shipped schema."""
    profile = load_profile(name)
    customers = made_up_customers(profile, rows=200, seed=1)

    checked = profile.checks.validate(customers, lazy=True)

    pd.testing.assert_frame_equal(checked, customers)


@every_profile
def test_every_column_is_described(name: str) -> None:
    """Each column of a shipped schema says what it holds, for the schema shown to analysts."""
    columns = load_profile(name).checks.columns

    undescribed = [column for column, declared in columns.items() if not declared.description]

    assert undescribed == []


@every_profile
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_any_split_and_order_give_the_same_rows(name: str, data: st.DataObject) -> None:
    """Shuffled and cut into batches at any place, customers get the features they get as a whole."""
    profile = load_profile(name)
    rows = data.draw(st.integers(1, 40), "rows")
    customers = made_up_customers(profile, rows, seed=data.draw(st.integers(0, 2**16), "seed"))
    order = data.draw(st.permutations(range(rows)), "order")
    cuts = sorted(data.draw(st.sets(st.integers(1, rows)), "cuts") | {rows})
    whole = profile.add_features(customers)[list(profile.feature_columns)]

    starts = [0, *cuts[:-1]]
    batches = [customers.iloc[order[start:end]] for start, end in zip(starts, cuts, strict=True)]
    parts = pd.concat([profile.add_features(batch)[list(profile.feature_columns)] for batch in batches])

    pd.testing.assert_frame_equal(parts.loc[whole.index], whole)


RULED = [name for name in NAMES if load_profile(f"churn_assets.profiles.{name}").rules]


@pytest.mark.parametrize("name", [f"churn_assets.profiles.{name}" for name in RULED])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_rules_give_a_customer_the_same_probability_in_any_company(name: str, data: st.DataObject) -> None:
    """Shuffled and cut at any place, each customer gets the probability they get as a whole, from 0 to 1."""
    profile = load_profile(name)
    assert profile.rules is not None
    rows = data.draw(st.integers(1, 40), "rows")
    customers = made_up_customers(profile, rows, seed=data.draw(st.integers(0, 2**16), "seed"))
    order = data.draw(st.permutations(range(rows)), "order")
    cut = data.draw(st.integers(0, rows), "cut")
    whole = profile.rules(customers)

    parts = pd.concat([profile.rules(customers.iloc[order[:cut]]), profile.rules(customers.iloc[order[cut:]])])

    pd.testing.assert_series_equal(parts.loc[whole.index], whole)
    assert whole.between(0, 1).all()


@every_profile
@pytest.mark.parametrize("rows", [0, 1])
def test_small_batches_have_the_types_of_large_ones(name: str, rows: int) -> None:
    """An empty frame and a single row give features of the dtypes that many rows give."""
    profile = load_profile(name)
    customers = made_up_customers(profile, rows=50, seed=2)
    dtypes = profile.add_features(customers)[list(profile.feature_columns)].dtypes

    few = profile.add_features(customers.head(rows))[list(profile.feature_columns)]

    assert len(few) == rows
    pd.testing.assert_series_equal(few.dtypes, dtypes)


@every_profile
def test_input_is_left_as_it_was(name: str) -> None:
    """`add_features` returns a new frame and changes nothing in the one it was given."""
    profile = load_profile(name)
    customers = made_up_customers(profile, rows=30, seed=3)
    before = customers.copy(deep=True)

    profile.add_features(customers)

    pd.testing.assert_frame_equal(customers, before)


@every_profile
def test_features_are_what_a_model_takes(name: str) -> None:
    """Features are finite or missing numbers, booleans, or pandas categoricals; nothing else."""
    profile = load_profile(name)
    customers = made_up_customers(profile, rows=300, seed=4)

    features = profile.add_features(customers)[list(profile.feature_columns)]

    numbers = features.select_dtypes(["number", "bool"])
    assert sorted([*numbers, *features.select_dtypes("category")]) == sorted(profile.feature_columns)
    assert not np.isinf(numbers.astype("float64").to_numpy()).any()


@every_profile
def test_protected_and_identifying_columns_are_no_features(name: str) -> None:
    """Neither the key, nor the dates themselves, nor age, age groups or a raw gender reach the model."""
    profile = load_profile(name)
    dates = {column for column, declared in profile.checks.columns.items() if "datetime" in str(declared.dtype)}

    kept_from_the_model = {profile.id_column, "age_band", "gender", "SeniorCitizen"} | dates

    assert kept_from_the_model.isdisjoint(profile.feature_columns)


@pytest.mark.parametrize("name", ["churn_assets.profiles.kkbox", "churn_assets.profiles.telco"])
def test_features_do_not_depend_on_the_label(name: str) -> None:
    """A labelled export without its label column gives the same features."""
    profile = load_profile(name)
    customers = made_up_customers(profile, rows=100, seed=5)
    assert isinstance(profile.label, LabelColumn)

    blind = profile.add_features(customers.drop(columns=profile.label.name))

    seeing = profile.add_features(customers)
    pd.testing.assert_frame_equal(blind[list(profile.feature_columns)], seeing[list(profile.feature_columns)])
