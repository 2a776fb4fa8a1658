"""Knowledge of the outcome in the features: what each tells by itself, and what two of them tell together.

All is learnt from the training rows and measured on the hold-out, so that chance reaches about 0.5.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, islice
from math import isqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from churn_assets.core.evaluation.sampling import rows_of_each_kind

__all__ = ["Strongest", "rank_alone", "strongest_features"]

ROWS_OF_EACH_KIND = 10_000
LEAST_LEAF = 5
LEAF_SHARE = 0.001
ROWS_A_CELL = 5
LEAST_CELLS = 9  # three values of each: none, low and high
WATCHED = 5
MISSING = 0


@dataclass(frozen=True)
class Strongest:
    """The `feature` that ranks churners best by itself, and the `pair` that does together, with what they reach.

    `pair` is empty, and reaches 0.5, where there are no two features.
    """

    feature: str
    roc_auc: float
    pair: tuple[str, ...] = ()
    pair_roc_auc: float = 0.5


@dataclass(frozen=True)
class _Column:
    """Values of training rows (n) and of the hold-out (m) as codes below `levels`; equal values share one.

    Code 0 is a missing value; the others ascend with the numbers. A number that training did not meet
    takes the code of the next one, a category the last code, which no training row has.
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    levels: int

    @classmethod
    def of(cls, train: "pd.Series[Any]", test: "pd.Series[Any]") -> "_Column":
        if isinstance(train.dtype, pd.CategoricalDtype):
            known = train.cat.remove_unused_categories().cat.categories
            codes = [1 + each.cat.set_categories(known).cat.codes.to_numpy().astype(np.intp) for each in (train, test)]
            unmet = (codes[1] == MISSING) & test.notna().to_numpy()
            return cls(codes[0], np.where(unmet, len(known) + 1, codes[1]), len(known) + 2)
        numbers = [_numbers(each) for each in (train, test)]
        values = np.unique(numbers[0][~np.isnan(numbers[0])])
        at = [1 + np.searchsorted(values, each).clip(max=max(len(values) - 1, 0)) for each in numbers]
        codes = [np.where(np.isnan(each), MISSING, code) for each, code in zip(numbers, at, strict=True)]
        return cls(codes[0], codes[1], len(values) + 2)

    def binned(self, most: int) -> "_Column":
        """The same in at most `most` levels: each value its own, else quantiles."""
        if self.levels <= most:
            return self
        edges = np.unique(np.quantile(self.train[self.train != MISSING], np.linspace(0, 1, most)[1:-1]))
        codes = [
            np.where(each == MISSING, MISSING, 1 + np.searchsorted(edges, each)) for each in (self.train, self.test)
        ]
        return _Column(codes[0], codes[1], len(edges) + 2)

    def with_other(self, other: "_Column") -> "_Column":
        """A code for each combination of values."""
        train, test = self.train * other.levels + other.train, self.test * other.levels + other.test
        return _Column(train, test, self.levels * other.levels)


def strongest_features(
    train: pd.DataFrame,
    train_churned: NDArray[np.bool_],
    test: pd.DataFrame,
    churned: NDArray[np.bool_],
    importance: Mapping[str, float],
) -> Strongest:
    """What ranks the churners of `test` best: one feature by itself, and two together.

    Alone, numbers rank in either direction, missing values first or last, and by what `train` teaches of
    them: the churn rate of each value, and of the ranges that a tree finds; the best of these counts.
    Categories rank by their churn rate. Together, two features rank by the churn rate of each combination
    of their values: no search step by step, which would pass by two that tell nothing alone. Pairs are made
    of the features that are strongest alone and of those with the largest `importance`. Numbers and pairs
    learn from 10,000 churners and 10,000 others, and are measured on as many.

    Args:
        train: the rows a model was judged by, as it is given them.
        train_churned: their outcomes, as many, of both kinds.
        test: the hold-out, with the same columns.
        churned: its outcomes, as many, of both kinds.
        importance: the features that the judged model leans on, largest first.
    """
    rows, shown = (rows_of_each_kind(each, ROWS_OF_EACH_KIND) for each in (train_churned, churned))
    thinned, thinned_test = train_churned[rows], churned[shown]
    columns = {str(name): _Column.of(train[name].iloc[rows], test[name].iloc[shown]) for name in test.columns}
    alone = rank_alone(train, train_churned, test, churned)
    feature = max(alone, key=lambda each: alone[each])
    together = {
        pair: _together(columns[pair[0]], columns[pair[1]], thinned, thinned_test)
        for pair in combinations(_watched(alone, importance), 2)
    }
    if not together:
        return Strongest(feature, alone[feature])
    pair = max(together, key=lambda each: together[each])
    return Strongest(feature, alone[feature], pair, together[pair])


