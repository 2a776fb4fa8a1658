"""A model: features, or customers, in; probabilities out."""

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from churn_assets.core.arrow.batches import BLOCK_ROWS, rechunk
from churn_assets.core.errors import ModelFault, ProfileError
from churn_assets.core.features import compute_features
from churn_assets.core.models.model import Model, apply_rules, predict, predict_in_blocks
from churn_assets.core.options import Estimator, Recipe
from churn_assets.core.profile import LabelColumn, Profile
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets_tests.factories import (
    MEMBERS,
    SNAPSHOT,
    customers_of,
    labelled_rows,
    made_up_card,
    member_columns,
)

COLUMNS = ("spend", "active", "plan")
ROWS = 2 * BLOCK_ROWS + 1000
DAY_BEFORE = SNAPSHOT.replace(day=30)


@cache
def _pipeline(estimator: Estimator) -> Pipeline:
    parameters = {"max_iter": 20} if estimator == "hist_gradient_boosting" else {}
    return fit(labelled_rows(600, seed=1), Recipe(estimator=estimator, parameters=parameters), COLUMNS)


@cache
def _features() -> pa.Table:
    return labelled_rows(ROWS, seed=2).features


both = pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "logistic_regression"])


def _predict(pipeline: Pipeline, features: pa.Table) -> NDArray[np.float64]:
    with threadpool_limits(1):
        return predict(pipeline, features, COLUMNS)


def _in_blocks(estimator: Estimator, features: pa.Table) -> NDArray[np.float64]:
    pipeline = _pipeline(estimator)
    return predict_in_blocks(lambda block: predict(pipeline, block, COLUMNS), features)


def _with_dictionary(features: pa.Table, values: list[str]) -> pa.Table:
    codes = pa.array([None if each is None else values.index(each) for each in features["plan"].to_pylist()])
    encoded = pa.DictionaryArray.from_arrays(codes, pa.array(values))
    return features.set_column(features.column_names.index("plan"), "plan", encoded)


@both
def test_scores_do_not_depend_on_how_rows_come(estimator: Estimator) -> None:
    """However a partition is read in batches, its scores are the same to the last bit."""
    whole = _in_blocks(estimator, _features())

    for rows in (997, BLOCK_ROWS, 30_000):
        pieces = pa.concat_tables(rechunk([_features()], rows))
        np.testing.assert_array_equal(_in_blocks(estimator, pieces), whole)


@both
def test_blocks_are_fixed(estimator: Estimator) -> None:
    """A partition is scored in blocks of a fixed size, each as if it stood alone, in order."""
    whole = _in_blocks(estimator, _features())

    starts = range(0, ROWS, BLOCK_ROWS)
    alone = [_predict(_pipeline(estimator), _features().slice(start, BLOCK_ROWS)) for start in starts]

    np.testing.assert_array_equal(np.concatenate(alone), whole)


@settings(deadline=None, max_examples=10)
@given(data=st.data())
def test_trees_give_a_row_its_score_in_any_company(data: st.DataObject) -> None:
    """Shuffled and cut at any place, rows get from trees exactly the score they get as a whole."""
    few = _features().slice(0, 30)
    order = data.draw(st.permutations(range(30)), "order")
    cut = data.draw(st.integers(1, 29), "cut")
    whole = _predict(_pipeline("hist_gradient_boosting"), few)

    parts = [
        _predict(_pipeline("hist_gradient_boosting"), few.take(order[:cut])),
        _predict(_pipeline("hist_gradient_boosting"), few.take(order[cut:])),
    ]

    np.testing.assert_array_equal(np.concatenate(parts), whole[order])


@both
def test_order_of_a_dictionary_does_not_matter(estimator: Estimator) -> None:
    """Categories are known by value: another order of the dictionary, or values nobody has, change no score."""
    few = _features().slice(0, 500)
    plain = _predict(_pipeline(estimator), few)

    for values in (["a", "b"], ["b", "a"], ["zz", "b", "0", "a"]):
        np.testing.assert_array_equal(_predict(_pipeline(estimator), _with_dictionary(few, values)), plain)


