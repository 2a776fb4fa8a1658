"""The estimators that one line of configuration chooses between."""

import dataclasses
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from churn_assets.core.errors import SettingsError
from churn_assets.core.models.model import predict
from churn_assets.core.options import BoostingLibrary, BuiltIn, Estimator, Recipe
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.estimators import build_pipeline
from churn_assets.core.training.fitting import fit
from churn_assets_tests.extras import needs
from churn_assets_tests.factories import labelled_rows

COLUMNS = ("spend", "active", "plan")
SMALL: dict[str, dict[str, int]] = {
    "hist_gradient_boosting": {"max_iter": 20},
    "logistic_regression": {},
    "gradient_boosting": {"n_estimators": 20},
    "random_forest": {"n_estimators": 20},
    "ada_boost": {"n_estimators": 10},
    "lightgbm": {"n_estimators": 20},
    "xgboost": {"n_estimators": 20},
    "catboost": {"iterations": 20},
    "soft_voting": {"hist_gradient_boosting__max_iter": 10, "random_forest__n_estimators": 10},
}
TRAINED = [name for name in get_args(BuiltIn) if name != "rules"]  # rules are the profile's, and never fitted
LIBRARIES = [pytest.param(name, marks=needs(name)) for name in get_args(BoostingLibrary)]
every_estimator = pytest.mark.parametrize("estimator", [*TRAINED, *LIBRARIES])


def _recipe(estimator: Estimator) -> Recipe:
    return Recipe(estimator=estimator, parameters=SMALL[estimator])


def _fitted(estimator: Estimator, rows: LabelledRows) -> Pipeline:
    return fit(rows, _recipe(estimator), COLUMNS)


def _predict(pipeline: Pipeline, features: pa.Table) -> list[float]:
    with threadpool_limits(1):
        probability = predict(pipeline, features, COLUMNS)
    assert probability.shape == (features.num_rows,)
    assert ((probability >= 0) & (probability <= 1)).all()
    scores: list[float] = probability.tolist()
    return scores


@every_estimator
def test_fits_gaps_and_categoricals(estimator: Estimator) -> None:
    """Each estimator learns from missing numbers, booleans and categories, and ranks churners above others."""
    rows = labelled_rows(500, seed=1)

    pipeline = _fitted(estimator, rows)

    probability = np.array(_predict(pipeline, rows.features))
    assert probability[rows.churned].mean() > probability[~rows.churned].mean() + 0.02


@every_estimator
def test_unknown_and_missing_values_are_scored(estimator: Estimator) -> None:
    """Categories that were not there at training, and rows or batches without any value, get a probability."""
    pipeline = _fitted(estimator, labelled_rows(300, seed=2, plans=("a", "b")))
    strange = pa.table(
        {
            "spend": pa.array([None, 1.0, None]),
            "active": pa.array([True, None, None]),
            "plan": pa.array(["unheard of", None, None]),
        }
    )

    together = _predict(pipeline, strange)

    one_by_one = [_predict(pipeline, strange.slice(at, 1))[0] for at in range(3)]
    np.testing.assert_allclose(one_by_one, together, rtol=1e-9)


@every_estimator
def test_column_of_nothing_can_be_learnt_beside(estimator: Estimator) -> None:
    """A number that nobody has yet, such as a survey never answered, does not stop the others from being learnt."""
    rows = labelled_rows(300, seed=3)
    empty = rows.features.append_column("survey", pa.nulls(300, pa.float64()))
    columns = (*COLUMNS, "survey")

    pipeline = fit(dataclasses.replace(rows, features=empty), _recipe(estimator), columns)

    with threadpool_limits(1):
        probability = predict(pipeline, empty, columns)
    assert probability[rows.churned].mean() > probability[~rows.churned].mean()


@every_estimator
def test_category_of_nothing_can_be_learnt_beside(estimator: Estimator) -> None:
    """A category that nobody has yet does not stop the others from being learnt."""
    rows = labelled_rows(300, seed=4, plans=(None,))

    pipeline = _fitted(estimator, rows)

    assert len(set(_predict(pipeline, rows.features))) > 1


@every_estimator
def test_unknown_parameter_is_refused(estimator: Estimator) -> None:
    """A parameter the estimator does not have is an error that names it and the key it stands under."""
    recipe = Recipe(estimator=estimator, parameters={"depth_of_thought": 3})

    with pytest.raises(SettingsError, match=r"^training\.parameters: .*depth_of_thought"):
        build_pipeline(recipe, ["spend"], ["plan"])


def test_rules_cannot_be_built() -> None:
    """Where rules are asked for as an estimator to be fitted, the sentence says who gives them."""
    with pytest.raises(SettingsError, match=r"^training\.estimator: rules are not fitted; the profile gives them"):
        build_pipeline(Recipe(estimator="rules"), ["spend"], ["plan"])


@pytest.mark.parametrize("parameters", [{"C__x": 1}, {"fit_intercept__a__b": 1}])
def test_parameter_of_a_parameter_is_refused(parameters: dict[str, int]) -> None:
    """A nested name where there is nothing inside is an error in a sentence too."""
    recipe = Recipe(estimator="logistic_regression", parameters=parameters)

    with pytest.raises(SettingsError, match=r"^training"):
        build_pipeline(recipe, ["spend"], ["plan"])


def test_parameters_reach_the_estimator() -> None:
    """Configured parameters and the seed are those of the estimator, also inside a balanced one."""
    recipe = Recipe(parameters={"max_iter": 7}, seed=5, balance="weights")

    pipeline = build_pipeline(recipe, ["spend"], ["plan"])

    inner = pipeline.named_steps["estimator"].estimator
    assert (inner.max_iter, inner.random_state) == (7, 5)


def test_members_of_the_vote_can_be_set() -> None:
    """Parameters of a member are set by its name and two underscores."""
    recipe = Recipe(estimator="soft_voting", parameters={"logistic_regression__C": 0.5})

    pipeline = build_pipeline(recipe, ["spend"], ["plan"])

    members = dict(pipeline.named_steps["estimator"].estimators)
    assert list(members) == ["logistic_regression", "hist_gradient_boosting", "random_forest"]
    assert members["logistic_regression"].C == 0.5


def test_boosting_keeps_double_precision() -> None:
    """The default takes its columns as they are: nothing rounds them before the thresholds."""
    pipeline = build_pipeline(Recipe(estimator="hist_gradient_boosting"), ["spend"], ["plan"])

    assert [name for name, _ in pipeline.steps] == ["estimator"]
