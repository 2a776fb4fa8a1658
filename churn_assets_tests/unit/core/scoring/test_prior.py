"""The level of the probabilities: one factor for the odds of a day, so that no rank moves."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.core.evaluation.results import DayRate
from churn_assets.core.scoring.histogram import counts_between
from churn_assets.core.scoring.prior import NO_CORRECTION, PriorCorrection, saerens, seasonal, seasonal_rate

DAY = dt.date(2011, 8, 31)
YEAR_BEFORE = dt.date(2010, 8, 31)


def _rate(day: dt.date, share: float) -> DayRate:
    return DayRate(day=day, rows=1000, churners=round(share * 1000))


def test_no_correction_changes_no_bit() -> None:
    """Where nothing is corrected the very probabilities come back."""
    probability = np.random.default_rng(1).random(1000)

    assert NO_CORRECTION.apply(probability).tobytes() == probability.tobytes()


@given(factor=st.floats(1e-3, 1e3), seed=st.integers(0, 1000))
def test_correction_keeps_ranks_and_bounds(factor: float, seed: int) -> None:
    """Whoever was likelier to leave still is, certainties stay certain, and nothing leaves [0, 1]."""
    probability = np.sort(np.concatenate([[0.0, 1.0], np.random.default_rng(seed).random(50)]))

    corrected = PriorCorrection("seasonal", factor).apply(probability)

    assert (np.diff(corrected) >= 0).all()
    assert (corrected[0], corrected[-1]) == (0.0, 1.0)


def test_correction_of_an_example() -> None:
    """Odds of one to one, doubled, are two to one."""
    assert PriorCorrection("seasonal", 2.0).apply(np.array([0.5]))[0] == pytest.approx(2 / 3)


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.39, 0.97])
def test_mean_becomes_the_rate_of_last_year(rate: float) -> None:
    """The mean of the corrected probabilities is the rate that was aimed at."""
    probability = np.random.default_rng(2).beta(2, 2, 5000)

    correction = seasonal(probability, rate)

    assert correction.apply(probability).mean() == pytest.approx(rate, abs=1e-9)
    assert (correction.kind, correction.rate) == ("seasonal", rate)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_rate_of_nobody_or_everybody_corrects_nothing(rate: float) -> None:
    """No factor makes a mean of 0 or 1: the probabilities stay."""
    assert seasonal(np.array([0.2, 0.4]), rate) == NO_CORRECTION


def test_certain_probabilities_can_be_corrected() -> None:
    """Zeros and ones among them do not break the search for the factor."""
    probability = np.array([0.0, 0.0, 1.0, 0.5, 0.5])

    corrected = seasonal(probability, 0.3).apply(probability)

    assert corrected.mean() == pytest.approx(0.3, abs=1e-9)


def test_saerens_finds_the_rate_of_shifted_customers() -> None:
    """A calibrated model that learnt at one half meets customers of whom a fifth leaves: their rate is found."""
    random = np.random.default_rng(3)
    learnt, there, rows = 0.5, 0.2, 200_000
    churned = random.random(rows) < there
    signal = random.normal(np.where(churned, 1.0, -1.0), 1.0)
    probability = 1 / (1 + np.exp(-2 * signal))  # right where both kinds are equally frequent

    correction = saerens(probability, learnt)

    assert correction.rate == pytest.approx(there, abs=0.005)
    assert correction.apply(probability).mean() == pytest.approx(there, abs=0.005)


def test_saerens_leaves_unshifted_customers() -> None:
    """Where the customers are those that were learnt from, next to nothing is corrected."""
    random = np.random.default_rng(4)
    probability = random.beta(2, 3, 200_000)

    assert saerens(probability, float(probability.mean())).odds_factor == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("kind", [saerens, seasonal])
def test_no_customers_need_no_correction(kind: object) -> None:
    """Of an empty day there is nothing to correct."""
    assert callable(kind)
    assert kind(np.empty(0), 0.3) == NO_CORRECTION


def test_rate_of_last_year_lies_between_its_training_days() -> None:
    """Between two training days around the same date the rate is interpolated."""
    rates = [_rate(YEAR_BEFORE - dt.timedelta(days=3), 0.2), _rate(YEAR_BEFORE + dt.timedelta(days=4), 0.34)]

    assert seasonal_rate(rates, DAY) == pytest.approx(0.2 + 0.14 * 3 / 7)


def test_rate_of_a_near_day_serves_at_the_end() -> None:
    """Where training days lie on one side only, the nearest of them speaks, up to a week away."""
    assert seasonal_rate([_rate(YEAR_BEFORE + dt.timedelta(days=7), 0.3)], DAY) == pytest.approx(0.3)
    assert seasonal_rate([_rate(YEAR_BEFORE + dt.timedelta(days=8), 0.3)], DAY) is None


def test_without_last_year_there_is_no_rate() -> None:
    """A history of half a year knows nothing of the same day last year."""
    assert seasonal_rate([_rate(DAY - dt.timedelta(days=180), 0.3)], DAY) is None
    assert seasonal_rate([], DAY) is None


@given(factor=st.floats(0.1, 10), seed=st.integers(0, 1000))
def test_corrected_edges_count_what_the_model_gave(factor: float, seed: int) -> None:
    """Corrected probabilities between corrected edges are as many as the model's own between its own."""
    probability = np.random.default_rng(seed).random(500)
    edges = (0.1, 0.35, 0.8)
    correction = PriorCorrection("seasonal", factor)

    counted = counts_between(correction.apply(probability), correction.edges(edges))

    assert counted.tolist() == counts_between(probability, edges).tolist()
