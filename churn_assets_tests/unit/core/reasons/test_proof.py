"""The proof of an explainer: it holds for an exact one, and finds contributions that do not add up."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from churn_assets.core.options import Estimator, Recipe
from churn_assets.core.reasons import explainer as explaining
from churn_assets.core.reasons import proof
from churn_assets.core.reasons.explainer import Unexplainable
from churn_assets.core.reasons.proof import prove_reasons
from churn_assets.core.training.fitting import fit
from churn_assets_tests.extras import needs
from churn_assets_tests.factories import labelled_rows

COLUMNS = ("spend", "active", "plan")
ROWS = labelled_rows(600, seed=1)
SAMPLE = ROWS.features.slice(0, 200)
OTHERS = ROWS.features.slice(200, 100)


@pytest.mark.parametrize(
    ("estimator", "parameters", "balance"),
    [
        ("hist_gradient_boosting", {"max_iter": 5}, "none"),
        ("gradient_boosting", {"n_estimators": 5}, "weights"),
        ("logistic_regression", {}, "none"),
        pytest.param("lightgbm", {"n_estimators": 5}, "none", marks=needs("lightgbm")),
        pytest.param("xgboost", {"n_estimators": 5}, "weights", marks=needs("xgboost")),
    ],
)
def test_what_adds_up_is_proven(estimator: Estimator, parameters: dict[str, Any], balance: Any) -> None:
    """An explainer comes with how far each feature moves the log-odds on average, the furthest first."""
    pipeline = fit(ROWS, Recipe(estimator=estimator, parameters=parameters, balance=balance), COLUMNS)

    reasons = prove_reasons(pipeline, COLUMNS, SAMPLE, OTHERS)

    assert not isinstance(reasons.explainer, Unexplainable), reasons.explainer
    assert next(iter(reasons.mean_absolute)) == "spend"
    assert set(reasons.mean_absolute) == set(COLUMNS)
    assert sorted(reasons.mean_absolute.values(), reverse=True) == list(reasons.mean_absolute.values())


def test_what_does_not_add_up_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """One value of one cell that is another costs the explainer, and the clause says by how much."""
    pipeline = fit(ROWS, Recipe(parameters={"max_iter": 1, "max_leaf_nodes": 4}), COLUMNS)

    def off(pipeline: Any, columns: tuple[str, ...], background: pa.Table) -> Any:
        built: Any = explaining.build_explainer(pipeline, columns, background)
        return replace(built, tables=built.tables._replace(values=built.tables.values * (1 + 1e-6)))

    monkeypatch.setattr(proof, "build_explainer", off)

    reasons = prove_reasons(pipeline, COLUMNS, SAMPLE, OTHERS)

    assert isinstance(reasons.explainer, Unexplainable)
    assert reasons.explainer.reason.startswith("its contributions miss its margin by up to ")
    assert reasons.mean_absolute == {}


def test_private_attribute_that_is_gone_is_a_clause() -> None:
    """A scikit-learn that calls its trees by another name costs the reasons, and stops nobody who trains."""
    pipeline = fit(ROWS, Recipe(parameters={"max_iter": 1}), COLUMNS)
    del pipeline[-1]._predictors

    reasons = prove_reasons(pipeline, COLUMNS, SAMPLE, OTHERS)

    assert isinstance(reasons.explainer, Unexplainable)
    assert reasons.explainer.reason.startswith("it cannot be explained (AttributeError: ")
