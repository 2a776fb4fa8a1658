"""The proof of a kernel: it holds for an exact one, and finds the smallest fault."""

import sys
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.options import Estimator, Recipe
from churn_assets.core.training.fitting import fit
from churn_assets.core.trees.compiler import CompiledKernel, KernelUnsupported, compile_kernel
from churn_assets.core.trees.equivalence import exact_kernel, prove
from churn_assets_tests.factories import labelled_rows

COLUMNS = ("spend", "active", "plan")


@cache
def _rows() -> pa.Table:
    return labelled_rows(200, seed=2, plans=("a", "b", "c", "d", None)).features


@cache
def _fitted(estimator: Estimator = "hist_gradient_boosting") -> Any:
    """One tree, so that each leaf is seen in some score."""
    given = {"hist_gradient_boosting": {"max_iter": 1}, "gradient_boosting": {"n_estimators": 1}}[estimator]
    recipe = Recipe(estimator=estimator, parameters={"learning_rate": 1.0, **given})
    return fit(labelled_rows(1200, seed=1, plans=("a", "b", "c", None)), recipe, COLUMNS)


def _with_trees(kernel: CompiledKernel, **changes: Any) -> CompiledKernel:
    return replace(kernel, tables=replace(kernel.tables, trees=kernel.tables.trees._replace(**changes)))


@pytest.mark.parametrize("calibration", ["none", "isotonic"])
@pytest.mark.parametrize("balance", ["none", "undersample"])
@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "gradient_boosting"])
def test_exact_kernel_is_proven(estimator: Estimator, balance: Any, calibration: Any) -> None:
    """A kernel that is compiled from a model is given, without a reason against it."""
    recipe = Recipe(estimator=estimator, balance=balance, calibration=calibration)
    fitted = fit(labelled_rows(600, seed=1, plans=("a", "b", "c", None)), recipe, COLUMNS)

    proof = exact_kernel(fitted, COLUMNS, _rows())

    assert (proof.reason, proof.cause) == ("", None)
    assert proof.kernel is not None


def test_unsupported_model_has_a_reason() -> None:
    """No kernel comes with the clause that says why, and the error that it is from."""
    fitted = fit(labelled_rows(300, seed=1), Recipe(estimator="logistic_regression"), COLUMNS)

    proof = exact_kernel(fitted, COLUMNS, _rows())

    assert (proof.kernel, proof.reason) == (None, "logistic_regression is no boosted ensemble of trees")
    assert isinstance(proof.cause, KernelUnsupported)


def test_private_attribute_that_is_gone_is_a_reason() -> None:
    """A scikit-learn that calls its trees by another name costs the kernel, and stops nobody who can score without."""
    fitted = fit(labelled_rows(300, seed=1), Recipe(parameters={"max_iter": 1}), COLUMNS)
    del fitted[-1]._predictors

    proof = exact_kernel(fitted, COLUMNS, _rows())

    assert proof.kernel is None
    assert proof.reason.startswith("it cannot be compiled and proven (AttributeError: ")
    assert isinstance(proof.cause, AttributeError)


def test_private_module_that_is_gone_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scikit-learn that keeps its losses elsewhere costs the kernel, and stops nobody either."""
    fitted = fit(labelled_rows(300, seed=1), Recipe(parameters={"max_iter": 1}), COLUMNS)
    monkeypatch.setitem(sys.modules, "sklearn._loss", None)

    proof = exact_kernel(fitted, COLUMNS, _rows())

    assert proof.kernel is None
    assert proof.reason.startswith("it cannot be compiled and proven (ModuleNotFoundError: ")


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "gradient_boosting"])
@pytest.mark.parametrize("side", [-np.inf, np.inf])
def test_threshold_beside_the_right_one_is_found(estimator: Estimator, side: float) -> None:
    """Each threshold moved to its neighbour, on either side, fails the proof."""
    kernel = compile_kernel(_fitted(estimator), COLUMNS)
    [(at, grid)] = [(at, grid) for at, grid in kernel.tables.grids.items() if grid.missing > 4]
    kind = np.float64 if estimator == "hist_gradient_boosting" else np.float32

    reasons = []
    for place in range(0, grid.missing - 1, 2):
        moved = grid.thresholds.copy()
        moved[place] = np.nextafter(kind(moved[place]), kind(side))
        grids = {**kernel.tables.grids, at: grid._replace(thresholds=moved)}
        planted = replace(kernel, tables=replace(kernel.tables, grids=grids))
        reasons.append(prove(planted, _fitted(estimator), _rows(), COLUMNS).reason)

    assert len(reasons) > 1
    assert all(" differ, by up to " in each for each in reasons), reasons


def test_leaf_beside_the_right_one_is_found() -> None:
    """A leaf that is wrong by one unit in the last place fails the proof, where its sum shows it."""
    kernel = compile_kernel(_fitted(), COLUMNS)
    trees = kernel.tables.trees
    leaves = np.flatnonzero(trees.leaves[0])
    shown = []

    for leaf in leaves:
        wrong = trees.leaves.copy()
        wrong[0, leaf] = np.nextafter(wrong[0, leaf], np.inf)
        if trees.baseline + wrong[0, leaf] != trees.baseline + trees.leaves[0, leaf]:
            shown.append(prove(_with_trees(kernel, leaves=wrong), _fitted(), _rows(), COLUMNS).reason)

    assert shown
    assert all(" differ, by up to " in each for each in shown), shown


def test_any_changed_step_is_found() -> None:
    """A test of a node whose bound or mask is another fails the proof, whichever it is."""
    kernel = compile_kernel(_fitted(), COLUMNS)
    steps = kernel.tables.trees.steps
    real = np.flatnonzero(steps[:, 2] > steps[:, 1])

    reasons = []
    for step in real:
        wrong = steps.copy()
        wrong[step, 0] = 255  # never
        reasons.append(prove(_with_trees(kernel, steps=wrong), _fitted(), _rows(), COLUMNS).reason)

    assert len(reasons) > 5
    assert all(" differ, by up to " in each for each in reasons), reasons


def test_categories_mapped_by_place_are_found() -> None:
    """Codes that follow the order of a dictionary, and not its texts, fail the proof."""
    kernel = compile_kernel(_fitted(), COLUMNS)
    [(feature, codes)] = kernel.tables.codes.items()
    wrong = dict(zip(reversed(codes), codes.values(), strict=True))
    planted = replace(kernel, tables=replace(kernel.tables, codes={feature: wrong}))

    assert " differ, by up to " in prove(planted, _fitted(), _rows(), COLUMNS).reason


def test_kernel_that_refuses_what_the_model_scores_is_found() -> None:
    """A refusal on one side alone is a difference, and says whose it is."""
    kernel = compile_kernel(_fitted(), COLUMNS)
    planted = replace(kernel, names=("plan", "active", "spend"))

    proof = prove(planted, _fitted(), _rows(), COLUMNS)

    assert proof.kernel is None
    assert proof.reason == f"the kernel refuses ({proof.cause}) real rows, which the other scores"
    assert isinstance(proof.cause, ValueError)