def rank_alone(
    train: pd.DataFrame, train_churned: NDArray[np.bool_], test: pd.DataFrame, churned: NDArray[np.bool_]
) -> dict[str, float]:
    """How well each feature ranks the churners of `test` by itself; the arguments as in `strongest_features`."""
    rows, shown = (rows_of_each_kind(each, ROWS_OF_EACH_KIND) for each in (train_churned, churned))
    thinned, thinned_test = train_churned[rows], churned[shown]
    alone = {}
    for name in map(str, test.columns):
        if isinstance(train[name].dtype, pd.CategoricalDtype):
            alone[name] = _by_category(_Column.of(train[name], test[name]), train_churned, churned)
        else:
            column = _Column.of(train[name].iloc[rows], test[name].iloc[shown])
            learnt = max(_by_tree(column, thinned, thinned_test), _by_value(column, thinned, thinned_test))
            alone[name] = max(_by_size(test[name], churned), learnt)
    return alone


def _watched(alone: Mapping[str, float], importance: Mapping[str, float]) -> Iterable[str]:
    strongest = sorted(alone, key=lambda each: -alone[each])
    return dict.fromkeys([*islice(importance, WATCHED), *strongest[:WATCHED]])


def _by_size(values: "pd.Series[Any]", churned: NDArray[np.bool_]) -> float:
    """ROC-AUC of a number as it stands, in the better direction, missing values at the better end."""
    numbers = _numbers(values)
    missing = np.isnan(numbers)
    distinct, at = np.unique(numbers[~missing], return_inverse=True)
    codes = np.full(len(numbers), MISSING)
    codes[~missing] = 1 + at
    order = np.arange(len(distinct) + 1)
    reached = [_roc_auc(codes, churned, np.where(order == MISSING, end, order)) for end in (-1, len(order))]
    return max(max(area, 1 - area) for area in reached)


def _by_category(column: _Column, train_churned: NDArray[np.bool_], churned: NDArray[np.bool_]) -> float:
    """ROC-AUC of the churn rate of each category; one that training did not meet has everybody's."""
    rows = np.bincount(column.train, minlength=column.levels)
    churners = np.bincount(column.train, train_churned, column.levels)
    rates = np.where(rows > 0, churners / np.maximum(rows, 1), train_churned.mean())
    return _roc_auc(column.test, churned, rates)


def _by_tree(column: _Column, train_churned: NDArray[np.bool_], churned: NDArray[np.bool_]) -> float:
    """ROC-AUC of a tree of this feature alone."""
    leaf = max(LEAST_LEAF, int(LEAF_SHARE * len(column.train)))
    tree = DecisionTreeRegressor(min_samples_leaf=leaf, random_state=0)
    tree.fit(column.train[:, np.newaxis], train_churned.astype(float))
    return _roc_auc(tree.apply(column.test[:, np.newaxis]), churned, tree.tree_.value[:, 0, 0])


def _by_value(column: _Column, train_churned: NDArray[np.bool_], churned: NDArray[np.bool_]) -> float:
    """ROC-AUC of the churn rate of each value, or of as many quantiles as the rows can fill."""
    binned = column.binned(_cells(train_churned))
    rows = np.bincount(binned.train, minlength=binned.levels)
    churners = np.bincount(binned.train, train_churned, binned.levels)
    return _roc_auc(binned.test, churned, (churners + train_churned.mean()) / (rows + 1))


def _together(first: _Column, second: _Column, train_churned: NDArray[np.bool_], churned: NDArray[np.bool_]) -> float:
    """ROC-AUC of the churn rate of each combination of values; the feature with fewer values keeps them."""
    cells = _cells(train_churned)
    narrow, wide = sorted((first, second), key=lambda each: each.levels)
    narrow = narrow.binned(isqrt(cells))
    return _by_value(narrow.with_other(wide.binned(cells // narrow.levels)), train_churned, churned)


def _cells(train_churned: NDArray[np.bool_]) -> int:
    return max(LEAST_CELLS, len(train_churned) // ROWS_A_CELL)


def _roc_auc(at: NDArray[np.intp], churned: NDArray[np.bool_], scores: NDArray[Any]) -> float:
    """ROC-AUC where customers of group `at` (n) share `scores` (groups): a pass over the rows, and no sort of them."""
    distinct, place = np.unique(scores, return_inverse=True)
    churners, others = (np.bincount(place[at[kind]], minlength=len(distinct)) for kind in (churned, ~churned))
    below = np.cumsum(others) - others / 2
    return float(churners @ below / (churners.sum() * others.sum()))


def _numbers(values: "pd.Series[Any]") -> NDArray[np.float64]:
    return values.to_numpy(dtype="float64", na_value=np.nan)
