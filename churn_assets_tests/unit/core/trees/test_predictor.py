"""The tree kernel: the bits of scikit-learn's probabilities, whatever the model and however its rows come."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from churn_assets.core.arrow.batches import BLOCK_ROWS
from churn_assets.core.models.model import predict
from churn_assets.core.options import Estimator, Recipe
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets.core.trees.compiler import compile_kernel
from churn_assets.core.trees.equivalence import _splits, edge_rows
from churn_assets_tests.factories import SNAPSHOT, labelled_rows

COLUMNS = ("spend", "active", "plan")
KINDS = ["normal", "whole", "tailed", "rounded", "infinite", "constant", "bool", "text", "text", "empty"]
EDGES = [0.0, -0.0, np.inf, -np.inf, 1e300, -1e300]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """scikit-learn's own threads take longer than its arithmetic on a few rows."""
    with threadpool_limits(1):
        yield


def _bits(values: NDArray[np.float64]) -> list[int]:
    numbers: list[int] = values.view(np.int64).tolist()
    return numbers


def _column(rng: np.random.Generator, kind: str, rows: int) -> pa.Array:
    """Values of a kind; of some columns about a fifth is missing."""
    missing = rng.random(rows) < rng.choice([0, 0, 0.2])
    normal = rng.normal(size=rows)
    if kind == "text":
        texts = np.array([f"c{number}" for number in rng.permutation(rng.choice([1, 2, 7, 8, 9, 40, 200]))])
        return pa.array(texts[rng.integers(0, len(texts), rows)], pa.string(), mask=missing)
    if kind == "empty":
        return pa.nulls(rows, pa.float64())
    values = {
        "normal": normal * 10.0 ** rng.integers(-9, 9),
        "bool": normal > 0,
        "whole": np.round(normal * 5),
        "tailed": np.exp(8 * normal),
        "rounded": np.round(normal, 1),
        "infinite": np.where(rng.random(rows) < 0.1, np.inf, np.round(normal, 1)),
        "constant": np.ones(rows),
    }
    return pa.array(values[kind], mask=missing)


def _rows(rng: np.random.Generator, kinds: list[str], rows: int) -> LabelledRows:
    """Rows of columns of these kinds, and of a driver of the outcomes."""
    columns = {f"f{number}": _column(rng, kind, rows) for number, kind in enumerate(kinds)}
    driver = rng.normal(size=rows)
    churned = rng.random(rows) < rng.choice([0.15, 0.4, 0.6]) + 0.2 * np.tanh(driver)
    churned[:4] = [True, True, False, False]
    features = pa.table({"customer_id": [f"c{number:05d}" for number in range(rows)], **columns, "driver": driver})
    return LabelledRows(features, churned, np.full(rows, np.datetime64(SNAPSHOT)))


def _recipe(rng: np.random.Generator, estimator: Estimator, kinds: list[str]) -> Recipe:
    """A recipe of a random shape; a calibration needs more rows, and is left to others."""
    parameters: dict[str, Any] = {"learning_rate": float(rng.choice([0.05, 0.3, 1.0]))}
    if estimator == "gradient_boosting":
        parameters |= {
            "n_estimators": int(rng.integers(1, 12)),
            "max_depth": int(rng.integers(1, 7)),
            "loss": str(rng.choice(["log_loss", "exponential"])),
            "subsample": float(rng.choice([0.5, 1.0])),
            "init": [None, "zero"][rng.integers(2)],
        }
    else:
        parameters |= {
            "max_iter": int(rng.integers(1, 12)),
            "max_leaf_nodes": [None, 2, 5, 31, 64, 65, 200][rng.integers(7)],
            "max_depth": [None, 1, 3, 8][rng.integers(4)],
            "min_samples_leaf": int(rng.choice([1, 5, 20])),
            "l2_regularization": float(rng.choice([0.0, 1.0])),
            "max_bins": int(rng.choice([200, 255])),
            "early_stopping": bool(rng.random() < 0.2),
        }
        if rng.random() < 0.3:
            parameters["interaction_cst"] = str(rng.choice(["pairwise", "no_interactions"]))
        seen = [f"f{number}" for number, kind in enumerate(kinds) if kind not in {"text", "empty"}]
        if rng.random() < 0.3 and seen:
            parameters["monotonic_cst"] = {seen[0]: int(rng.choice([-1, 1]))}
    return Recipe(
        estimator=estimator,
        parameters=parameters,
        balance=rng.choice(["none", "weights", "undersample"]),
        seed=int(rng.integers(100)),
    )


@pytest.mark.parametrize("seed", range(8))
def test_random_models_of_columns_are_computed_to_the_bit(seed: int) -> None:
    """HistGradientBoosting of any shape: the rows it learnt from, and edges of all columns, give the same bits."""
    for number in range(20):
        rng = np.random.default_rng([seed, number])
        kinds = list(rng.choice(KINDS, rng.integers(1, 7)))
        rows = _rows(rng, kinds, int(rng.choice([40, 150, 400])))
        columns = tuple(rows.features.column_names[1:])
        fitted = fit(rows, _recipe(rng, "hist_gradient_boosting", kinds), columns)

        kernel = compile_kernel(fitted, columns)

        edges = edge_rows(kernel, rows.features.select(columns))
        real = rows.features.select(columns).cast(edges.schema)
        table = pa.concat_tables([real, edges, _splits(kernel, real)])
        assert _bits(kernel.predict(table)) == _bits(predict(fitted, table, columns)), (seed, number)


