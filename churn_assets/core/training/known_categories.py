"""What a library of boosted trees is given natively: the columns that teach something, with the words it learnt."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

__all__ = ["KnownCategories"]

NO_WORD = "(missing)"  # CatBoost takes texts, and no gaps among them


class KnownCategories(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The `columns` of a frame, categories coded as in training; a word that was not met there is missing.

    Libraries differ in what they make of other categories, or of the same ones in another order: they never see any.
    """

    def __init__(self, columns: Sequence[str], *, as_text: bool = False) -> None:
        self.columns = columns
        self.as_text = as_text

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:  # noqa: N803  # scikit-learn's name
        """Remember the words of each category."""
        del y
        self.feature_names_in_ = np.array(list(X.columns), dtype=object)
        self.n_features_in_ = len(X.columns)
        self.categories_ = {
            name: sorted(X[name].cat.remove_unused_categories().cat.categories)
            for name in self.columns
            if isinstance(X[name].dtype, pd.CategoricalDtype)
        }
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803  # scikit-learn's name
        """The columns, (n, columns)."""
        return pd.DataFrame({name: self._known(X[name]) for name in self.columns}, columns=list(self.columns))

    def _known(self, values: "pd.Series[Any]") -> "pd.Series[Any]":
        words = self.categories_.get(str(values.name))
        if words is None:
            return values
        known = values.cat.set_categories(words)
        return known.astype(object).fillna(NO_WORD) if self.as_text else known
