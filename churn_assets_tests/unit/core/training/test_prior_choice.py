"""Which correction past days speak for."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.evaluation.results import DayRate
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.prior_choice import PastDay, choose_prior, day_rates

DAY = dt.date(2011, 6, 2)
YEAR_BEFORE = DAY - dt.timedelta(days=365)


def _past(churn: float, learnt: float, last_year: float | None, seed: int = 1, rows: int = 4000) -> PastDay:
    """A day on which a model that learnt at one rate meets another; its ranks carry what it knows."""
    random = np.random.default_rng(seed)
    churned = random.random(rows) < churn
    signal = random.normal(np.where(churned, 0.5, -0.5), 1.0)
    odds = np.exp(signal) * learnt / (1 - learnt)
    rates = [DayRate(day=DAY - dt.timedelta(days=120), rows=1000, churners=round(1000 * learnt))]
    if last_year is not None:
        rates.append(DayRate(day=YEAR_BEFORE, rows=1000, churners=round(1000 * last_year)))
    return PastDay(DAY, churned, odds / (1 + odds), tuple(rates))


def test_season_that_comes_again_is_followed() -> None:
    """Where the model runs high and last year's day knew the rate, its correction wins, and the reason says so."""
    choice = choose_prior("auto", [_past(churn=0.3, learnt=0.6, last_year=0.3)])

    assert choice.kind in {"seasonal", "saerens"}
    assert choice.brier[choice.kind] < choice.brier["none"]
    assert "won by +" in choice.reason
    assert choice.days == (DAY,)


def test_season_that_does_not_come_again_is_not_followed() -> None:
    """Last year's rate was another one, and the model's level is right: nothing is corrected."""
    choice = choose_prior("auto", [_past(churn=0.5, learnt=0.5, last_year=0.2)])

    assert choice.kind == "none"
    assert choice.brier["seasonal"] > choice.brier["none"]
    assert "seasonal did not win by -" in choice.reason


def test_win_by_chance_is_no_win() -> None:
    """Over a hundred days on which the level is right, a correction is hardly ever taken."""
    choices = [choose_prior("auto", [_past(0.4, 0.4, 0.41, seed)]) for seed in range(100)]

    assert sum(choice.kind != "none" for choice in choices) <= 6


def test_correction_must_win_on_every_past_day() -> None:
    """One day on which the correction was worse is enough to leave it."""
    days = [_past(0.3, 0.6, 0.3), replace(_past(0.6, 0.6, 0.3, seed=2), day=DAY)]

    choice = choose_prior("auto", days)

    assert choice.kind != "seasonal"


def test_correction_that_cannot_be_judged_is_not_taken() -> None:
    """Without a training day a year before, the season is not known, and the reason says so."""
    choice = choose_prior("auto", [_past(0.4, 0.4, None)])

    assert choice.kind == "none"
    assert f"no day a year before {DAY}" in choice.reason


def test_no_past_day_takes_no_correction() -> None:
    """Where nothing was judged, nothing is corrected."""
    assert choose_prior("auto", []).kind == "none"


@pytest.mark.parametrize("wanted", ["none", "saerens", "seasonal"])
def test_configured_correction_is_taken(wanted: str) -> None:
    """A correction that is named is made, whatever past days say."""
    choice = choose_prior(wanted, [_past(0.5, 0.5, 0.2)])  # type: ignore[arg-type]  # a name of them

    assert choice.kind == wanted


def test_rates_of_training_days() -> None:
    """Each day's rows and churners, oldest first, in whatever order the rows came."""
    days = np.array(["2026-01-08", "2026-01-01", "2026-01-08"], dtype="datetime64[D]")
    rows = LabelledRows(pa.table({"customer_id": ["a", "b", "c"]}), np.array([True, False, False]), days)

    assert day_rates(rows) == (
        DayRate(day=dt.date(2026, 1, 1), rows=1, churners=0),
        DayRate(day=dt.date(2026, 1, 8), rows=2, churners=1),
    )
