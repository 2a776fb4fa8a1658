"""Candidates compared before the backtest: on folds in which nothing is learnt from the future."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import ParameterGrid

from churn_assets.core.arrow.hashing import stable_hash
from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.evaluation.metrics import measure
from churn_assets.core.evaluation.results import Metrics
from churn_assets.core.models.card import CandidateResult
from churn_assets.core.models.model import predict, predict_in_blocks
from churn_assets.core.options import Candidate, Recipe
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets.core.training.prior_choice import PastDay, day_rates
from churn_assets.core.training.sampling import in_sample, sample_rate

__all__ = ["BY_CUSTOMER", "IN_TIME", "Folds", "Selection", "choose", "make_folds"]

FOLDS = 3
COMPARED_ROWS = 50_000
EQUAL = 3  # decimals of the metric by which recipes that nobody listed are told apart
IN_TIME = "cross-validated in time: each fold is judged on a day when the outcomes it learnt from were known"
BY_CUSTOMER = "cross-validated by customer: no customer of a fold was learnt from (there is no history to go back in)"
_SALT = "candidates' fold"


@dataclass(frozen=True)
class Folds:
    """Pairs of row masks, to train on and to test on, and how they were cut, in words."""

    pairs: tuple[tuple[NDArray[np.bool_], NDArray[np.bool_]], ...]
    words: str


def make_folds(rows: LabelledRows, horizon_days: int | None) -> Folds:
    """Up to three folds.

    Where the history allows, a fold is judged on one day and learns from days whose outcomes were
    known on it: `horizon_days` earlier and more. Else customers are parted by a stable hash.
    """
    days = np.unique(rows.days)
    if horizon_days is not None:
        gap = np.timedelta64(horizon_days, "D")
        possible = [day for day in days if (days <= day - gap).any()]
        newer = possible[-max(FOLDS, len(possible) // 2) :]  # the oldest learn from next to nothing
        chosen = [newer[at] for at in np.unique(np.linspace(0, len(newer) - 1, FOLDS).astype(int)) if newer]
        if chosen:
            return Folds(tuple((rows.days <= day - gap, rows.days == day) for day in chosen), IN_TIME)
    part = stable_hash(rows.ids, _SALT) % FOLDS
    return Folds(tuple((part != number, part == number) for number in range(FOLDS)), BY_CUSTOMER)


@dataclass(frozen=True)
class Selection:
    """The best of several candidates, and how it was found.

    Attributes:
        chosen: its recipe.
        words: how candidates were compared.
        leaderboard: all of them, best first.
        judged: the best one, fitted on all rows.
        past: the days of the folds with what the best one gave them; empty where customers were parted.
    """

    chosen: Recipe
    words: str
    leaderboard: tuple[CandidateResult, ...]
    judged: Any
    past: tuple[PastDay, ...]


@dataclass(frozen=True)
class _Tried:
    """A recipe with its quality, and the days that its folds were judged on."""

    recipe: Recipe
    result: CandidateResult
    past: tuple[PastDay, ...]


def choose(
    rows: LabelledRows, holdout: LabelledRows, recipe: Recipe, columns: tuple[str, ...], horizon_days: int | None
) -> Selection:
    """The best candidate of `recipe` by its metric; of equals the first, which scores fastest where nobody listed any.

    Where the history is long, folds learn from `COMPARED_ROWS` rows of whole customers. The backtest's rows, `holdout`,
    decide nothing: the best parameters of each configured candidate are only shown on them.

    Raises:
        TrainingImpossible: no fold holds both churners and others.
    """
    compared = rows.keep(in_sample(rows.ids, sample_rate(len(rows.churned), COMPARED_ROWS)))
    folds = make_folds(compared, horizon_days)
    leaders: list[_Tried] = []
    results: list[CandidateResult] = []
    for candidate in recipe.competing:
        points = [{**candidate.parameters, **point} for point in ParameterGrid(candidate.search)]
        grid = [Candidate(estimator=candidate.estimator, parameters=point) for point in points]
        tried = [_cross_validate(compared, folds, recipe, each, columns) for each in grid]
        tried.sort(key=lambda each: _worth(each.result, recipe), reverse=True)
        leaders.append(tried[0])
        results += [each.result for each in tried]
    best = max(leaders, key=lambda each: _worth(each.result, recipe))  # the first one of equals
    judged = fit(rows, best.recipe, columns)
    shown = [best, *(each for each in leaders if each is not best and recipe.candidates)]
    backtests = {
        id(each.result): measure(
            holdout.churned,
            _predicted(judged if each is best else fit(rows, each.recipe, columns), holdout, columns),
        )
        for each in shown
    }
    board = [
        each.model_copy(update={"backtest": backtests.get(id(each)), "chosen": each is best.result}) for each in results
    ]
    board.sort(key=lambda each: (_worth(each, recipe), each.chosen), reverse=True)
    return Selection(best.recipe, folds.words, tuple(board), judged, best.past)


def _worth(result: CandidateResult, recipe: Recipe) -> float:
    figure: float = getattr(result, recipe.metric)
    figure = figure if recipe.candidates else round(figure, EQUAL)
    return -figure if recipe.metric == "brier" else figure


def _cross_validate(
    rows: LabelledRows, folds: Folds, given: Recipe, candidate: Candidate, columns: tuple[str, ...]
) -> _Tried:
    recipe = given.chosen(candidate.estimator, candidate.parameters)
    measured: list[Metrics] = []
    past: list[PastDay] = []
    for train, test in folds.pairs:
        learnt, part = rows.keep(train), rows.keep(test)
        with suppress(TrainingImpossible):  # too few of either kind, here: the other folds decide
            probability = _predicted(fit(learnt, recipe, columns), part, columns)
            measured.append(measure(part.churned, probability))
            if folds.words == IN_TIME:
                day = part.days[0].astype("datetime64[D]").item()
                past.append(PastDay(day, part.churned, probability, day_rates(learnt)))
    if not measured:
        raise TrainingImpossible(
            "no fold of the history holds both churners and others, so candidates cannot be compared; "
            "give more history, or configure one training.estimator instead"
        )
    result = CandidateResult(
        estimator=candidate.estimator,
        parameters=candidate.parameters,
        folds=len(measured),
        roc_auc=float(np.mean([each.roc_auc for each in measured])),
        average_precision=float(np.mean([each.average_precision for each in measured])),
        brier=float(np.mean([each.brier for each in measured])),
    )
    return _Tried(recipe, result, tuple(past))


def _predicted(pipeline: Any, rows: LabelledRows, columns: tuple[str, ...]) -> NDArray[np.float64]:
    return predict_in_blocks(lambda block: predict(pipeline, block, columns), rows.features)