def test_no_rows_have_no_scores() -> None:
    """Where there is nobody to score there are no probabilities, and no crash: the audit tells what is missing."""
    probability = _in_blocks("hist_gradient_boosting", _features().slice(0, 0))

    assert probability.tolist() == []


def test_model_predicts_from_the_columns_of_its_card() -> None:
    """A model looks at the columns it was trained on, in their order, whatever else stands in the table."""
    model = Model(_pipeline("hist_gradient_boosting"), made_up_card(feature_columns=COLUMNS))
    few = _features().slice(0, 50)
    other = few.select(["plan", "customer_id", "active", "spend"]).append_column("more", pa.nulls(50))

    with threadpool_limits(1):
        scores = model.score(MEMBERS, other, SNAPSHOT)

    np.testing.assert_array_equal(scores, _predict(_pipeline("hist_gradient_boosting"), few))


def test_column_that_is_no_feature_any_more_is_named() -> None:
    """A model that was trained on features that the profile gave up is told in a sentence, with their names."""
    few = _features().slice(0, 5).drop_columns(["spend", "plan"])

    with pytest.raises(ModelFault, match=r"trained on spend, plan, which the profile's feature_columns no longer name"):
        predict(_pipeline("logistic_regression"), few, COLUMNS)


def test_features_that_a_model_cannot_take_are_told() -> None:
    """Where a feature is infinite and the estimator takes finite ones, the sentence says where to look."""
    few = _features().slice(0, 2)
    infinite = few.set_column(few.column_names.index("spend"), "spend", pa.array([np.inf, 1.0]))

    with pytest.raises(ModelFault, match=r"^the model cannot score these features .*look at what add_features gives"):
        predict(_pipeline("logistic_regression"), infinite, COLUMNS)


def _members(rows: int = 30) -> pa.Table:
    return customers_of(MEMBERS, member_columns(rows))


@cache
def _member_model(few_visits: int) -> Model:
    """A model of members whose card says where `seldom` begins."""
    features = compute_features(_members(), MEMBERS, {"few_visits": few_visits}, SNAPSHOT)
    seldom = np.array([number % 7 < few_visits for number in range(30)])
    rows = LabelledRows(features, seldom, np.full(30, np.datetime64(SNAPSHOT)))
    pipeline = fit(rows, Recipe(estimator="logistic_regression"), MEMBERS.feature_columns)
    return Model(
        pipeline,
        made_up_card(feature_columns=MEMBERS.feature_columns, feature_parameters={"few_visits": few_visits}),
    )


def test_customers_are_scored_through_the_model_s_own_parameters() -> None:
    """A model computes its features as it was trained, with the parameters of its card."""
    model = _member_model(few_visits=5)
    features = compute_features(_members(), MEMBERS, {"few_visits": 5}, SNAPSHOT)

    scores = model.score_customers(MEMBERS, _members(), SNAPSHOT)

    np.testing.assert_array_equal(scores, model.score(MEMBERS, features, SNAPSHOT))
    others = compute_features(_members(), MEMBERS, {"few_visits": 1}, SNAPSHOT)
    assert (scores != model.score(MEMBERS, others, SNAPSHOT)).any()


def _ruled(rules: Any, **changes: Any) -> Profile:
    return dataclasses.replace(MEMBERS, rules=rules, **changes)


def _by_visits(members: pd.DataFrame) -> "pd.Series[float]":
    """Who visits less may leave; on the last of a month nobody does."""
    return (1 - members["visits"] / 10).where(members["snapshot_date"].dt.day < 31, 0.0)


def test_rules_give_each_customer_a_probability() -> None:
    """Rules see the customers as they are, with the day they stand for."""
    members = _members(3)

    scores = apply_rules(_ruled(_by_visits), members, DAY_BEFORE)

    assert scores.tolist() == [1.0, 0.9, 0.8]
    assert apply_rules(_ruled(_by_visits), members, SNAPSHOT).tolist() == [0.0] * 3


