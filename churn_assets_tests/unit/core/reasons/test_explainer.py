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
from churn_assets.core.options import COMPETING, Estimator, Recipe
from churn_assets.core.reasons import tree_building
from churn_assets.core.reasons.explainer import Explainer, Unexplainable, build_explainer
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets_tests.factories import SNAPSHOT, labelled_rows

BACKGROUND = 12
EXPLAINED = 6
COLUMNS = ("spend", "active", "plan")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """scikit-learn's own threads take longer than its arithmetic on a few rows."""
    with threadpool_limits(1):
        yield


def _rows(rng: np.random.Generator, rows: int) -> LabelledRows:
    """Numbers with gaps, a constant one, one without values, categories, and outcomes that hang on several at once."""
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
            "empty": pa.nulls(rows, pa.float64()),
            "word": pa.array(words, mask=rng.random(rows) < 0.2),
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
    background = background.cast(rows.schema)
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
    ("estimator", "parameters", "balance"),
    [
        ("hist_gradient_boosting", {"max_iter": 5, "min_samples_leaf": 5, "learning_rate": 0.5}, "none"),
        ("hist_gradient_boosting", {"max_iter": 20, "max_leaf_nodes": 4, "learning_rate": 0.2}, "weights"),
        ("gradient_boosting", {"n_estimators": 8, "learning_rate": 0.5}, "undersample"),
        ("gradient_boosting", {"n_estimators": 4, "loss": "exponential"}, "none"),
        ("ada_boost", {"n_estimators": 10}, "none"),
        ("logistic_regression", {}, "weights"),
    ],
)
def test_contributions_are_shapley_values_by_definition(
    estimator: Estimator, parameters: dict[str, Any], balance: Any
) -> None:
    """Whatever the model: missing values, unknown words and features that say nothing are as all subsets have it."""
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print("seed", seed)  # noqa: T201  # shown where the test fails
    rows = _rows(np.random.default_rng(seed), 300)
    columns = tuple(rows.features.column_names[1:])
    pipeline = fit(rows, Recipe(estimator=estimator, parameters=parameters, balance=balance), columns)
    background = rows.features.slice(0, BACKGROUND)
    explained = _with_unknown_word(rows.features.slice(BACKGROUND, EXPLAINED))

    explainer = _explainer(pipeline, columns, background)

    contributions, margin = explainer.contributions(explained), logit(predict(pipeline, explained, columns))
    assert contributions == pytest.approx(_brute_force(pipeline, explained, background, columns), abs=1e-9)
    assert explainer.base_value + contributions.sum(axis=1) == pytest.approx(margin, abs=1e-9)
    assert not contributions[:, [columns.index("constant"), columns.index("empty")]].any()


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic"])
def test_a_calibrated_model_is_explained_beneath_its_calibration(calibration: Any) -> None:
    """What adds up is the margin of the calibrated pipeline's own model, whatever is made of it afterwards."""
    rows = labelled_rows(600, seed=1)
    pipeline = fit(rows, Recipe(parameters={"max_iter": 5}, calibration=calibration), COLUMNS)

    explainer = _explainer(pipeline, COLUMNS, rows.features.slice(0, 50))

    beneath = logit(predict(pipeline.calibrated_classifiers_[0].estimator.estimator, rows.features, COLUMNS))
    given = explainer.base_value + explainer.contributions(rows.features).sum(axis=1)
    assert given == pytest.approx(beneath, abs=1e-9)


@pytest.mark.parametrize(("estimator", "name"), [("random_forest", "random_forest"), ("soft_voting", "voting")])
def test_a_mean_of_probabilities_has_no_reasons(estimator: Estimator, name: str) -> None:
    """Log-odds of a mean are no sum over trees: there is a clause instead of an explainer."""
    rows = labelled_rows(300, seed=1)
    members = {} if estimator == "soft_voting" else {"n_estimators": 3}
    pipeline = fit(rows, Recipe(estimator=estimator, parameters=members), COLUMNS)

    explainer = build_explainer(pipeline, COLUMNS, rows.features.slice(0, 50))

    assert explainer == Unexplainable(f"{name} has log-odds that are no sum over trees or features")


