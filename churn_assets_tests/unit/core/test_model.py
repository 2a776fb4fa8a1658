"""A fitted model: features in, probabilities out."""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from churn_assets.core.batches import BLOCK_ROWS, rechunk
from churn_assets.core.model import Model, predict, predict_in_blocks
from churn_assets.core.options import Estimator, Recipe
from churn_assets.core.training import fit
from churn_assets_tests.factories import labelled_rows, made_up_card

COLUMNS = ("spend", "active", "plan")
ROWS = 2 * BLOCK_ROWS + 1000


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


def _with_dictionary(features: pa.Table, values: list[str]) -> pa.Table:
    codes = pa.array([None if each is None else values.index(each) for each in features["plan"].to_pylist()])
    encoded = pa.DictionaryArray.from_arrays(codes, pa.array(values))
    return features.set_column(features.column_names.index("plan"), "plan", encoded)


@both
def test_scores_do_not_depend_on_how_rows_come(estimator: Estimator) -> None:
    """However a partition is read in batches, its scores are the same to the last bit."""
    whole = predict_in_blocks(_pipeline(estimator), _features(), COLUMNS)

    for rows in (997, BLOCK_ROWS, 30_000):
        pieces = pa.concat_tables(rechunk([_features()], rows))
        np.testing.assert_array_equal(predict_in_blocks(_pipeline(estimator), pieces, COLUMNS), whole)


@both
def test_blocks_are_fixed(estimator: Estimator) -> None:
    """A partition is scored in blocks of a fixed size, each as if it stood alone, in order."""
    whole = predict_in_blocks(_pipeline(estimator), _features(), COLUMNS)

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
    probability = predict_in_blocks(_pipeline("hist_gradient_boosting"), _features().slice(0, 0), COLUMNS)

    assert probability.tolist() == []


def test_model_predicts_from_the_columns_of_its_card() -> None:
    """A model looks at the columns it was trained on, in their order, whatever else stands in the table."""
    model = Model(_pipeline("hist_gradient_boosting"), made_up_card(feature_columns=COLUMNS))
    few = _features().slice(0, 50)
    other = few.select(["plan", "customer_id", "active", "spend"]).append_column("more", pa.nulls(50))

    with threadpool_limits(1):
        scores = model.predict(other)

    np.testing.assert_array_equal(scores, _predict(_pipeline("hist_gradient_boosting"), few))