def test_model_of_rules_scores_customers() -> None:
    """A model of rules has no pipeline: whatever way it is asked, the profile's rules answer for the customers."""
    model = Model(None, made_up_card(chosen=Recipe(estimator="rules")))
    profile = _ruled(_by_visits)

    scores = [way(profile, _members(3), DAY_BEFORE).tolist() for way in (model.score, model.score_customers)]

    assert scores == [[1.0, 0.9, 0.8]] * 2


def _written_in_place(customers: pd.DataFrame) -> "pd.Series[float]":
    customers.loc[0, "visits"] = 1
    return customers["visits"] / 10


def test_rules_may_write_to_what_they_are_given() -> None:
    """Their frame lies in the memory of the stored rows, which stay what they are."""
    members = customers_of(MEMBERS, member_columns(3, visits=["4", "5", "6"]))

    scores = apply_rules(_ruled(_written_in_place), members, SNAPSHOT)

    assert scores.tolist() == [0.1, 0.5, 0.6]
    assert members.column("visits").to_pylist() == [4, 5, 6]


def test_rules_do_not_depend_on_how_rows_come() -> None:
    """Row by row, in any order or all at once, a customer gets the same probability."""
    profile, members = _ruled(_by_visits), _members()
    whole = apply_rules(profile, members, DAY_BEFORE)

    one_by_one = [apply_rules(profile, members.slice(at, 1), DAY_BEFORE)[0] for at in reversed(range(30))]

    assert one_by_one == whole[::-1].tolist()


def test_rules_do_not_see_the_label() -> None:
    """The column that says who left is taken away before rules look."""
    seen: list[list[str]] = []

    def look(members: pd.DataFrame) -> "pd.Series[float]":
        seen.append([str(name) for name in members])
        return pd.Series(0.5, index=members.index)

    profile = _ruled(look, label=LabelColumn("active"), feature_columns=("plan", "visits"))

    apply_rules(profile, _members(2), SNAPSHOT)

    assert seen == [["customer_id", "plan", "since", "last_visit", "visits", "spend", "snapshot_date"]]


def test_nobody_is_ruled_over() -> None:
    """Where there is nobody to score, rules give no probabilities."""
    assert apply_rules(_ruled(_by_visits), _members(0), SNAPSHOT).tolist() == []


def test_profile_without_rules_is_told() -> None:
    """Where a model of rules is to score and the profile has none, the sentence says how it gets some."""
    with pytest.raises(ProfileError, match=r"profile members has no rules: give it `rules=`, or train a model"):
        apply_rules(MEMBERS, _members(2), SNAPSHOT)


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (lambda each: each["nowhere"], "rules failed on customers of 2026-01-31 .*KeyError.*nowhere"),
        (lambda each: each["plan"], "rules failed on customers"),
        (lambda _: [0.5], "rules failed on customers"),
        (lambda each: pd.Series(0.5, index=each.index[:-1]), "rules must give every row a probability"),
        (lambda _: None, "rules must give every row a probability"),
        (lambda each: each["visits"] * np.nan, "rules must give every row a probability"),
        (lambda each: each["visits"] - 1e-9, "rules must give every row a probability"),
        (lambda each: each["visits"] * 0 + 1.0000001, "rules must give every row a probability"),
        (lambda each: each["visits"] * 0 + np.inf, "rules must give every row a probability"),
    ],
    ids=["raises", "text", "too few", "loses a row", "nothing", "missing", "below 0", "above 1", "infinite"],
)
def test_rules_that_give_no_probability_are_told(rules: Any, sentence: str) -> None:
    """Rules that fail, or leave a customer without a number from 0 to 1, are the profile's fault, by its name."""
    with pytest.raises(ProfileError, match=f"^profile members: {sentence}"):
        apply_rules(_ruled(rules), _members(3), SNAPSHOT)


def test_rules_match_their_answers_by_row() -> None:
    """An answer in another order than the customers is matched by its index, not by its place."""
    profile = _ruled(lambda each: _by_visits(each).sort_values())

    assert apply_rules(profile, _members(3), DAY_BEFORE).tolist() == [1.0, 0.9, 0.8]
