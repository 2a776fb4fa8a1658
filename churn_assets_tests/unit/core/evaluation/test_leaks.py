"""Knowledge of the outcome found in a feature, or in two of them together."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from churn_assets.core.evaluation.leaks import strongest_features
from churn_assets.core.features import to_model_frame
from churn_assets_tests.factories import labelled_rows

ROWS = 1200
KINDS = ("noise", "gaps", "category", "many", "flag")


def _noise(rng: np.random.Generator) -> pd.DataFrame:
    """Features of every kind, with missing values, that know nothing."""
    return pd.DataFrame(
        {
            "noise": rng.normal(size=ROWS),
            "gaps": np.where(rng.random(ROWS) < 0.3, np.nan, rng.normal(size=ROWS)),
            "category": pd.Categorical([("a", "b", "c", None)[at] for at in rng.integers(0, 4, ROWS)]),
            "many": pd.Categorical([f"k{number}" for number in rng.integers(0, 400, ROWS)]),
            "flag": (rng.random(ROWS) < 0.5).astype(float),
        }
    )


def _days(seed: int) -> tuple[pd.DataFrame, NDArray[np.bool_], pd.DataFrame, NDArray[np.bool_], np.random.Generator]:
    """What was taught and what is shown, a tenth of whom churned."""
    rng = np.random.default_rng(seed)
    taught, shown = _noise(rng), _noise(rng)
    return taught, rng.random(ROWS) < 0.1, shown, rng.random(ROWS) < 0.1, rng


def _alone(
    taught: pd.DataFrame, taught_churned: NDArray[np.bool_], shown: pd.DataFrame, churned: NDArray[np.bool_]
) -> tuple[str, float]:
    """The strongest feature by itself, and what it reaches."""
    found = strongest_features(taught, taught_churned, shown, churned, {})
    return found.feature, found.roc_auc


LEAKS: dict[str, Callable[[NDArray[np.bool_], np.random.Generator], Any]] = {
    "high": lambda left, rng: rng.normal(size=len(left)) + 6 * left,
    "low": lambda left, rng: rng.normal(size=len(left)) - 6 * left,
    "missing for churners": lambda left, rng: np.where(left, np.nan, rng.normal(size=len(left))),
    "missing for others": lambda left, rng: np.where(left, rng.normal(size=len(left)), np.nan),
    "high or missing": lambda left, rng: np.where(
        left & _half(left, rng), np.nan, rng.normal(size=len(left)) + 6 * left
    ),
    "low or missing": lambda left, rng: np.where(
        left & _half(left, rng), np.nan, rng.normal(size=len(left)) - 6 * left
    ),
    "infinite for churners": lambda left, rng: np.where(left, np.inf, rng.normal(size=len(left))),
    "codes": lambda left, rng: np.where(left, rng.choice([3.0, 7.0], len(left)), 5.0),
    "many codes": lambda left, rng: rng.integers(0, 12, len(left)) * 2.0 + left,
    "codes or missing": lambda left, rng: np.where(
        left, rng.choice([3.0, np.nan], len(left)), rng.choice([2.0, 5.0], len(left))
    ),
    "range": lambda left, rng: np.where(
        left, rng.uniform(0.4, 0.6, len(left)), rng.choice([0.0, 0.7], len(left)) + rng.uniform(0, 0.3, len(left))
    ),
    "seconds": lambda left, rng: 1.7e9 + np.where(left, 1.0, rng.choice([0.0, 2.0], len(left))),
    "category": lambda left, rng: pd.Categorical(np.where(left, rng.choice(["gone", "closed"], len(left)), "b")),
    "missing category for churners": lambda left, rng: pd.Categorical(
        pd.Series(rng.choice(["x", "y"], len(left))).mask(left)
    ),
    "missing category for others": lambda left, rng: pd.Categorical(
        pd.Series(rng.choice(["x", "y"], len(left))).where(left)
    ),
}
"""Columns that know the outcome, in one way or another."""


def _half(left: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    return rng.random(len(left)) < 0.5


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", LEAKS)
def test_leak_is_found(kind: str, seed: int) -> None:
    """A feature that knows who left is found by its name: in either direction, as a range or code, and in its gaps."""
    taught, taught_churned, shown, churned, rng = _days(seed)
    taught = taught.assign(leak=LEAKS[kind](taught_churned, rng))
    shown = shown.assign(leak=LEAKS[kind](churned, rng))

    name, reached = _alone(taught, taught_churned, shown, churned)

    assert name == "leak"
    assert reached > 0.97


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_no_leak(seed: int) -> None:
    """Where nothing is known, the strongest feature reaches little more than chance, many categories included."""
    taught, taught_churned, shown, churned, _ = _days(seed)

    name, reached = _alone(taught, taught_churned, shown, churned)

    assert name in KINDS
    assert 0.5 <= reached < 0.62


def test_strongest_of_several_is_told() -> None:
    """Of an honest feature and one that knows more, the one that knows more is told, with what it reaches."""
    taught, taught_churned, shown, churned, rng = _days(seed=10)
    taught = taught.assign(honest=rng.normal(size=ROWS) + taught_churned, better=rng.normal(size=ROWS))
    honest, better = rng.normal(size=ROWS) + churned, rng.normal(size=ROWS) - 2 * churned

    name, reached = _alone(taught, taught_churned, shown.assign(honest=honest, better=better), churned)

    assert name == "better"
    assert reached == pytest.approx(1 - roc_auc_score(churned, better))


def test_categories_are_known_by_what_they_were() -> None:
    """Categories rank by their churn rate before: one that told little then is no leak now, nor is one not met."""
    taught, taught_churned, shown, churned, rng = _days(seed=11)
    taught = taught[["noise"]].assign(plan=pd.Categorical(rng.choice(["a", "b"], ROWS)))
    new = pd.Categorical(np.where(churned, "never met", rng.choice(["a", "b"], ROWS)))

    _, reached = _alone(taught, taught_churned, shown[["noise"]].assign(plan=new), churned)

    assert reached < 0.9


def test_category_ranks_by_its_rate() -> None:
    """A category alone reaches what its churn rates as scores reach."""
    taught = pd.DataFrame({"plan": pd.Categorical(["a", "a", "b", "b", "c", "c", None, None])})
    taught_churned = np.array([True, True, True, False, False, False, True, False])
    shown = pd.DataFrame({"plan": pd.Categorical(["a", "b", "c", None, "d", "c"])})
    churned = np.array([True, False, False, True, False, True])

    name, reached = _alone(taught, taught_churned, shown, churned)

    assert name == "plan"
    assert reached == pytest.approx(roc_auc_score(churned, [1.0, 0.5, 0.0, 0.5, 0.5, 0.0]))


@pytest.mark.parametrize(
    "column",
    [np.full(ROWS, np.nan), np.full(ROWS, 3.0), pd.Categorical([None] * ROWS), pd.Categorical(["a"] * ROWS)],
    ids=["empty", "constant", "no category", "one category"],
)
def test_feature_without_difference_knows_nothing(column: Any) -> None:
    """A column that is the same for everybody reaches 0.5, and no crash."""
    frame = pd.DataFrame({"same": column})
    churned = np.arange(ROWS) % 10 == 0

    assert _alone(frame, churned, frame, churned) == ("same", 0.5)


def test_infinite_and_missing_values_are_ranked_without_a_warning() -> None:
    """A feature may be infinite for some and missing for others: both are ranked, and nothing overflows."""
    churned = np.array([True, False] * 20)
    frame = pd.DataFrame({"ratio": np.where(churned, -np.inf, np.nan), "noise": np.arange(40.0)})

    found = _alone(frame, churned, frame, churned)

    assert found == ("ratio", 1.0)


def test_model_frames_are_looked_at_as_they_are() -> None:
    """In the frames that a model is given, with booleans and gaps, the feature that drives churn is the strongest."""
    taught, shown = labelled_rows(800, seed=1), labelled_rows(800, seed=2)
    columns = ("plan", "active", "spend")
    frames = [to_model_frame(rows.features, columns) for rows in (taught, shown)]

    name, reached = _alone(frames[0], taught.churned, frames[1], shown.churned)

    assert name == "spend"
    assert 0.65 < reached < 0.9


PAIRS: dict[str, Callable[[NDArray[np.bool_], NDArray[np.bool_], np.random.Generator], tuple[Any, Any]]] = {
    "flags": lambda one, two, _: (one.astype(float), two.astype(float)),
    "numbers": lambda one, two, rng: (rng.random(len(one)) + one, rng.random(len(one)) + two),
    "lopsided numbers": lambda one, two, rng: (
        np.where(one, rng.uniform(0, 0.1, len(one)), rng.uniform(5, 6, len(one))),
        rng.random(len(one)) + two,
    ),
    "codes": lambda one, two, rng: (
        rng.integers(0, 10, len(one)) * 2.0 + one,
        rng.integers(0, 10, len(one)) * 2.0 + two,
    ),
    "gaps": lambda one, two, rng: (
        np.where(one, np.nan, rng.random(len(one))),
        np.where(two, np.nan, rng.random(len(one))),
    ),
    "categories": lambda one, two, _: (
        pd.Categorical(np.where(one, "a", "b")),
        pd.Categorical(pd.Series(["x"] * len(two)).mask(two)),
    ),
    "a category and a number": lambda one, two, rng: (
        pd.Categorical(np.where(one, "a", "b")),
        rng.random(len(one)) + two,
    ),
}
"""Two columns made of two flags, that differ where a customer left, and of which each tells nothing."""


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", PAIRS)
def test_two_columns_that_know_it_together_are_found(kind: str, seed: int) -> None:
    """Columns that are useless alone, and on which the model leans, are found as a pair among many that are not."""
    rng = np.random.default_rng(seed)
    frames, outcomes = [], []
    for rows in (4000, 2000):
        churned = rng.random(rows) < 0.1
        noise = {f"noise {number}": rng.normal(size=rows) for number in range(12)}
        side = rng.random(rows) < 0.5
        one, two = PAIRS[kind](side, side ^ churned, rng)
        frames.append(pd.DataFrame(noise | {"one": one, "two": two}))
        outcomes.append(churned)
    leaned_on = {"two": 0.4, "noise 7": 0.01, "one": 0.01, "noise 3": 0.0, "noise 2": 0.0, "noise 1": -0.01}

    found = strongest_features(frames[0], outcomes[0], frames[1], outcomes[1], leaned_on)

    assert set(found.pair) == {"one", "two"}
    assert found.pair_roc_auc > 0.98
    assert found.roc_auc < 0.65


@pytest.mark.parametrize("seed", range(3))
def test_noise_knows_nothing_together(seed: int) -> None:
    """Pairs of columns that know nothing reach little more than chance, few rows, gaps and many categories included."""
    taught, taught_churned, shown, churned, _ = _days(seed)

    found = strongest_features(taught, taught_churned, shown, churned, {"many": 0.01, "noise": 0.0})

    assert len(set(found.pair)) == 2
    assert 0.45 < found.pair_roc_auc < 0.65


def test_one_feature_makes_no_pair() -> None:
    """A model of a single feature has no pair to judge."""
    taught, taught_churned, shown, churned, _ = _days(seed=4)

    found = strongest_features(taught[["noise"]], taught_churned, shown[["noise"]], churned, {"noise": 0.1})

    assert (found.feature, found.pair, found.pair_roc_auc) == ("noise", (), 0.5)


def test_five_rows_can_be_judged() -> None:
    """However few there are, nothing fails."""
    frame = pd.DataFrame({"one": [1.0, 2.0, np.nan, 4.0, 5.0], "two": pd.Categorical(["a", "b", None, "c", "d"])})
    churned = np.array([True, False, True, False, False])

    found = strongest_features(frame, churned, frame, churned, {})

    assert found.pair == ("one", "two")
    assert 0 <= found.pair_roc_auc <= 1


def test_many_rows_are_thinned_and_a_rare_leak_is_still_found() -> None:
    """Of a long history as many rows of each kind are taken, so that two codes of few churners are not lost in it."""
    rng = np.random.default_rng(5)
    frames, outcomes = [], []
    for rows in (60_000, 40_000):
        churned = rng.random(rows) < 0.005
        frames.append(pd.DataFrame({"code": LEAKS["codes"](churned, rng), "noise": rng.random(rows)}))
        outcomes.append(churned)

    found = [strongest_features(frames[0], outcomes[0], frames[1], outcomes[1], {}) for _ in range(2)]

    assert found[0] == found[1]
    assert (found[0].feature, found[0].roc_auc) == ("code", 1.0)
