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
from churn_assets.core.options import Recipe
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit

__all__ = ["BY_CUSTOMER", "IN_TIME", "Folds", "choose", "make_folds"]

FOLDS = 3
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
        chosen = [possible[at] for at in np.unique(np.linspace(0, len(possible) - 1, FOLDS).astype(int)) if possible]
        if chosen:
            return Folds(tuple((rows.days <= day - gap, rows.days == day) for day in chosen), IN_TIME)
    part = stable_hash(rows.ids, _SALT) % FOLDS
    return Folds(tuple((part != number, part == number) for number in range(FOLDS)), BY_CUSTOMER)


def choose(
    rows: LabelledRows, holdout: LabelledRows, recipe: Recipe, columns: tuple[str, ...], horizon_days: int | None
) -> tuple[Recipe, str, tuple[CandidateResult, ...]]:
    """The best candidate of `recipe` by its metric, how it was chosen, and all of them, best first.

    The backtest's rows, `holdout`, decide nothing: the best parameters of each candidate are only
    shown on them.

    Raises:
        TrainingImpossible: no fold holds both churners and others.
    """
    folds = make_folds(rows, horizon_days)
    results = []
    for candidate in recipe.candidates:
        grid = [{**candidate.parameters, **point} for point in ParameterGrid(candidate.search)]
        tried = [_cross_validate(rows, folds, recipe.chosen(candidate.estimator, point), columns) for point in grid]
        tried.sort(key=lambda each: _worth(each, recipe), reverse=True)
        best = recipe.chosen(candidate.estimator, tried[0].parameters)
        tried[0] = tried[0].model_copy(update={"backtest": _backtest(rows, holdout, best, columns)})
        results += tried
    ranked = sorted(results, key=lambda each: _worth(each, recipe), reverse=True)
    ranked[0] = ranked[0].model_copy(update={"chosen": True})
    return recipe.chosen(ranked[0].estimator, ranked[0].parameters), folds.words, tuple(ranked)


def _worth(result: CandidateResult, recipe: Recipe) -> float:
    figure: float = getattr(result, recipe.metric)
    return -figure if recipe.metric == "brier" else figure


def _cross_validate(rows: LabelledRows, folds: Folds, recipe: Recipe, columns: tuple[str, ...]) -> CandidateResult:
    measured: list[Metrics] = []
    for train, test in folds.pairs:
        part = rows.keep(test)
        with suppress(TrainingImpossible):  # too few of either kind, here: the other folds decide
            measured.append(measure(part.churned, _predicted(fit(rows.keep(train), recipe, columns), part, columns)))
    if not measured:
        raise TrainingImpossible(
            "no fold of the history holds both churners and others, so candidates cannot be compared; "
            "give more history, or configure one training.estimator instead"
        )
    return CandidateResult(
        estimator=recipe.estimator,
        parameters=recipe.parameters,
        folds=len(measured),
        roc_auc=float(np.mean([each.roc_auc for each in measured])),
        average_precision=float(np.mean([each.average_precision for each in measured])),
        brier=float(np.mean([each.brier for each in measured])),
    )


def _backtest(rows: LabelledRows, holdout: LabelledRows, recipe: Recipe, columns: tuple[str, ...]) -> Metrics:
    return measure(holdout.churned, _predicted(fit(rows, recipe, columns), holdout, columns))


def _predicted(pipeline: Any, rows: LabelledRows, columns: tuple[str, ...]) -> NDArray[np.float64]:
    return predict_in_blocks(lambda block: predict(pipeline, block, columns), rows.features)
