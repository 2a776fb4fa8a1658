"""Which fitted models have a kernel; every other one is refused with a clause that says why."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from churn_assets.core.options import Estimator, Recipe
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets.core.trees.compiler import KernelUnsupported, compile_kernel
from churn_assets_tests.factories import SNAPSHOT, labelled_rows

COLUMNS = ("spend", "active", "plan")


@pytest.mark.parametrize("estimator", ["logistic_regression", "random_forest", "ada_boost", "soft_voting"])
def test_other_estimators_are_refused_by_name(estimator: Estimator) -> None:
    """What is no boosted ensemble of trees is named in a clause."""
    parameters = {"n_estimators": 3} if estimator in {"random_forest", "ada_boost"} else {}
    fitted = fit(labelled_rows(200, seed=1), Recipe(estimator=estimator, parameters=parameters), COLUMNS)

    with pytest.raises(KernelUnsupported, match=rf"^({estimator}|voting) is no boosted ensemble of trees$"):
        compile_kernel(fitted, COLUMNS)


def test_large_trees_are_refused_with_their_size() -> None:
    """A tree with more leaves than a byte can name is refused with its count."""
    rng = np.random.default_rng(6)
    features = pa.table({"f0": rng.normal(size=2000), "f1": rng.normal(size=2000)})
    rows = LabelledRows(features, rng.random(2000) < 0.5, np.full(2000, np.datetime64(SNAPSHOT)))
    parameters = {"max_iter": 1, "max_leaf_nodes": 300, "min_samples_leaf": 1}
    fitted = fit(rows, Recipe(parameters=parameters), ("f0", "f1"))

    with pytest.raises(KernelUnsupported, match=r"^a tree has 300 leaves, and at most 256 are computed$"):
        compile_kernel(fitted, ("f0", "f1"))


def test_other_columns_are_refused() -> None:
    """A pipeline that was fitted on other columns, or in another order, has no kernel."""
    fitted = fit(labelled_rows(200, seed=3), Recipe(parameters={"max_iter": 2}), COLUMNS)

    for columns in (("spend", "plan", "active"), ("spend", "active"), ()):
        with pytest.raises(KernelUnsupported, match=r"^it was fitted on other columns$"):
            compile_kernel(fitted, columns)


def test_numbers_named_categories_are_refused() -> None:
    """Categories that are no text, which only parameters can ask for, are refused with their feature."""
    rows = labelled_rows(300, seed=4)
    fitted = fit(rows, Recipe(parameters={"max_iter": 2, "categorical_features": ["active"]}), ("spend", "active"))

    with pytest.raises(KernelUnsupported, match=r"^the categories of feature 2 are no text$"):
        compile_kernel(fitted, ("spend", "active"))


@pytest.mark.parametrize(
    "model", [HistGradientBoostingClassifier(max_iter=2), GradientBoostingClassifier(n_estimators=2)]
)
def test_more_than_two_classes_are_refused(model: Any) -> None:
    """One tree a round is what the kernel adds up."""
    frame = labelled_rows(90, seed=1).features.select(["spend"]).to_pandas().fillna(0)
    fitted = Pipeline([("columns", "passthrough"), ("estimator", model)]).fit(frame, np.arange(90) % 3)
    fitted.steps[0] = ("columns", fitted[-1])

    with pytest.raises(KernelUnsupported, match=r"^there are more than two classes$"):
        compile_kernel(fitted, ("spend",))


def test_initial_estimator_of_its_own_is_refused() -> None:
    """A GradientBoosting that begins with another model of the features is not computed."""
    rows = labelled_rows(200, seed=1)
    recipe = Recipe(estimator="gradient_boosting", parameters={"n_estimators": 2, "init": LogisticRegression()})

    with pytest.raises(KernelUnsupported, match=r"^its initial estimator looks at the features$"):
        compile_kernel(fit(rows, recipe, COLUMNS), COLUMNS)
