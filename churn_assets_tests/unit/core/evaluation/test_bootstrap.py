"""How sure a figure is: intervals by resampling the customers."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from churn_assets.core.evaluation.bootstrap import _Ranked, difference_of_roc_auc, intervals
from churn_assets.core.evaluation.metrics import measure

FIGURES = ("roc_auc", "average_precision", "brier")


def _scored(rows: int, seed: int, noise: float = 1.0) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """About a fifth churn, and the scores know something of it; less with more `noise`."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=rows)
    churned = rng.random(rows) < 1 / (1 + np.exp(1.8 - 1.5 * risk))
    return churned, 1 / (1 + np.exp(1.8 - risk - noise * rng.normal(size=rows)))


@settings(deadline=None, max_examples=150)
@given(rows=st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=40))
def test_weighted_figures_are_those_of_scikit_learn(rows: list[tuple[bool, int, int]]) -> None:
    """With ties and with weights, also of 0, each figure is what scikit-learn gives."""
    churned = np.array([left for left, _, _ in rows])
    probability = np.array([score / 6 for _, score, _ in rows])
    weights = np.array([weight for _, _, weight in rows], dtype=float)
    assume(weights[churned].sum() > 0)
    assume(weights[~churned].sum() > 0)

    ranked = _Ranked.of(churned, probability)

    assert ranked.roc_auc(weights) == pytest.approx(roc_auc_score(churned, probability, sample_weight=weights))
    assert ranked.average_precision(weights) == pytest.approx(
        average_precision_score(churned, probability, sample_weight=weights)
    )
    assert ranked.brier(weights) == pytest.approx(brier_score_loss(churned, probability, sample_weight=weights))


@pytest.mark.parametrize("decimals", [1, 2, 15])
def test_figures_of_many_rows_are_those_of_scikit_learn(decimals: int) -> None:
    """Also with thousands of rows and real weights, whether most scores are tied or none."""
    churned, probability = _scored(4000, seed=1)
    rounded = probability.round(decimals)
    weights = np.random.default_rng(2).exponential(size=4000)

    ranked = _Ranked.of(churned, rounded)

    assert ranked.roc_auc(weights) == pytest.approx(roc_auc_score(churned, rounded, sample_weight=weights))
    assert ranked.average_precision(weights) == pytest.approx(
        average_precision_score(churned, rounded, sample_weight=weights)
    )
    assert ranked.brier(weights) == pytest.approx(brier_score_loss(churned, rounded, sample_weight=weights))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rows", [120, 1500])
def test_interval_holds_the_figure(rows: int, seed: int) -> None:
    """The figure of all customers lies within its interval, which has a width and bounds that can be."""
    churned, probability = _scored(rows, seed)
    metrics = measure(churned, probability)

    measured = intervals(churned, probability)

    assert tuple(measured) == FIGURES
    for name in FIGURES:
        assert 0 <= measured[name].low < getattr(metrics, name) < measured[name].high <= 1


def test_interval_is_that_of_the_population() -> None:
    """Of forty samples, about 38 have an interval that holds the population's ROC-AUC."""
    truth = float(roc_auc_score(*_scored(200_000, seed=1000)))

    measured = [intervals(*_scored(200, seed))["roc_auc"] for seed in range(40)]

    assert 34 <= sum(each.low <= truth <= each.high for each in measured) <= 39


def test_intervals_narrow_with_rows() -> None:
    """With sixteen times the customers an interval is about a quarter as wide."""
    few, more = (intervals(*_scored(rows, seed=3)) for rows in (500, 8000))

    for name in FIGURES:
        narrowed = (more[name].high - more[name].low) / (few[name].high - few[name].low)
        assert 0.15 < narrowed < 0.4


