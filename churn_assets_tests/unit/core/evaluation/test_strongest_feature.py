"""Knowledge of the outcome found in a feature, and probabilities held beside others."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.evaluation.bootstrap import difference_of_roc_auc
from churn_assets.core.evaluation.metrics import compare, strongest_feature
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


def _leaking(kind: str, churned: NDArray[np.bool_], rng: np.random.Generator) -> Any:
    """A column that knows the outcome, in one way or another."""
    rows = len(churned)
    column: Any
    match kind:
        case "high":
            column = rng.normal(size=rows) + 6 * churned
        case "low":
            column = rng.normal(size=rows) - 6 * churned
        case "missing for churners":
            column = np.where(churned, np.nan, rng.normal(size=rows))
        case "missing for others":
            column = np.where(churned, rng.normal(size=rows), np.nan)
        case "high or missing":
            column = np.where(churned & (rng.random(rows) < 0.5), np.nan, rng.normal(size=rows) + 6 * churned)
        case "low or missing":
            column = np.where(churned & (rng.random(rows) < 0.5), np.nan, rng.normal(size=rows) - 6 * churned)
        case "infinite for churners":
            column = np.where(churned, np.inf, rng.normal(size=rows))
        case "category":
            column = pd.Categorical(np.where(churned, rng.choice(["gone", "closed"], rows), "b"))
        case "missing category for churners":
            column = pd.Categorical([None if left else str(rng.choice(["x", "y"])) for left in churned])
        case _:
            column = pd.Categorical([str(rng.choice(["x", "y"])) if left else None for left in churned])
    return column


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "kind",
    [
        "high",
        "low",
        "missing for churners",
        "missing for others",
        "high or missing",
        "low or missing",
        "infinite for churners",
        "category",
        "missing category for churners",
        "missing category for others",
    ],
)
def test_leak_is_found(kind: str, seed: int) -> None:
    """A feature that knows who left is found by its name, in either direction and in whatever it hides."""
    taught, taught_churned, shown, churned, rng = _days(seed)
    taught = taught.assign(leak=_leaking(kind, taught_churned, rng))
    shown = shown.assign(leak=_leaking(kind, churned, rng))

    name, reached = strongest_feature(taught, taught_churned, shown, churned)

    assert name == "leak"
    assert reached > 0.97


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_no_leak(seed: int) -> None:
    """Where nothing is known, the strongest feature reaches little more than chance, many categories included."""
    taught, taught_churned, shown, churned, _ = _days(seed)

    name, reached = strongest_feature(taught, taught_churned, shown, churned)

    assert name in KINDS
    assert 0.5 <= reached < 0.62


def test_strongest_of_several_is_told() -> None:
    """Of an honest feature and one that knows more, the one that knows more is told, with what it reaches."""
    taught, taught_churned, shown, churned, rng = _days(seed=10)
    taught = taught.assign(honest=rng.normal(size=ROWS) + taught_churned, better=rng.normal(size=ROWS))
    honest, better = rng.normal(size=ROWS) + churned, rng.normal(size=ROWS) - 2 * churned

    name, reached = strongest_feature(taught, taught_churned, shown.assign(honest=honest, better=better), churned)

    assert name == "better"
    assert reached == pytest.approx(1 - roc_auc_score(churned, better))


def test_categories_are_known_by_what_they_were() -> None:
    """Categories rank by their churn rate before: one that told little then is no leak now, nor is one not met."""
    taught, taught_churned, shown, churned, rng = _days(seed=11)
    taught = taught[["noise"]].assign(plan=pd.Categorical(rng.choice(["a", "b"], ROWS)))
    new = pd.Categorical(np.where(churned, "never met", rng.choice(["a", "b"], ROWS)))

    _, reached = strongest_feature(taught, taught_churned, shown[["noise"]].assign(plan=new), churned)

    assert reached < 0.9


def test_category_ranks_by_its_rate() -> None:
    """A category alone reaches what its churn rates as scores reach."""
    taught = pd.DataFrame({"plan": pd.Categorical(["a", "a", "b", "b", "c", "c", None, None])})
    taught_churned = np.array([True, True, True, False, False, False, True, False])
    shown = pd.DataFrame({"plan": pd.Categorical(["a", "b", "c", None, "d", "c"])})
    churned = np.array([True, False, False, True, False, True])

    name, reached = strongest_feature(taught, taught_churned, shown, churned)

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

    assert strongest_feature(frame, churned, frame, churned) == ("same", 0.5)


def test_model_frames_are_looked_at_as_they_are() -> None:
    """In the frames that a model is given, with booleans and gaps, the feature that drives churn is the strongest."""
    taught, shown = labelled_rows(800, seed=1), labelled_rows(800, seed=2)
    columns = ("plan", "active", "spend")
    frames = [to_model_frame(rows.features, columns) for rows in (taught, shown)]

    name, reached = strongest_feature(frames[0], taught.churned, frames[1], shown.churned)

    assert name == "spend"
    assert 0.65 < reached < 0.9


def test_comparison_tells_both_on_the_same_customers() -> None:
    """Beside others' probabilities stand theirs, the difference, and how sure it is."""
    rng = np.random.default_rng(12)
    churned = rng.random(800) < 0.2
    ours, theirs = rng.normal(size=800) + 1.5 * churned, rng.normal(size=800) + 0.5 * churned
    ours, theirs = (1 / (1 + np.exp(-each)) for each in (ours, theirs))

    comparison = compare("champion", "20260101-00000000", churned, ours, theirs)

    assert (comparison.kind, comparison.version, comparison.rows) == ("champion", "20260101-00000000", 800)
    assert comparison.roc_auc == pytest.approx(roc_auc_score(churned, theirs))
    assert comparison.roc_auc + comparison.difference == pytest.approx(roc_auc_score(churned, ours))
    assert 0 < comparison.interval.low < comparison.difference < comparison.interval.high
    assert (comparison.difference, comparison.interval) == difference_of_roc_auc(churned, ours, theirs)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("published", "the scores published on that day (v7)"),
        ("champion", "the recipe of champion v7"),
        ("rules", "the profile's rules"),
    ],
)
def test_comparison_says_with_whom(kind: Any, words: str) -> None:
    """Each kind of comparison has its words."""
    churned = np.arange(40) % 4 == 0

    comparison = compare(kind, "v7", churned, np.linspace(0, 1, 40), np.full(40, 0.25))

    assert comparison.words == words
    assert comparison.roc_auc == 0.5


@pytest.mark.parametrize("left", [True, False])
def test_outcomes_of_one_kind_cannot_be_compared(left: bool) -> None:  # noqa: FBT001
    """Where everybody left, or nobody did, there is nothing to compare on."""
    with pytest.raises(TrainingImpossible, match="nothing to tell apart"):
        compare("rules", "r", np.full(30, left), np.linspace(0, 1, 30), np.linspace(1, 0, 30))
