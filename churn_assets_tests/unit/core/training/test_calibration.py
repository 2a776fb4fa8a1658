"""Probabilities that mean what they say: calibrated by the training, and measured by the evaluation."""

from dataclasses import replace
from functools import cache
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.evaluation.calibration import calibration
from churn_assets.core.evaluation.metrics import measure
from churn_assets.core.models.model import predict
from churn_assets.core.options import Estimator, Recipe
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import _calibration_rows, fit
from churn_assets.core.training.labels import held_out
from churn_assets_tests.factories import labelled_rows

Method = Literal["sigmoid", "isotonic"]
METHODS: list[Method] = ["sigmoid", "isotonic"]
COLUMNS = ("spend", "active", "plan")
SURE: dict[str, Any] = {"learning_rate": 0.5, "max_iter": 60, "min_samples_leaf": 3}


@cache
def _rows() -> LabelledRows:
    return labelled_rows(1500, seed=1)


@cache
def _later() -> LabelledRows:
    return labelled_rows(4000, seed=2)


def _given(rows: LabelledRows, recipe: Recipe) -> NDArray[np.float64]:
    """What a fit to the rows says of later customers."""
    return predict(fit(rows, recipe, COLUMNS), _later().features, COLUMNS)


def _truth(rows: int, seed: int, rate: float = 0.1) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Outcomes, and the probabilities by which they were drawn."""
    rng = np.random.default_rng(seed)
    probability = rng.beta(1, 1 / rate - 1, rows)
    return rng.random(rows) < probability, probability


@pytest.mark.parametrize("method", METHODS)
def test_overconfident_model_is_mended(method: Method) -> None:
    """Trees that are far too sure of themselves have a lower Brier score once they are calibrated."""
    recipe = Recipe(parameters=SURE)

    sure = _given(_rows(), recipe)
    calibrated = _given(_rows(), recipe.model_copy(update={"calibration": method}))

    churned = _later().churned
    assert brier_score_loss(churned, calibrated) < 0.85 * brier_score_loss(churned, sure)
    assert calibration(churned, calibrated)[0] < 0.5 * calibration(churned, sure)[0]
    assert roc_auc_score(churned, calibrated) > roc_auc_score(churned, sure) - 0.04


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("balance", ["none", "weights", "undersample"])
@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "logistic_regression"])
def test_calibrated_probabilities_are_of_the_real_frequency(estimator: Estimator, balance: Any, method: Method) -> None:
    """With any estimator and balance, later customers are given the churn rate of the past, each from 0 to 1."""
    parameters = {"max_iter": 20} if estimator == "hist_gradient_boosting" else {}
    recipe = Recipe(estimator=estimator, parameters=parameters, balance=balance, calibration=method)

    probability = _given(_rows(), recipe)

    assert ((probability >= 0) & (probability <= 1)).all()
    assert probability.mean() == pytest.approx(_rows().churned[_calibration_rows(_rows())].mean(), abs=0.03)
    assert roc_auc_score(_later().churned, probability) > 0.75


def test_calibration_customers_are_not_learnt_from() -> None:
    """The ranking is that of a fit to the other customers alone, whatever those held back did."""
    rows = _rows()
    held_back = _calibration_rows(rows)
    recipe = Recipe(estimator="logistic_regression", calibration="sigmoid")
    noisy = replace(rows, churned=np.where(held_back & (np.arange(1500) % 3 == 0), ~rows.churned, rows.churned))

    alone = _given(rows.keep(~held_back), recipe.model_copy(update={"calibration": "none"}))
    once, other = (_given(each, recipe) for each in (rows, noisy))

    assert np.argsort(once, kind="stable").tolist() == np.argsort(alone, kind="stable").tolist()
    assert np.argsort(other, kind="stable").tolist() == np.argsort(alone, kind="stable").tolist()
    assert np.abs(other - once).max() > 0.05


def test_customers_who_are_learnt_from_do_not_calibrate() -> None:
    """Outcomes turned around among the customers that are fitted turn the ranking around, not the frequency."""
    rows = _rows()
    held_back = _calibration_rows(rows)
    turned = replace(rows, churned=np.where(held_back, rows.churned, ~rows.churned))

    probability = _given(turned, Recipe(estimator="logistic_regression", calibration="sigmoid"))

    assert turned.churned.mean() > 0.6
    assert probability.mean() == pytest.approx(rows.churned[held_back].mean(), abs=0.03)
    assert roc_auc_score(_later().churned, probability) > 0.75


def test_a_fifth_of_the_customers_is_kept_with_all_their_rows() -> None:
    """A customer is held back on every day or on none, and about a fifth of them are; so of those not held out."""
    ids = pa.array([f"c{number % 1000:05d}" for number in range(3000)])
    rows = labelled_rows(3000, seed=3)
    met_thrice = LabelledRows(rows.features.set_column(0, "customer_id", ids), rows.churned, rows.days)

    held_back = _calibration_rows(met_thrice)

    assert held_back[:1000].tolist() == held_back[1000:2000].tolist() == held_back[2000:].tolist()
    assert held_back.mean() == pytest.approx(0.2, abs=0.04)
    assert held_back[~held_out(met_thrice.ids)].mean() == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("method", METHODS)
def test_same_data_gives_the_same_calibrated_model(method: Method) -> None:
    """Fitted twice, a calibrated model gives the same probabilities to the last digit."""
    recipe = Recipe(parameters={"max_iter": 10}, balance="undersample", calibration=method)

    once, again = (_given(_rows(), recipe) for _ in range(2))

    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize("kind", [True, False])
def test_too_few_to_calibrate_on_is_told(kind: bool) -> None:  # noqa: FBT001
    """With nine of either kind among those held back there is no calibration; the sentence says how many, and what."""
    rows = _rows()
    held_back = _calibration_rows(rows)
    few = np.where(held_back, np.cumsum(held_back) <= 9, np.arange(1500) % 2 == 0) == kind
    kept, churners = int(held_back.sum()), int(few[held_back].sum())

    with pytest.raises(TrainingImpossible) as refused:
        fit(replace(rows, churned=few), Recipe(calibration="sigmoid"), COLUMNS)

    assert str(refused.value).startswith(
        f"{kept} rows are kept for the calibration, of which {churners} churned: at least"
    )
    assert str(refused.value).endswith("set training.calibration: none")
    assert churners == (9 if kind else kept - 9)


def test_ten_of_each_kind_are_enough_to_calibrate_on() -> None:
    """With one churner more than too few, the model is calibrated, by either method."""
    rows = _rows()
    held_back = _calibration_rows(rows)
    enough = replace(rows, churned=np.where(held_back, np.cumsum(held_back) <= 10, rows.churned))

    for method in METHODS:
        probability = _given(enough, Recipe(estimator="logistic_regression", calibration=method))
        assert np.isfinite(probability).all()


def test_too_few_to_fit_on_is_told_beside_a_calibration() -> None:
    """Where all churners are held back, nothing is there to learn from, and that is the sentence."""
    rows = _rows()
    held_back = _calibration_rows(rows)
    all_held_back = replace(rows, churned=rows.churned & held_back)

    with pytest.raises(TrainingImpossible, match=f"^training has {(~held_back).sum()} rows, of which 0 churned"):
        fit(all_held_back, Recipe(calibration="isotonic"), COLUMNS)


@pytest.mark.parametrize("rows", [500, 3000, 20_000])
def test_right_probabilities_err_by_chance(rows: int) -> None:
    """The error of probabilities that are exactly right is, on average, what is told of chance."""
    measured = np.array([calibration(*_truth(rows, seed)) for seed in range(40)])

    error, chance = measured[:, 0], measured[:, 1]
    assert 0.8 < error.mean() / chance.mean() < 1.2
    assert np.quantile(error / chance, 0.9) < 2


def test_chance_shrinks_with_rows() -> None:
    """With a hundred times the customers, chance is a tenth."""
    few, many = (calibration(*_truth(rows, seed=1))[1] for rows in (2000, 200_000))

    assert many == pytest.approx(few / 10, rel=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_undersampled_and_uncorrected_is_far_beyond_chance(seed: int) -> None:
    """Probabilities of balanced classes, given to customers of whom a tenth churns, are found wrong."""
    churned, probability = _truth(3000, seed)
    balanced = probability * 0.9 / (probability * 0.9 + (1 - probability) * 0.1)

    error, chance = calibration(churned, balanced)

    assert error > 10 * chance
    assert error > 0.5 * churned.mean()
    assert error == pytest.approx(balanced.mean() - churned.mean(), abs=0.01)


def test_error_of_an_example() -> None:
    """With 20 of either kind there are two bins; each errs by its mean probability less its churn rate."""
    churned = np.r_[np.arange(20) < 5, np.arange(20) < 15]
    probability = np.r_[np.full(20, 0.1), np.full(20, 0.7)]

    error, chance = calibration(churned, probability)

    assert error == pytest.approx((abs(0.25 - 0.1) + abs(0.75 - 0.7)) / 2)
    assert chance == pytest.approx(np.sqrt(2 / np.pi / 20) * (np.sqrt(0.1 * 0.9) + np.sqrt(0.7 * 0.3)) / 2)


@pytest.mark.parametrize("churners", [1, 9, 19])
def test_few_churners_are_one_bin(churners: int) -> None:
    """With less than twenty churners only the means are compared: an order that is upside down goes unseen."""
    churned = np.arange(200) < churners

    error, _ = calibration(churned, np.linspace(0, 2 * churners / 200, 200))

    assert error == pytest.approx(0, abs=1e-12)


def test_ten_bins_at_most() -> None:
    """A wave within a tenth of the customers averages out, one over several is seen."""
    ranks = np.arange(2000)
    probability = 0.4 + 0.2 * ranks / 2000

    within, over = (calibration(ranks // wave % 2 == 0, probability)[0] for wave in (10, 400))

    assert within < 0.06
    assert over > 0.4


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_the_customers_does_not_matter(seed: int) -> None:
    """However the rows come, the error is the same, also where many customers share a probability."""
    rng = np.random.default_rng(5)
    probability = rng.choice([0.05, 0.1, 0.4], 1000)
    churned = rng.random(1000) < probability
    order = np.random.default_rng(seed).permutation(1000)

    assert calibration(churned[order], probability[order]) == pytest.approx(calibration(churned, probability))


def test_few_right_values_are_right_in_any_order() -> None:
    """Rules that give everybody the base rate err by nothing, also where the churners come first."""
    churned = np.arange(1000) < 100

    error, chance = calibration(churned, np.full(1000, 0.1))

    assert error < 2 * chance


def test_measure_tells_both() -> None:
    """The metrics of a model hold its calibration error and what chance gives."""
    churned, probability = _truth(1000, seed=6)

    metrics = measure(churned, probability)

    assert (metrics.calibration_error, metrics.calibration_chance) == calibration(churned, probability)
    assert 0 < metrics.calibration_error < 0.1
