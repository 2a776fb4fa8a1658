"""How far one distribution lies from another, by histograms: aggregates that name no customer."""

from collections.abc import Sequence
from math import log, sqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaincinv

from churn_assets.core.evaluation.results import Histogram

__all__ = [
    "chance_kolmogorov_smirnov",
    "chance_psi",
    "feature_histograms",
    "histogram_of_categories",
    "histogram_of_numbers",
    "kolmogorov_smirnov",
    "population_stability_index",
    "words_of",
]

BINS = 10
LISTED_CATEGORIES = 50
MOST_WORDS = 10_000
CHANCE = 0.9999


def histogram_of_numbers(values: NDArray[np.float64], edges: tuple[float, ...] | None = None) -> Histogram:
    """Counts of `values` (n) between `edges`, between their own deciles where None."""
    if edges is not None:
        return _count_numbers(values, edges)
    there = values[np.isfinite(values)]
    quantiles = np.quantile(there, np.linspace(0, 1, BINS + 1)[1:-1]) if len(there) else np.empty(0)
    distinct, times = np.unique(quantiles, return_counts=True)
    single = np.nextafter(distinct[times > 1], np.inf)  # a value that many share is a bin of its own
    return _count_numbers(values, tuple(float(edge) for edge in np.union1d(distinct, single)))


def histogram_of_categories(values: "pd.Series[Any]") -> Histogram:
    """Counts of the most frequent categories, and of all others."""
    frequent = values.value_counts().head(LISTED_CATEGORIES)
    return _count_categories(values, tuple(sorted(str(name) for name, rows in frequent.items() if rows)))


def feature_histograms(frame: pd.DataFrame) -> dict[str, Histogram]:
    """A histogram of each column of a model frame."""
    return {
        str(name): histogram_of_categories(values)
        if isinstance(values.dtype, pd.CategoricalDtype)
        else histogram_of_numbers(values.to_numpy(dtype="float64", na_value=np.nan))
        for name, values in frame.items()
    }


def words_of(frame: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The words of each category of a model frame; none of one with more than 10,000."""
    words = {
        str(name): values.dropna().astype("str").unique() for name, values in frame.select_dtypes("category").items()
    }
    return {name: tuple(sorted(each)) for name, each in words.items() if len(each) <= MOST_WORDS}


def population_stability_index(before: Histogram, now: Histogram) -> float:
    """The population stability index of two histograms with the same bins: 0 for equal shares.

    A bin that only one of them fills counts as half a row in the other, whose logarithm is finite.
    """
    then, later = _counts(before, now)
    if not (then.sum() and later.sum()):
        return 0.0
    shares_then, shares_now = (np.maximum(counts, 0.5) / counts.sum() for counts in (then, later))
    return float(np.sum((shares_now - shares_then) * np.log(shares_now / shares_then)))


def chance_psi(before: Histogram, now: Histogram) -> float:
    """What the index stays below in nearly all cases where nothing has changed.

    The index of two samples of one population is about (1/n + 1/m) times a chi-square variable
    (Yurdakul 2018, "Statistical properties of population stability index").
    """
    then, _ = _counts(before, now)
    if not (before.rows and now.rows) or len(then) < 2:  # noqa: PLR2004  # one bin cannot differ
        return 0.0
    quantile = 2 * float(gammaincinv((len(then) - 1) / 2, CHANCE))  # of the chi-square distribution
    return quantile * (1 / before.rows + 1 / now.rows)


def kolmogorov_smirnov(before: Histogram, now: Histogram) -> float:
    """The largest difference of two cumulative shares at the edges of the same bins of numbers, 0 to 1.

    At most what the values themselves would give; missing ones are left out.
    """
    _refuse_other_bins(before, now)
    then, later = (np.cumsum(np.asarray(each.counts, dtype=np.int64)) for each in (before, now))
    if not (then[-1] and later[-1]):
        return 0.0
    return float(np.abs(then / then[-1] - later / later[-1]).max())


def chance_kolmogorov_smirnov(before: Histogram, now: Histogram) -> float:
    """What that distance stays below in nearly all cases where nothing has changed, by its limiting distribution."""
    then, later = sum(before.counts), sum(now.counts)
    if not (then and later):
        return 0.0
    return sqrt(-log((1 - CHANCE) / 2) / 2 * (1 / then + 1 / later))


def _refuse_other_bins(before: Histogram, now: Histogram) -> None:
    if (before.edges, before.categories) != (now.edges, now.categories):
        message = "histograms with different bins cannot be compared"
        raise ValueError(message)


def _counts(before: Histogram, now: Histogram) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The bins, that of missing values among them, in which either has rows."""
    _refuse_other_bins(before, now)
    then, later = (np.asarray([*each.counts, each.missing], dtype=np.int64) for each in (before, now))
    used = (then > 0) | (later > 0)
    return then[used], later[used]


def _count_numbers(values: NDArray[np.float64], edges: Sequence[float]) -> Histogram:
    there = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(np.asarray(edges), there, side="right"), minlength=len(edges) + 1)
    return Histogram(edges=tuple(edges), counts=tuple(counts.tolist()), missing=len(values) - len(there))


def _count_categories(values: "pd.Series[Any]", categories: tuple[str, ...]) -> Histogram:
    there = values.dropna().astype("str")
    counted = there.value_counts()
    counts = [int(counted.get(name, 0)) for name in categories]
    return Histogram(
        categories=categories, counts=(*counts, len(there) - sum(counts)), missing=len(values) - len(there)
    )
