"""Candidates compared before the backtest, on folds in which nothing is learnt from the future."""

from dataclasses import replace
from functools import cache
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.evaluation.metrics import measure
from churn_assets.core.models.card import CandidateResult
from churn_assets.core.models.model import predict
from churn_assets.core.options import Candidate, Recipe
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets.core.training.labels import held_out
from churn_assets.core.training.selection import BY_CUSTOMER, IN_TIME, choose, make_folds
from churn_assets_tests.factories import labelled_rows

Metric = Literal["roc_auc", "average_precision", "brier"]
COLUMNS = ("spend", "active", "plan")
FIRST = np.datetime64("2026-01-01")
HORIZON = 30
WEEKS = (0, 7, 14, 35, 42, 49)


def _rows(rows: int, seed: int, days: tuple[int, ...] = WEEKS) -> LabelledRows:
    """Rows of so many days after the first of January, taken in turn."""
    return replace(labelled_rows(rows, seed), days=FIRST + np.resize(np.array(days), rows).astype("timedelta64[D]"))


def _logistic(**search: list[Any]) -> Candidate:
    return Candidate(estimator="logistic_regression", search=search)


def _chosen(*given: Any) -> tuple[Recipe, str, tuple[CandidateResult, ...]]:
    selection = choose(*given)
    return selection.chosen, selection.words, selection.leaderboard


TREES = Candidate(estimator="hist_gradient_boosting", parameters={"max_iter": 5}, search={"max_depth": [1, 4]})


@cache
def _history() -> LabelledRows:
    return _rows(900, seed=1)


@cache
def _holdout() -> LabelledRows:
    return _rows(300, seed=2, days=(79,))


@settings(deadline=None, max_examples=200)
@given(
    ages=st.lists(st.integers(0, 400), min_size=1, max_size=40),
    horizon=st.integers(1, 200),
    seed=st.integers(0, 1000),
)
def test_no_fold_learns_from_what_was_not_known(ages: list[int], horizon: int, seed: int) -> None:
    """Every outcome that a fold learns from was known on the one day it is judged on, however far days lie apart."""
    days = FIRST + np.random.default_rng(seed).permutation(ages).astype("timedelta64[D]")
    rows = LabelledRows(
        pa.table({"customer_id": [f"c{at}" for at in range(len(ages))]}), np.zeros(len(ages), dtype=bool), days
    )

    folds = make_folds(rows, horizon)

    has_history = max(ages) - min(ages) >= horizon
    assert folds.words == (IN_TIME if has_history else BY_CUSTOMER)
    if has_history:
        assert 1 <= len(folds.pairs) <= 3
    for train, test in folds.pairs if has_history else ():
        day = np.unique(days[test])
        assert len(day) == 1
        assert train.any()
        assert (days[train] + horizon <= day).all()
        assert (train == (days + horizon <= day)).all()


def test_folds_are_spread_over_the_history() -> None:
    """Of the newer half of the days that can be judged, the first, a middle one and the newest are."""
    rows = _rows(900, seed=3, days=tuple(range(0, 365, 7)))

    folds = make_folds(rows, HORIZON)

    tested_days = [np.unique(rows.days[part] - FIRST).astype(int).tolist() for _, part in folds.pairs]
    assert tested_days == [[203], [280], [364]]


