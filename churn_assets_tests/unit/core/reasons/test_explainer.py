"""Contributions: the Shapley values that every subset of the features, asked for one by one, gives too."""

from collections.abc import Iterator
from itertools import chain, combinations
from math import comb
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from scipy.special import logit
from threadpoolctl import threadpool_limits

from churn_assets.core.models.model import predict
from churn_assets.core.options import Estimator, Recipe
from churn_assets.core.reasons.explainer import Explainer, Unexplainable, build_explainer
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets_tests.factories import SNAPSHOT

BACKGROUND = 12
EXPLAINED = 6


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """scikit-learn's own threads take longer than its arithmetic on a few rows."""
    with threadpool_limits(1):
        yield


def _rows(rng: np.random.Generator, rows: int) -> LabelledRows:
    """Numbers with gaps, one of them without any value but one, a category with gaps, and outcomes of all of them."""
    number, whole = rng.normal(size=rows), np.round(rng.normal(size=rows) * 2)
    words = rng.choice(["a", "b", "c", "d"], rows)
    driver = number * (words == "a") + (whole > 0) * (words != "b") + 0.5 * (number > whole)
    churned = rng.random(rows) < 1 / (1 + np.exp(1 - driver))
    churned[:4] = [True, True, False, False]
    features = pa.table(
        {
            "customer_id": [f"c{at:05d}" for at in range(rows)],
            "number": pa.array(number, mask=rng.random(rows) < 0.2),
            "whole": pa.array(whole, mask=rng.random(rows) < 0.2),
            "constant": np.ones(rows),
            "word": pa.array(words, mask=rng.random(rows) < 0.2),
            "another": pa.array(rng.choice(["x", "y", "z"], rows)),
        }
    )
    return LabelledRows(features, churned, np.full(rows, np.datetime64(SNAPSHOT)))


def _with_unknown_word(rows: pa.Table) -> pa.Table:
    """The rows, the first of which has a word that no model has seen."""
    words = rows.column("word").to_pylist()
    return rows.set_column(rows.column_names.index("word"), "word", pa.array(["never seen", *words[1:]]))


def _brute_force(pipeline: Any, rows: pa.Table, background: pa.Table, columns: tuple[str, ...]) -> NDArray[np.float64]:
    """Shapley values by their definition: (rows, features)."""
    size = len(columns)
    subsets = list(chain.from_iterable(combinations(range(size), count) for count in range(size + 1)))
    worth = {}
    for subset in subsets:
        mixed = pa.table(
            {
                name: (rows if at in subset else background)
                .column(name)
                .take(
                    np.repeat(np.arange(len(rows)), len(background))
                    if at in subset
                    else np.tile(np.arange(len(background)), len(rows))
                )
                for at, name in enumerate(columns)
            }
        )
        worth[subset] = logit(predict(pipeline, mixed, columns)).reshape(len(rows), len(background)).mean(axis=1)
    values = np.zeros((len(rows), size))
    for feature in range(size):
        for subset in subsets:
            if feature not in subset:
                weight = 1 / (size * comb(size - 1, len(subset)))
                values[:, feature] += weight * (worth[tuple(sorted((*subset, feature)))] - worth[subset])
    return values


def _explainer(pipeline: Any, columns: tuple[str, ...], background: pa.Table) -> Explainer:
    explainer = build_explainer(pipeline, columns, background)
    assert not isinstance(explainer, Unexplainable), explainer.reason
    return explainer


@pytest.mark.parametrize(
    ("estimator", "parameters"),
    [
        ("hist_gradient_boosting", {"max_iter": 5, "min_samples_leaf": 5, "learning_rate": 0.5}),
        ("hist_gradient_boosting", {"max_iter": 20, "max_leaf_nodes": 4, "learning_rate": 0.2}),
        ("gradient_boosting", {"n_estimators": 8, "learning_rate": 0.5}),
        ("gradient_boosting", {"n_estimators": 4, "loss": "exponential"}),
        ("ada_boost", {"n_estimators": 10}),
        ("logistic_regression", {}),
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_contributions_are_shapley_values_by_definition(
    estimator: Estimator, parameters: dict[str, Any], seed: int
) -> None:
    """Whatever the model: missing values, unknown words and a constant feature are as all subsets say."""
    rng = np.random.default_rng(seed)
    rows = _rows(rng, 300)
    columns = tuple(rows.features.column_names[1:])
    pipeline = fit(rows, Recipe(estimator=estimator, parameters=parameters), columns)
    background = rows.features.slice(0, BACKGROUND)
    explained = _with_unknown_word(rows.features.slice(BACKGROUND, EXPLAINED))

    explainer = _explainer(pipeline, columns, background)

    contributions, margin = explainer.contributions(explained), logit(predict(pipeline, explained, columns))
    assert contributions == pytest.approx(_brute_force(pipeline, explained, background, columns), abs=1e-9)
    assert explainer.base_value + contributions.sum(axis=1) == pytest.approx(margin, abs=1e-9)
    assert not contributions[:, columns.index("constant")].any()
