"""The level of the probabilities: what a model learnt over a year is set to the season of the night.

A correction multiplies the odds of all customers of a day by one factor, so that ranks stay as they are:

none       as the model gives them
saerens    by the share of churners that the night's own probabilities speak for, without a label
           (Saerens, Latinne & Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori probabilities")
seasonal   so that their mean is the churn rate of the same day last year
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.evaluation.results import DayRate

__all__ = ["NO_CORRECTION", "PriorCorrection", "saerens", "seasonal", "seasonal_rate"]

YEAR = dt.timedelta(days=365)
NEAR = dt.timedelta(days=7)  # training days are a week apart
MOST = 50.0  # the widest shift of log-odds: beyond it every probability is 0 or 1
ROUNDS = 1_000
STEADY = 1e-10


@dataclass(frozen=True)
class PriorCorrection:
    """What the odds of a day's probabilities are multiplied by; `rate` is the mean that is aimed at, None for none."""

    kind: Literal["none", "saerens", "seasonal"] = "none"
    odds_factor: float = 1.0
    rate: float | None = None

    def apply(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """The corrected probabilities, (n), in the same order of size; to the bit as they were where none is made."""
        if self.odds_factor == 1.0:
            return probability
        odds = probability * self.odds_factor
        return odds / (odds + (1 - probability))

    def edges(self, edges: Sequence[float]) -> tuple[float, ...]:
        """Where edges between probabilities of the model lie between the corrected ones."""
        return tuple(self.apply(np.asarray(edges, dtype=np.float64)).tolist())


NO_CORRECTION = PriorCorrection()


def seasonal_rate(rates: Sequence[DayRate], day: dt.date) -> float | None:
    """The churn rate of the same day last year, between the training days around it; None where none is near."""
    then = day - YEAR
    near = sorted((each for each in rates if abs(each.day - then) <= NEAR), key=lambda each: each.day)
    if not near:
        return None
    days = [each.day.toordinal() for each in near]
    return float(np.interp(then.toordinal(), days, [each.churners / each.rows for each in near]))


def seasonal(probability: NDArray[np.float64], rate: float) -> PriorCorrection:
    """The correction by which the mean of `probability` (n) becomes `rate`."""
    inside = np.clip(probability, 1e-12, 1 - 1e-12)
    if not len(inside) or not 0 < rate < 1:
        return NO_CORRECTION
    log_odds = np.log(inside) - np.log1p(-inside)

    def excess(shift: float) -> float:
        return float(np.mean(1 / (1 + np.exp(-(log_odds + shift))))) - rate

    from scipy.optimize import brentq  # noqa: PLC0415  # a tenth of a second, which most nights do not need

    shift = brentq(excess, -MOST, MOST, xtol=1e-12)
    return PriorCorrection("seasonal", float(np.exp(shift)), rate)


def saerens(probability: NDArray[np.float64], learnt_rate: float) -> PriorCorrection:
    """The correction by the churn rate that `probability` (n) of a model that learnt at `learnt_rate` speaks for."""
    if not len(probability) or not 0 < learnt_rate < 1:
        return NO_CORRECTION
    rate, factor = learnt_rate, 1.0
    for _ in range(ROUNDS):
        factor = rate / (1 - rate) / (learnt_rate / (1 - learnt_rate))
        found = float(np.clip(PriorCorrection("saerens", factor).apply(probability).mean(), STEADY, 1 - STEADY))
        if abs(found - rate) < STEADY:
            break
        rate = found
    return PriorCorrection("saerens", factor, rate)