@pytest.mark.parametrize("seed", range(4))
def test_random_models_of_a_matrix_are_computed_to_the_bit(seed: int) -> None:
    """GradientBoosting of any shape behind scikit-learn's own preprocessing gives the same bits."""
    for number in range(12):
        rng = np.random.default_rng([seed, number, 1])
        kinds = list(rng.choice([kind for kind in KINDS if kind not in {"infinite", "tailed"}], rng.integers(1, 5)))
        rows = _rows(rng, kinds, int(rng.choice([40, 150])))
        columns = tuple(rows.features.column_names[1:])
        fitted = fit(rows, _recipe(rng, "gradient_boosting", kinds), columns)

        kernel = compile_kernel(fitted, columns)

        assert _bits(kernel.predict(rows.features)) == _bits(predict(fitted, rows.features, columns)), (seed, number)


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("balance", ["none", "weights", "undersample"])
@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "gradient_boosting"])
def test_calibrated_models_are_computed_to_the_bit(estimator: Estimator, balance: Any, calibration: Any) -> None:
    """Around either ensemble, balanced or not, either calibration gives the same bits."""
    size = "max_iter" if estimator == "hist_gradient_boosting" else "n_estimators"
    recipe = Recipe(estimator=estimator, balance=balance, calibration=calibration, parameters={size: 5})
    fitted = fit(labelled_rows(600, seed=1), recipe, COLUMNS)
    later = labelled_rows(3000, seed=2, plans=("a", "c", None)).features

    kernel = compile_kernel(fitted, COLUMNS)

    assert _bits(kernel.predict(later)) == _bits(predict(fitted, later, COLUMNS))


def _small(**parameters: Any) -> tuple[Any, pa.Table]:
    rows = labelled_rows(500, seed=3, plans=("a", "b", "c", None))
    return fit(rows, Recipe(parameters={"max_iter": 6, **parameters}), COLUMNS), rows.features


def test_dictionaries_and_chunks_do_not_matter() -> None:
    """Text, and dictionaries in any order and of any index type, in any chunks, give the same bits."""
    fitted, rows = _small()
    kernel = compile_kernel(fitted, COLUMNS)
    plans = rows.column("plan").to_pylist()
    orders = (["a", "b", "c"], ["c", "z", "a", "b"], ["b", "c", "never", "a"])

    given = []
    for dictionary, kind, size in zip(orders, (pa.int8(), pa.int16(), pa.int64()), (500, 77, 1), strict=True):
        places = pa.array([None if plan is None else dictionary.index(plan) for plan in plans], kind)
        encoded = pa.DictionaryArray.from_arrays(places, pa.array(dictionary))
        table = rows.set_column(3, "plan", encoded)
        given.append(kernel.predict(pa.concat_tables(table.slice(at, size) for at in range(0, 500, size))))

    for each in given:
        assert _bits(each) == _bits(predict(fitted, rows, COLUMNS))


def test_rows_do_not_depend_on_their_block() -> None:
    """Many blocks of rows give what each row gives by itself, also across the seams."""
    fitted, rows = _small()
    kernel = compile_kernel(fitted, COLUMNS)
    many = pa.concat_tables([rows] * (2 * BLOCK_ROWS // 500 + 1))

    given = kernel.predict(many)

    assert _bits(given) == _bits(np.resize(predict(fitted, rows, COLUMNS), len(given)))
    alone = [kernel.predict(rows.slice(row, 1))[0] for row in range(20)]
    assert _bits(np.array(alone)) == _bits(given[:20])


def test_no_rows_have_no_scores() -> None:
    """An empty table gives an empty array."""
    fitted, rows = _small()

    assert compile_kernel(fitted, COLUMNS).predict(rows.slice(0, 0)).shape == (0,)


def test_threads_do_not_disturb_each_other() -> None:
    """Predictions of several threads at once are those of one."""
    fitted, rows = _small()
    kernel = compile_kernel(fitted, COLUMNS)
    parts = [rows.slice(at, 100) for at in range(0, 500, 100)] * 8

    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(kernel.predict, parts))

    assert [_bits(each) for each in at_once] == [_bits(predict(fitted, part, COLUMNS)) for part in parts]


def test_thresholds_beyond_a_byte_are_told_apart() -> None:
    """A feature with a thousand thresholds gives the same bits."""
    rng = np.random.default_rng(5)
    rows = _rows(rng, ["tailed"], 1500)
    rows = replace(rows, churned=rng.random(1500) < 0.4)
    parameters = {"n_estimators": 60, "max_depth": 7, "subsample": 0.5}
    fitted = fit(rows, Recipe(estimator="gradient_boosting", parameters=parameters), ("f0",))

    kernel = compile_kernel(fitted, ("f0",))

    assert len(kernel.tables.grids[0].thresholds) > 500
    assert _bits(kernel.predict(rows.features)) == _bits(predict(fitted, rows.features, ("f0",)))


@pytest.mark.parametrize("column", ["spend", "plan"])
def test_column_of_another_type_is_refused(column: str) -> None:
    """Text where a number was learnt, or a number where text was, is an error that names the column."""
    fitted, rows = _small()
    other = pa.array(["x"] * 500) if column == "spend" else pa.array(np.ones(500))
    kernel = compile_kernel(fitted, COLUMNS)

    with pytest.raises(ValueError, match=f"^{column} is .* when the model was trained$"):
        kernel.predict(rows.set_column(rows.column_names.index(column), column, other))
