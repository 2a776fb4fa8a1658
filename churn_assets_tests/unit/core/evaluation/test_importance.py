"""Which features a model leans on."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from churn_assets.core.evaluation.importance import permutation_importances
from churn_assets.core.features import to_model_frame
from churn_assets.core.options import Estimator, Recipe
from churn_assets.core.training.fitting import fit
from churn_assets_tests.factories import labelled_rows

COLUMNS = ("plan", "active", "spend")


def _frame(rows: int, seed: int, churners: int) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """`strong` and `weak` tell churners apart, `noise` does not; so many of the rows churned."""
    rng = np.random.default_rng(seed)
    churned = rng.permutation(np.arange(rows) < churners)
    frame = pd.DataFrame(
        {
            "noise": rng.normal(size=rows),
            "weak": rng.normal(size=rows) + 0.5 * churned,
            "strong": rng.normal(size=rows) + 2 * churned,
        }
    )
    return frame, churned


class _Counting(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
    """A logistic regression that remembers the rows it was asked about."""

    def decision_function(self, X: pd.DataFrame) -> Any:  # noqa: N803  # scikit-learn's name
        self.asked_ = X.index.to_numpy()
        return super().decision_function(X)


@pytest.mark.parametrize("seed", range(3))
def test_features_are_told_by_what_they_are_worth(seed: int) -> None:
    """What a model leans on most comes first; what is noise costs nothing when it is shuffled."""
    frame, churned = _frame(1500, seed, churners=500)

    lost = permutation_importances(LogisticRegression().fit(frame, churned), frame, churned, seed=0)

    assert list(lost) == ["strong", "weak", "noise"]
    assert lost["strong"] > 0.2
    assert lost["strong"] > 3 * lost["weak"] > 0
    assert abs(lost["noise"]) < 0.01


def test_feature_that_is_not_looked_at_costs_nothing() -> None:
    """A constant feature has an importance of exactly 0, and is told all the same."""
    frame, churned = _frame(500, seed=1, churners=100)
    wider = frame.assign(constant=1.0)

    lost = permutation_importances(LogisticRegression().fit(wider, churned), wider, churned, seed=0)

    assert lost["constant"] == 0
    assert set(lost) == set(wider.columns)


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "logistic_regression"])
@pytest.mark.parametrize("calibration", ["none", "sigmoid"])
def test_categories_and_gaps_are_shuffled_too(estimator: Estimator, calibration: Any) -> None:
    """A pipeline with categories and missing values, calibrated or not, leans on what drives the churn."""
    rows = labelled_rows(900, seed=1)
    parameters = {"max_iter": 20} if estimator == "hist_gradient_boosting" else {}
    pipeline = fit(rows, Recipe(estimator=estimator, parameters=parameters, calibration=calibration), COLUMNS)

    lost = permutation_importances(pipeline, to_model_frame(rows.features, COLUMNS), rows.churned, seed=0)

    assert next(iter(lost)) == "spend"
    assert set(lost) == set(COLUMNS)
    assert lost["spend"] > 0.1


def test_losses_descend() -> None:
    """Features stand in the order of their loss, however small."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(400, 12)), columns=[f"f{number}" for number in range(12)])
    churned = rng.random(400) < 0.3

    lost = permutation_importances(LogisticRegression().fit(frame, churned), frame, churned, seed=0)

    assert list(lost.values()) == sorted(lost.values(), reverse=True)
    assert len(lost) == 12


def test_seed_decides_the_shuffles() -> None:
    """The same seed gives the same losses to the last digit; another shuffles otherwise."""
    frame, churned = _frame(500, seed=3, churners=100)
    model = LogisticRegression().fit(frame, churned)

    once, again, other = (permutation_importances(model, frame, churned, seed) for seed in (7, 7, 8))

    assert once == again
    assert once != other


@pytest.mark.parametrize(("rows", "churners", "asked"), [(5000, 2500, 2000), (5000, 300, 1300), (300, 50, 300)])
def test_at_most_a_thousand_of_each_kind_are_asked(rows: int, churners: int, asked: int) -> None:
    """A thousand churners and a thousand others at most, each once and spread over all, are enough."""
    frame, churned = _frame(rows, seed=4, churners=churners)
    model = _Counting().fit(frame, churned)

    permutation_importances(model, frame, churned, seed=0)

    assert len(set(model.asked_)) == len(model.asked_) == asked
    assert churned[model.asked_].sum() == min(churners, 1000)
    by_fifth = np.bincount(model.asked_ // (rows // 5), minlength=5)
    assert by_fifth.min() > 0.7 * asked / 5


def test_fewer_rows_tell_the_same() -> None:
    """Measured on a part of each kind, a loss is what it is on all rows, whatever their base rate."""
    frame, churned = _frame(20_000, seed=5, churners=600)
    model = LogisticRegression().fit(frame, churned)
    some = np.sort(np.concatenate([np.flatnonzero(churned), np.flatnonzero(~churned)[:900]]))

    every = permutation_importances(model, frame, churned, seed=0)
    few = permutation_importances(model, frame.iloc[some], churned[some], seed=0)

    for name in frame.columns:
        assert every[name] == pytest.approx(few[name], abs=0.05)


def test_two_rows_are_enough_to_ask() -> None:
    """One churner and one other have losses, and no crash."""
    frame, churned = _frame(40, seed=6, churners=10)
    model = LogisticRegression().fit(frame, churned)
    pair = [int(np.flatnonzero(churned)[0]), int(np.flatnonzero(~churned)[0])]

    lost = permutation_importances(model, frame.iloc[pair], churned[pair], seed=0)

    assert set(lost) == set(frame.columns)
    assert all(-1 <= loss <= 1 for loss in lost.values())
