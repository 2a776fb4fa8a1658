"""Imbalanced classes: learnt balanced, answered at their real frequency."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from churn_assets.core.balance import BalancedClassifier

Method = Literal["weights", "undersample"]
METHODS: list[Method] = ["weights", "undersample"]


@dataclass(frozen=True)
class _Problem:
    """Rows whose probability of churn is known: a logistic function of two numbers."""

    numbers: NDArray[np.float64]
    truth: NDArray[np.float64]
    churned: NDArray[np.bool_]


def _problem(rows: int, seed: int, intercept: float = -3.2) -> _Problem:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, 2))
    truth = 1 / (1 + np.exp(-(intercept + numbers[:, 0] - 0.5 * numbers[:, 1])))
    return _Problem(numbers, truth, rng.random(rows) < truth)


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_are_those_of_the_real_frequencies(method: Method) -> None:
    """With 6 % churners, the mean is the base rate and each probability the true one; uncorrected, neither is."""
    learnt, judged = _problem(30_000, seed=1), _problem(30_000, seed=2)
    assert 0.05 < learnt.churned.mean() < 0.07

    model = BalancedClassifier(LogisticRegression(), method).fit(learnt.numbers, learnt.churned)

    corrected = model.predict_proba(judged.numbers)[:, 1]
    assert abs(corrected.mean() - judged.churned.mean()) < 0.006
    assert np.abs(corrected - judged.truth).mean() < 0.01
    uncorrected = model.estimator_.predict_proba(judged.numbers)[:, 1]
    assert uncorrected.mean() > 0.3


@pytest.mark.parametrize("method", METHODS)
def test_correction_also_where_churn_is_common(method: Method) -> None:
    """Where most customers churn, probabilities are corrected upwards."""
    learnt, judged = _problem(20_000, seed=3, intercept=2.5), _problem(20_000, seed=4, intercept=2.5)

    model = BalancedClassifier(LogisticRegression(), method).fit(learnt.numbers, learnt.churned)

    corrected = model.predict_proba(judged.numbers)[:, 1]
    assert abs(corrected.mean() - judged.churned.mean()) < 0.01
    assert model.estimator_.predict_proba(judged.numbers)[:, 1].mean() < 0.7


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_are_probabilities(method: Method) -> None:
    """Both columns lie in [0, 1] and add up to one, also where the estimator is certain."""
    problem = _problem(2000, seed=5)

    model = BalancedClassifier(DecisionTreeClassifier(random_state=0), method).fit(problem.numbers, problem.churned)

    probabilities = model.predict_proba(problem.numbers)
    assert set(np.unique(model.estimator_.predict_proba(problem.numbers))) == {0.0, 1.0}
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("method", METHODS)
def test_correction_keeps_the_ranking(method: Method) -> None:
    """Dividing out a factor of the odds changes no order."""
    problem = _problem(3000, seed=6)

    model = BalancedClassifier(LogisticRegression(), method).fit(problem.numbers, problem.churned)

    corrected = model.predict_proba(problem.numbers)[:, 1]
    uncorrected = model.estimator_.predict_proba(problem.numbers)[:, 1]
    assert np.argsort(corrected, kind="stable").tolist() == np.argsort(uncorrected, kind="stable").tolist()


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_gives_the_same_model(method: Method) -> None:
    """Fitted twice on the same rows, it gives the same probabilities."""
    problem = _problem(3000, seed=7)
    model = BalancedClassifier(LogisticRegression(), method, random_state=3)

    once, again = (clone(model).fit(problem.numbers, problem.churned) for _ in range(2))

    np.testing.assert_array_equal(once.predict_proba(problem.numbers), again.predict_proba(problem.numbers))


def test_other_seed_draws_other_rows() -> None:
    """Undersampling follows its seed."""
    problem = _problem(3000, seed=8)
    models = [BalancedClassifier(LogisticRegression(), "undersample", random_state=seed) for seed in (1, 2)]

    one, other = (model.fit(problem.numbers, problem.churned).predict_proba(problem.numbers) for model in models)

    assert not np.array_equal(one, other)


class _Remembering(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
    """A logistic regression that keeps the classes it was fitted on."""

    def fit(self, X: Any, y: NDArray[np.bool_], sample_weight: Any = None) -> "_Remembering":  # noqa: N803
        self.seen_ = np.asarray(y)
        super().fit(X, y, sample_weight)
        return self


@pytest.mark.parametrize("intercept", [-3.2, 2.5])
def test_undersampling_keeps_every_row_of_the_rarer_class(intercept: float) -> None:
    """The rarer class is kept whole, and as many of the other."""
    problem = _problem(3000, seed=9, intercept=intercept)
    rarer = min(problem.churned.sum(), (~problem.churned).sum())

    model = BalancedClassifier(_Remembering(), "undersample").fit(problem.numbers, problem.churned)

    assert model.estimator_.seen_.sum() == rarer
    assert len(model.estimator_.seen_) == 2 * rarer


@pytest.mark.parametrize("method", METHODS)
def test_frames_are_taken_as_arrays_are(method: Method) -> None:
    """A frame, whatever its index, gives what its numbers give."""
    problem = _problem(2000, seed=10)
    frame = pd.DataFrame(problem.numbers, columns=["a", "b"], index=np.arange(2000)[::-1])

    from_frame = BalancedClassifier(LogisticRegression(), method).fit(frame, problem.churned)
    from_array = BalancedClassifier(LogisticRegression(), method).fit(problem.numbers, problem.churned)

    given, expected = from_frame.predict_proba(frame), from_array.predict_proba(problem.numbers)
    np.testing.assert_allclose(
        given, expected, rtol=1e-12
    )  # a frame lies otherwise in memory: the last digit may differ


def test_predict_is_the_likelier_class() -> None:
    """`predict` goes by the corrected probability: of few churners, few are predicted."""
    problem = _problem(5000, seed=11)

    model = BalancedClassifier(LogisticRegression(), "weights").fit(problem.numbers, problem.churned)

    predicted = model.predict(problem.numbers)
    assert predicted.tolist() == (model.predict_proba(problem.numbers)[:, 1] > 0.5).tolist()
    assert predicted.mean() < problem.churned.mean()
