"""Whether the level of the probabilities is corrected: by what past days say of each way, or as configured."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.evaluation.results import DayRate, PriorChoice
from churn_assets.core.options import Prior
from churn_assets.core.scoring.prior import NO_CORRECTION, PriorCorrection, saerens, seasonal, seasonal_rate
from churn_assets.core.training.dataset import LabelledRows

__all__ = ["PastDay", "choose_prior", "day_rates"]

SURE = 2.0  # standard errors by which a correction must win


@dataclass(frozen=True)
class PastDay:
    """A day that was scored by a model that knew no more, and what became of its customers.

    Attributes:
        day: that was scored.
        churned: outcomes, (n).
        probability: uncorrected, (n).
        rates: of the days that the model had learnt from.
    """

    day: dt.date
    churned: NDArray[np.bool_]
    probability: NDArray[np.float64]
    rates: tuple[DayRate, ...]

    def correction(self, kind: str) -> PriorCorrection | None:
        """The correction of this kind on this day; None where it cannot be made."""
        if kind == "saerens":
            return saerens(self.probability, learnt_rate(self.rates))
        rate = seasonal_rate(self.rates, self.day)
        return None if rate is None else seasonal(self.probability, rate)

    def gains(self, correction: PriorCorrection) -> NDArray[np.float64]:
        """By how much the squared error of each customer shrinks, (n)."""
        gains: NDArray[np.float64] = _errors(self, NO_CORRECTION) - _errors(self, correction)
        return gains


def day_rates(rows: LabelledRows) -> tuple[DayRate, ...]:
    """How many churned on each training day, oldest first."""
    days, at = np.unique(rows.days, return_inverse=True)
    counts, churners = np.bincount(at), np.bincount(at, rows.churned)
    return tuple(
        DayRate(day=day.astype("datetime64[D]").item(), rows=int(count), churners=int(left))
        for day, count, left in zip(days, counts, churners, strict=True)
    )


def learnt_rate(rates: Sequence[DayRate]) -> float:
    """The churn rate among all rows of the training days."""
    return sum(each.churners for each in rates) / sum(each.rows for each in rates)


def choose_prior(wanted: Prior, past: Sequence[PastDay]) -> PriorChoice:
    """The correction that is made from now on.

    `auto` takes the one that won most on the `past` days: on each of them where it could be made, and by two standard
    errors of the customers' squared errors; none where no correction did.
    """
    if wanted != "auto":
        return PriorChoice(kind=wanted, reason="training.prior names it")
    if not past:
        return PriorChoice(reason="no past day to judge a correction by")
    best, best_gain, told = "none", 0.0, []
    brier = {"none": _mean_error(past, [NO_CORRECTION] * len(past))}
    for kind in ("saerens", "seasonal"):
        made = [(each, correction) for each in past if (correction := each.correction(kind)) is not None]
        if not made:
            told.append(f"{kind} could not be judged: the history holds no day a year before {past[-1].day}")
            continue
        brier[kind] = _mean_error(*zip(*made, strict=True))
        by_day = [day.gains(correction) for day, correction in made]
        gains = np.concatenate(by_day)
        mean = float(gains.mean())
        error = float(gains.std() / np.sqrt(len(gains) / len(made)))  # the days hold the same customers
        won = all(each.mean() > 0 for each in by_day) and mean > SURE * error
        told.append(f"{kind} {'won' if won else 'did not win'} by {mean:+.4f} of the Brier score on {_days(made)}")
        if won and mean > best_gain:
            best, best_gain = kind, mean
    days = tuple(each.day for each in past)
    return PriorChoice.model_validate({"kind": best, "reason": "; ".join(told), "days": days, "brier": brier})


def _days(made: Sequence[tuple[PastDay, PriorCorrection]]) -> str:
    return ", ".join(str(day.day) for day, _ in made)


def _errors(day: PastDay, correction: PriorCorrection) -> NDArray[np.float64]:
    errors: NDArray[np.float64] = (correction.apply(day.probability) - day.churned) ** 2
    return errors


def _mean_error(past: Sequence[PastDay], corrections: Sequence[PriorCorrection]) -> float:
    return float(np.concatenate([_errors(*each) for each in zip(past, corrections, strict=True)]).mean())