def test_same_customers_give_the_same_interval() -> None:
    """No clock and no global seed stands in an interval."""
    churned, probability = _scored(300, seed=4)
    once = intervals(churned, probability), difference_of_roc_auc(churned, probability, probability**2 % 0.1)

    np.random.default_rng().random(100)

    assert (intervals(churned, probability), difference_of_roc_auc(churned, probability, probability**2 % 0.1)) == once


def test_only_the_ranking_counts_for_the_area() -> None:
    """Scores bent without a change of order have the same interval of ROC-AUC, and another of Brier."""
    churned, probability = _scored(300, seed=5)

    plain, bent = intervals(churned, probability), intervals(churned, probability**2)

    assert plain["roc_auc"] == bent["roc_auc"]
    assert plain["average_precision"] == bent["average_precision"]
    assert plain["brier"] != bent["brier"]


def test_perfect_ranking_has_no_doubt() -> None:
    """Where every churner ranks above all others, no resampling says anything else."""
    churned = np.arange(60) < 20

    measured = intervals(churned, np.linspace(1, 0, 60))

    assert (measured["roc_auc"].low, measured["roc_auc"].high) == (1, 1)
    assert (measured["average_precision"].low, measured["average_precision"].high) == (1, 1)


@pytest.mark.parametrize("seed", range(3))
def test_equal_scores_do_not_differ(seed: int) -> None:
    """A model beside itself differs by nothing, surely; also beside the same ranking by other numbers."""
    churned, probability = _scored(400, seed)

    for other in (probability, probability**3):
        difference, interval = difference_of_roc_auc(churned, probability, other)
        assert (difference, interval.low, interval.high) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_much_worse_scores_are_surely_worse(seed: int) -> None:
    """Scores at random beside good ones lie below 0 with their whole interval; turned around, above."""
    churned, good = _scored(600, seed)
    random = np.random.default_rng(seed + 100).random(600)

    difference, interval = difference_of_roc_auc(churned, random, good)
    turned, turned_interval = difference_of_roc_auc(churned, good, random)

    assert interval.low < difference < interval.high < 0
    assert turned == -difference
    assert (turned_interval.low, turned_interval.high) == pytest.approx((-interval.high, -interval.low))


def test_difference_is_that_of_the_two_areas() -> None:
    """The difference is the ROC-AUC of the first less that of the second."""
    churned, first = _scored(500, seed=6)
    second = np.random.default_rng(7).random(500).round(1)

    difference, _ = difference_of_roc_auc(churned, first, second)

    assert difference == pytest.approx(roc_auc_score(churned, first) - roc_auc_score(churned, second))


def test_what_is_hard_for_both_cancels_out() -> None:
    """Two nearly equal scores differ far more surely than either is known."""
    churned, probability = _scored(400, seed=8)
    near = probability + np.random.default_rng(9).normal(scale=0.01, size=400)

    _, interval = difference_of_roc_auc(churned, probability, near)

    alone = intervals(churned, probability)["roc_auc"]
    assert interval.high - interval.low < (alone.high - alone.low) / 3


@pytest.mark.parametrize("rows", [2, 3, 4, 6, 10, 30])
def test_a_few_rows_with_one_churner_have_intervals(rows: int) -> None:
    """One churner among a few customers gives wide intervals and no crash."""
    churned = np.arange(rows) == rows // 2
    probability = np.linspace(0.1, 0.9, rows)

    measured = intervals(churned, probability)
    difference, interval = difference_of_roc_auc(churned, probability, probability[::-1])

    for name in FIGURES:
        assert 0 <= measured[name].low <= measured[name].high <= 1
    assert -1 <= interval.low <= interval.high <= 1
    assert np.isfinite(difference)


def test_less_is_known_of_fewer_customers() -> None:
    """From 50 to 5,000 customers each interval is narrower than the one before."""
    measured = [intervals(*_scored(rows, seed=10))["roc_auc"] for rows in (50, 500, 5000)]

    widths = [each.high - each.low for each in measured]
    assert all(wider > narrower for wider, narrower in pairwise(widths))
