"""Reasons a core-second: our tables, shap both ways, and woodelf, on the same models and rows; and who is right.

    uv run --with shap==0.51.0 --with woodelf-explainer==0.4.8 python benchmarks/reasons.py [--rows 200000] [--rounds 3]

31 features, of which 6 are categories, with missing values; against the same 100 rows of background. Each way is given
what it takes: ours the Arrow table, the others the matrix that scikit-learn makes of it for its trees. What is told is
processor time of the process, on one thread. Right is what all subsets of the features, asked for one by one, give on
a model of 8 features. Without the two libraries only ours is told.
"""

import argparse
import importlib
import time
from collections.abc import Callable
from itertools import chain, combinations
from math import comb
from typing import Any

import numpy as np
import pyarrow as pa
from measuring import machine
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from churn_assets.core.arrow.batches import BLOCK_ROWS
from churn_assets.core.features import to_model_frame
from churn_assets.core.options import COMPETING, Recipe
from churn_assets.core.reasons.explainer import Unexplainable, build_explainer
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit

TRAINED = 60_000
BACKGROUND = 100
NUMBERS, WORDS = 25, (3, 5, 8, 12, 20, 40)
FEW_NUMBERS, FEW_WORDS = 5, (3, 5, 12)
CHECKED = 10
TOP = 3
RECIPES = {
    "100 trees of 31 leaves": {"max_iter": 100},
    "the default recipe, 200 trees of 4 leaves": COMPETING[0].parameters,
}

Way = Callable[[pa.Table], NDArray[np.float64]]


def main() -> None:
    """Fit, and time every way on every model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(machine())
    with threadpool_limits(1):
        for name, parameters in RECIPES.items():
            for are_words in (True, False):
                kind = "6 categories" if are_words else "6 categories as numbers"
                print(f"\n{name}, {NUMBERS + len(WORDS)} features, {kind}")
                tell_errors(fit_model(parameters, FEW_NUMBERS, FEW_WORDS, are_words=are_words))
                tell_rates(fit_model(parameters, NUMBERS, WORDS, are_words=are_words), given.rows, given.rounds)


def fit_model(
    parameters: dict[str, Any], numbers: int, words: tuple[int, ...], *, are_words: bool
) -> tuple[Any, pa.Table]:
    """A fitted pipeline, and the feature rows that it learnt from."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {"customer_id": [f"c{at:06d}" for at in range(TRAINED)]}
    risk = np.full(TRAINED, -2.0)
    for at in range(numbers):
        values = rng.normal(size=TRAINED)
        values = np.round(values * 4) if at % 3 == 0 else values
        risk += 0.3 * rng.normal() * np.tanh(values)
        columns[f"number{at}"] = pa.array(values, mask=rng.random(TRAINED) < (0.1 if at % 2 else 0.0))
    for at, size in enumerate(words):
        codes = rng.integers(0, size, TRAINED)
        risk += 0.5 * rng.normal(size=size)[codes]
        mask = rng.random(TRAINED) < 0.05  # noqa: PLR2004  # a share of missing words
        texts = np.array([f"w{code:02d}" for code in range(size)])
        columns[f"word{at}"] = pa.array(texts[codes] if are_words else codes.astype(np.float64), mask=mask)
    features = pa.table(columns)
    churned = rng.random(TRAINED) < 1 / (1 + np.exp(-risk))
    rows = LabelledRows(features, churned, np.full(TRAINED, np.datetime64("2026-06-30")))
    return fit(rows, Recipe(parameters=parameters), tuple(features.column_names[1:])), features


def tell_errors(fitted: tuple[Any, pa.Table]) -> None:
    """How far each way is from all subsets on a small model."""
    pipeline, features = fitted
    background = features.slice(0, 20)
    rows = features.slice(1_000, CHECKED)
    expected = by_all_subsets(pipeline, rows, background)
    for name, make in ways().items():
        if "path" in name or "picked" in name:
            continue  # another game, in which missing features are drawn by the trees' own counts; and ours again
        try:
            print(f"  {name}: off by at most {np.abs(make(pipeline, background)(rows) - expected).max():.1e} log-odds")
        except Exception as error:  # noqa: BLE001  # whatever a library says of what it does not take
            print(f"  {name}: refuses ({first_line(error)})")


def tell_rates(fitted: tuple[Any, pa.Table], count: int, rounds: int) -> None:
    """Rows a core-second of each way, and how much faster ours is."""
    pipeline, features = fitted
    background = features.slice(0, BACKGROUND)
    rows = features.take(np.arange(count) % len(features)).combine_chunks()
    ours = 0.0
    for name, make in ways().items():
        started = time.process_time()
        try:
            way = make(pipeline, background)
            way(rows.slice(0, 10))
        except Exception as error:  # noqa: BLE001  # as above
            print(f"  {name}: refuses ({first_line(error)})")
            continue
        made = time.process_time() - started
        some = rows if name.startswith("ours") else rows.slice(0, 100 if "interventional" in name else 2_000)
        some = rows.slice(0, BLOCK_ROWS) if name.startswith("woodelf") else some
        best = max(rate(way, some) for _ in range(rounds))
        ours = ours or best
        print(f"  {name}: {best:,.0f} rows a core-second, ours {ours / best:.1f} times; ready in {made:.1f} s")


