"""Imbalanced classes: learn on balanced ones, answer with probabilities of the real ones."""

from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone

__all__ = ["BalancedClassifier"]


class BalancedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Fit `estimator` as if both classes were equally frequent, and correct its probabilities back.

    `weights` weighs each class inversely to its frequency, `undersample` drops rows of the more
    frequent class at random. Both multiply the odds that the estimator learns by a known factor,
    which `predict_proba` divides out (Elkan 2001, "The foundations of cost-sensitive learning").
    """

    def __init__(
        self,
        estimator: Any,
        method: Literal["weights", "undersample"],
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.random_state = random_state

    def fit(self, X: pd.DataFrame | NDArray[Any], y: NDArray[np.bool_]) -> Self:  # noqa: N803  # scikit-learn's name
        """Fit on balanced classes and remember by how much the odds were multiplied."""
        y = np.asarray(y)
        self.classes_ = np.array([False, True])
        churners = int(y.sum())
        others = len(y) - churners
        self.odds_factor_ = others / churners
        if self.method == "weights":
            weights = np.where(y, len(y) / (2 * churners), len(y) / (2 * others))
            self.estimator_ = clone(self.estimator).fit(X, y, sample_weight=weights)
            return self
        rows = np.sort(
            np.concatenate([self._sample(np.flatnonzero(y == kind), min(churners, others)) for kind in self.classes_])
        )
        kept = X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]
        self.estimator_ = clone(self.estimator).fit(kept, y[rows])
        return self

    def predict_proba(self, X: pd.DataFrame | NDArray[Any]) -> NDArray[np.float64]:  # noqa: N803  # scikit-learn's name
        """Probabilities, (n, 2), at the class frequencies of the data that was given to `fit`."""
        churn = self.at_real_frequency(self.estimator_.predict_proba(X)[:, 1])
        return np.column_stack([1 - churn, churn])

    def at_real_frequency(self, balanced: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of churn, (n), from those that the balanced estimator gives, (n)."""
        doubles = np.asarray(balanced, dtype=np.float64)  # XGBoost gives single precision
        churn: NDArray[np.float64] = doubles / (doubles + self.odds_factor_ * (1 - doubles))
        return churn

    def predict(self, X: pd.DataFrame | NDArray[Any]) -> NDArray[np.bool_]:  # noqa: N803  # scikit-learn's name
        """Whether churn is the likelier class."""
        return self.predict_proba(X)[:, 1] > 0.5  # noqa: PLR2004  # the likelier of two classes

    def _sample(self, rows: NDArray[np.intp], size: int) -> NDArray[np.intp]:
        return np.random.default_rng(self.random_state).choice(rows, size=size, replace=False)