def _customers(seed: int, rows: int = 3000) -> LabelledRows:
    """Customers who are met on several days, as far apart as the horizon at most."""
    every = labelled_rows(rows, seed)
    ids = pa.array([f"c{number:05d}" for number in np.random.default_rng(seed).integers(0, rows // 3, rows)])
    days = FIRST + (np.arange(rows) % 30).astype("timedelta64[D]")
    return LabelledRows(every.features.set_column(0, "customer_id", ids), every.churned, days)


@pytest.mark.parametrize("horizon", [None, HORIZON])
def test_without_history_customers_are_parted(horizon: int | None) -> None:
    """Where there is no day to go back to, no customer is on both sides, and each row is judged once."""
    rows = _customers(seed=4)
    ids = np.array(rows.ids.to_pylist())

    folds = make_folds(rows, horizon)

    assert folds.words == BY_CUSTOMER
    assert len(folds.pairs) == 3
    assert np.sum([test for _, test in folds.pairs], axis=0).tolist() == [1] * len(ids)
    for train, test in folds.pairs:
        assert not set(ids[train]) & set(ids[test])
        assert (train | test).all()
        assert 0.28 < test.mean() < 0.38


def test_folds_do_not_follow_the_hold_out() -> None:
    """Of customers who are not held out, each fold judges about a third, too."""
    rows = _customers(seed=5)
    kept = rows.keep(~held_out(rows.ids))

    folds = make_folds(kept, None)

    assert len(kept.churned) < len(rows.churned)
    for _, test in folds.pairs:
        assert 0.28 < test.mean() < 0.38


def test_every_point_of_the_search_is_tried() -> None:
    """Each combination of what is searched, on top of what is set, stands once in the leaderboard."""
    candidate = Candidate(
        estimator="logistic_regression",
        parameters={"max_iter": 500},
        search={"C": [0.01, 1.0, 3.0], "tol": [0.1, 1e-6]},
    )
    recipe = Recipe(candidates=(candidate,))

    chosen, words, leaderboard = _chosen(_history(), _holdout(), recipe, COLUMNS, HORIZON)

    tried = sorted((each.parameters["C"], each.parameters["tol"]) for each in leaderboard)
    assert tried == [(C, tol) for C in (0.01, 1.0, 3.0) for tol in (1e-6, 0.1)]
    assert {each.parameters["max_iter"] for each in leaderboard} == {500}
    assert chosen.parameters == leaderboard[0].parameters
    assert words == IN_TIME


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "brier"])
def test_leaderboard_is_in_order_of_its_metric(metric: Metric) -> None:
    """Over all candidates the best comes first, by Brier the lowest; the first is chosen and no other."""
    recipe = Recipe(candidates=(_logistic(C=[1e-4, 1.0]), TREES), metric=metric, seed=7, window_days=90)

    chosen, _, leaderboard = _chosen(_history(), _holdout(), recipe, COLUMNS, HORIZON)

    figures = [getattr(each, metric) for each in leaderboard]
    assert figures == sorted(figures, reverse=metric != "brier")
    assert len({each.estimator for each in leaderboard}) == 2
    assert [each.chosen for each in leaderboard] == [True, False, False, False]
    best = leaderboard[0]
    assert chosen == recipe.chosen(best.estimator, best.parameters)
    assert (chosen.candidates, chosen.seed, chosen.window_days) == ((), 7, 90)


@pytest.mark.parametrize(
    ("metric", "winner"),
    [
        ("roc_auc", "hist_gradient_boosting"),
        ("average_precision", "hist_gradient_boosting"),
        ("brier", "logistic_regression"),
    ],
)
def test_metric_decides_who_wins(metric: Metric, winner: str) -> None:
    """Trees that are far too sure of themselves win by their ranking; one that knows nothing, by its Brier score."""
    spend = np.nan_to_num(_history().features.column("spend").to_numpy())
    noise = np.random.default_rng(4).normal(size=900)
    rows = replace(_history(), churned=np.abs(spend) + noise > 1.3)
    sure = {"learning_rate": 1.0, "max_iter": 50, "min_samples_leaf": 3}
    recipe = Recipe(
        candidates=(Candidate(estimator="hist_gradient_boosting", parameters=sure), _logistic(C=[1e-6])), metric=metric
    )

    chosen, _, leaderboard = _chosen(rows, rows, recipe, COLUMNS, HORIZON)

    assert chosen.estimator == winner, leaderboard


@pytest.mark.parametrize("metric", ["roc_auc", "brier"])
def test_best_parameters_of_each_candidate_are_shown_on_the_backtest(metric: Metric) -> None:
    """The backtest's figures stand beside the best point of each candidate, and beside no other."""
    recipe = Recipe(candidates=(_logistic(C=[1e-4, 0.01, 1.0]), TREES), metric=metric)

    _, _, leaderboard = _chosen(_history(), _holdout(), recipe, COLUMNS, HORIZON)

    for estimator in ("logistic_regression", "hist_gradient_boosting"):
        of_one = [each for each in leaderboard if each.estimator == estimator]
        assert [each.backtest is not None for each in of_one] == [True] + [False] * (len(of_one) - 1)
    best = leaderboard[0]
    pipeline = fit(_history(), recipe.chosen(best.estimator, best.parameters), COLUMNS)
    assert best.backtest == measure(_holdout().churned, predict(pipeline, _holdout().features, COLUMNS))


def test_chosen_of_equal_points_has_its_backtest() -> None:
    """Where parameters make no difference, the one that is chosen is the one that the backtest shows."""
    recipe = Recipe(candidates=(_logistic(warm_start=[False, True]),))

    chosen, _, leaderboard = _chosen(_history(), _holdout(), recipe, COLUMNS, HORIZON)

    assert leaderboard[0].roc_auc == leaderboard[1].roc_auc
    assert leaderboard[0].parameters == chosen.parameters
    assert leaderboard[0].backtest is not None


def test_backtest_s_rows_decide_nothing() -> None:
    """With every outcome of the backtest turned around, the same candidate is chosen by the same figures."""
    recipe = Recipe(candidates=(_logistic(C=[1e-4, 1.0]), TREES))
    turned = replace(_holdout(), churned=~_holdout().churned)

    chosen, _, leaderboard = _chosen(_history(), _holdout(), recipe, COLUMNS, HORIZON)
    again, _, other = _chosen(_history(), turned, recipe, COLUMNS, HORIZON)

    assert again == chosen
    plain, without = (
        [each.model_copy(update={"backtest": None}) for each in listed] for listed in (leaderboard, other)
    )
    assert plain == without
    assert [each.backtest for each in leaderboard] != [each.backtest for each in other]


@pytest.mark.parametrize("horizon", [HORIZON, None])
def test_figures_are_the_means_over_the_folds(horizon: int | None) -> None:
    """Each figure is the mean of what a fit on each fold's past reaches on its day."""
    recipe = Recipe(candidates=(_logistic(),))
    rows = _history()
    measured = []
    for train, test in make_folds(rows, horizon).pairs:
        pipeline = fit(rows.keep(train), recipe.chosen("logistic_regression", {}), COLUMNS)
        part = rows.keep(test)
        measured.append(measure(part.churned, predict(pipeline, part.features, COLUMNS)))

    _, _, (only,) = _chosen(rows, _holdout(), recipe, COLUMNS, horizon)

    assert only.folds == len(measured) == 3
    for name in ("roc_auc", "average_precision", "brier"):
        assert getattr(only, name) == pytest.approx(np.mean([getattr(each, name) for each in measured]))


def test_same_rows_choose_the_same() -> None:
    """Asked twice, the same is chosen, with the same figures to the last digit."""
    recipe = Recipe(candidates=(Candidate(estimator="random_forest", parameters={"n_estimators": 5}), TREES))

    once, again = (_chosen(_history(), _holdout(), recipe, COLUMNS, HORIZON) for _ in range(2))

    assert once == again


def _with_churners(rows: LabelledRows, day: int, churners: int) -> LabelledRows:
    """`rows` of which so many churned on a day, and the others of that day did not."""
    there = np.flatnonzero(rows.days == FIRST + np.timedelta64(day, "D"))
    churned: NDArray[np.bool_] = rows.churned.copy()
    churned[there] = np.arange(len(there)) < churners
    return replace(rows, churned=churned)


@pytest.mark.parametrize("churners", [0, 150])
def test_fold_with_one_kind_of_outcome_is_passed_over(churners: int) -> None:
    """A day on which all stayed or all left can judge nobody; the other folds do."""
    rows = _with_churners(_history(), 35, churners)

    _, _, (only,) = _chosen(rows, _holdout(), Recipe(candidates=(_logistic(),)), COLUMNS, HORIZON)

    assert only.folds == 2


@pytest.mark.parametrize(
    ("churners", "calibration"), [(1, "none"), (8, "sigmoid")], ids=["one churner", "too few to calibrate on"]
)
def test_fold_that_cannot_be_learnt_from_is_passed_over(churners: int, calibration: Any) -> None:
    """A first fold with too few churners to fit on does not stop the comparison that the others allow."""
    rows = _with_churners(_rows(900, seed=1, days=(0, 35, 42, 86)), 0, churners)
    recipe = Recipe(candidates=(_logistic(),), calibration=calibration)
    assert [int(rows.churned[train].sum()) > 50 for train, _ in make_folds(rows, HORIZON).pairs] == [
        False,
        False,
        True,
    ]

    _, _, (only,) = _chosen(rows, _holdout(), recipe, COLUMNS, HORIZON)

    assert only.folds == 1


def test_no_fold_at_all_is_told() -> None:
    """Where no fold holds both kinds, the sentence says what to configure instead."""
    rows = replace(_history(), churned=np.zeros(900, dtype=bool))

    with pytest.raises(TrainingImpossible, match="no fold of the history holds both churners and others"):
        choose(rows, _holdout(), Recipe(candidates=(_logistic(),)), COLUMNS, HORIZON)


def test_labelled_export_is_chosen_on_by_customer() -> None:
    """Without time, candidates are compared between customers, and the words say so."""
    rows = _rows(600, seed=6, days=(0,))
    recipe = Recipe(candidates=(_logistic(C=[1e-5, 1.0]),), metric="brier")

    chosen, words, leaderboard = _chosen(rows, _holdout(), recipe, COLUMNS, None)

    assert words == BY_CUSTOMER
    assert leaderboard[0].folds == 3
    assert chosen.parameters == {"C": 1.0}