def ways() -> dict[str, Callable[[Any, pa.Table], Way]]:
    """By name, what makes a way of explaining from a fitted pipeline and a background; ours is the first."""
    found: dict[str, Callable[[Any, pa.Table], Way]] = {
        "ours": our_way,
        f"ours, with the {TOP} strongest picked": lambda *given: picked(our_way(*given)),
    }
    try:
        importlib.import_module("shap")
        importlib.import_module("woodelf")
    except ImportError:
        return found
    return found | {
        "shap, path-dependent": lambda pipeline, _: shap_way(pipeline, None),
        "shap, interventional": shap_way,
        "woodelf, interventional": woodelf_way,
    }


def our_way(pipeline: Any, background: pa.Table) -> Way:
    """The product's own."""
    explainer = build_explainer(pipeline, tuple(background.column_names[1:]), background)
    if isinstance(explainer, Unexplainable):
        raise SystemExit(explainer.reason)
    return explainer.contributions


def picked(way: Way) -> Way:
    """The same, and which features of each row are the strongest, which is left behind."""

    def both(rows: pa.Table) -> NDArray[np.float64]:
        given = way(rows)
        np.argpartition(np.abs(given), -TOP, axis=1)[:, -TOP:].copy()
        return given

    return both


def shap_way(pipeline: Any, background: pa.Table | None) -> Way:
    """What shap makes of the trees, without its own check of the sums, which takes time."""
    shap = importlib.import_module("shap")
    data = None if background is None else inner_matrix(pipeline, background)
    way = "interventional" if background is not None else "tree_path_dependent"
    explainer = shap.TreeExplainer(pipeline[-1], data=data, feature_perturbation=way)
    return lambda rows: in_given_order(
        pipeline, explainer.shap_values(inner_matrix(pipeline, rows), check_additivity=False)
    )


def woodelf_way(pipeline: Any, background: pa.Table) -> Way:
    """What woodelf makes of the trees, which it reads as shap does."""
    import pandas as pd  # noqa: PLC0415  # woodelf's own form

    woodelf = importlib.import_module("woodelf")
    loading = importlib.import_module("woodelf.core.trees.parse_models_using_shap")
    names = background.column_names[1:]
    trees = loading.load_model_using_shap(pipeline[-1], names)
    explainer = woodelf.WoodelfExplainer(trees, pd.DataFrame(inner_matrix(pipeline, background), columns=names))

    def explained(rows: pa.Table) -> NDArray[np.float64]:
        frame = pd.DataFrame(inner_matrix(pipeline, rows), columns=names)
        return in_given_order(pipeline, np.asarray(explainer.shap_values(frame, verbose=False)))

    return explained


def inner_matrix(pipeline: Any, rows: pa.Table) -> NDArray[np.float64]:
    """What the trees see of rows: the codes of categories first, then the numbers."""
    frame = to_model_frame(rows, tuple(rows.column_names[1:]))
    within = pipeline[-1]._preprocessor  # noqa: SLF001  # nothing public gives it
    return np.asarray(frame if within is None else within.transform(frame), dtype=np.float64)


def in_given_order(pipeline: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns in the order of the features, of values in that of the trees."""
    categorical = pipeline[-1].is_categorical_
    if categorical is None:
        return values
    seen = np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])
    return values[:, np.argsort(seen)]


def by_all_subsets(pipeline: Any, rows: pa.Table, background: pa.Table) -> NDArray[np.float64]:
    """Shapley values by their definition, (rows, features)."""
    names = rows.column_names[1:]
    size, own = len(names), np.repeat(np.arange(len(rows)), len(background))
    other = np.tile(np.arange(len(background)), len(rows))
    worth = {}
    for subset in chain.from_iterable(combinations(range(size), count) for count in range(size + 1)):
        mixed = {
            name: rows.column(name).take(own) if at in subset else background.column(name).take(other)
            for at, name in enumerate(names)
        }
        sums = pipeline.decision_function(to_model_frame(pa.table(mixed), tuple(names)))
        worth[subset] = sums.reshape(len(rows), len(background)).mean(axis=1)
    values = np.zeros((len(rows), size))
    for subset, without in worth.items():
        for feature in set(range(size)) - set(subset):
            gained = worth[tuple(sorted((*subset, feature)))] - without
            values[:, feature] += gained / (size * comb(size - 1, len(subset)))
    return values


def rate(way: Way, rows: pa.Table) -> float:
    """Rows a second of processor time, in the blocks of a night."""
    started = time.process_time()
    for at in range(0, len(rows), BLOCK_ROWS):
        way(rows.slice(at, BLOCK_ROWS))
    return len(rows) / (time.process_time() - started)


def first_line(error: Exception) -> str:
    """The first line of what an error says."""
    return str(error).partition("\n")[0]


if __name__ == "__main__":
    main()