@pytest.mark.parametrize(("bound", "clause"), [("MOST_CELLS", "a leaf's path needs"), ("MOST_MIB", "its tables would")])
def test_tables_that_would_be_too_large_are_not_made(bound: str, clause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of too large trees has a clause instead of an explainer."""
    rows = labelled_rows(300, seed=1)
    pipeline = fit(rows, Recipe(parameters={"max_iter": 5}), COLUMNS)
    monkeypatch.setattr(tree_building, bound, 0)

    explainer = build_explainer(pipeline, COLUMNS, rows.features.slice(0, 50))

    assert isinstance(explainer, Unexplainable)
    assert explainer.reason.startswith(clause)


def test_trees_that_never_split_explain_nothing() -> None:
    """A model that gives everybody the same has its base value, and no contributions."""
    rows = labelled_rows(100, seed=1)
    pipeline = fit(rows, Recipe(parameters={"max_iter": 3, "min_samples_leaf": 100}), COLUMNS)

    explainer = _explainer(pipeline, COLUMNS, rows.features.slice(0, 50))

    assert not explainer.contributions(rows.features).any()
    assert explainer.base_value == pytest.approx(logit(predict(pipeline, rows.features, COLUMNS))[0])


def test_blocks_and_dictionaries_do_not_matter() -> None:
    """No rows, rows in chunks, and words as codes of dictionaries give what the rows in one piece give, to the bit."""
    rows = labelled_rows(20_000, seed=1).features
    pipeline = fit(labelled_rows(600, seed=2), Recipe(parameters={"max_iter": 5}), COLUMNS)
    explainer = _explainer(pipeline, COLUMNS, rows.slice(0, 50))

    whole = explainer.contributions(rows)

    coded = rows.set_column(3, "plan", rows.column("plan").dictionary_encode())
    chunks = pa.concat_tables([coded.slice(0, 777), coded.slice(777)])
    assert explainer.contributions(chunks).tobytes() == whole.tobytes()
    assert explainer.contributions(rows.slice(17_000, 10)).tobytes() == whole[17_000:17_010].tobytes()
    assert explainer.contributions(rows.slice(0, 0)).shape == (0, 3)


@pytest.mark.parametrize(
    "recipe", [Recipe(parameters=COMPETING[0].parameters), Recipe(estimator="logistic_regression")]
)
def test_the_planted_driver_is_the_first_reason(recipe: Recipe) -> None:
    """Where the outcomes were drawn by known drivers, the first reason is the true one for 95 of 100 customers."""
    rng = np.random.default_rng(1)
    count, strengths = 12_000, np.array([4.0, -3.0, 2.2, 1.6])
    flags = (rng.random((count, len(strengths))) < 0.15).astype(float)
    columns: dict[str, Any] = {"customer_id": [f"c{at:05d}" for at in range(count)]}
    columns |= {f"driver{at}": flags[:, at] for at in range(len(strengths))}
    columns |= {f"noise{at}": rng.normal(size=count) for at in range(4)}
    features = pa.table(columns)
    churned = rng.random(count) < 1 / (1 + np.exp(1 - flags @ strengths))
    rows = LabelledRows(features, churned, np.full(count, np.datetime64(SNAPSHOT)))
    names = tuple(features.column_names[1:])
    pipeline = fit(rows.keep(np.arange(count) < 10_000), recipe, names)

    explainer = _explainer(pipeline, names, features.slice(0, 128))

    true = np.abs(strengths * (flags[10_000:] - flags[:128].mean(axis=0))).argmax(axis=1)
    first = np.abs(explainer.contributions(features.slice(10_000))).argmax(axis=1)
    assert (first == true).mean() >= 0.95
