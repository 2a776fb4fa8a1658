"""A sample takes customers whatever they did: nothing that is learnt from it is shifted."""

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.features import to_model_frame
from churn_assets.core.options import Recipe
from churn_assets.core.training.fitting import fit
from churn_assets.core.training.labels import held_out
from churn_assets.core.training.sampling import in_sample, sample_rate
from churn_assets_tests.factories import labelled_rows


def names(count: int) -> pa.Array:
    """Customers."""
    return pa.array([f"c{number:06d}" for number in range(count)])


@pytest.mark.parametrize(
    ("rows", "max_rows", "rate"),
    [
        (1000, 1000, 1.0),
        (1000, None, 1.0),
        (0, 5, 1.0),
        (1001, 1000, 0.999),
        (10_000_000, 2_000_000, 0.2),
        (3, 1, 0.3333),
        (10**9, 1, 0.0001),
    ],
)
def test_the_rate_keeps_rows_within_the_bound(rows: int, max_rows: int | None, rate: float) -> None:
    """No rows are left out below the bound; above it the rate is rounded down, and never nothing."""
    assert sample_rate(rows, max_rows) == rate


@pytest.mark.parametrize("rate", [0.0001, 0.05, 0.2, 0.5, 0.9999, 1.0])
def test_a_sample_has_the_share_that_was_asked(rate: float) -> None:
    """Within five standard deviations of chance, of 100,000 customers."""
    count = 100_000

    taken = in_sample(names(count), rate).sum()

    assert abs(taken - count * rate) <= 5 * np.sqrt(count * rate * (1 - rate))


def test_who_is_in_a_sample_follows_from_the_id_alone() -> None:
    """The same customers in another order and among others, and in every larger sample too."""
    ids = names(5000)
    taken = in_sample(ids, 0.3)
    at = np.random.default_rng(5).permutation(5000)[:3000]

    again = in_sample(ids.take(pa.array(at)), 0.3)
    more = in_sample(ids, 0.4)

    assert (again == taken[at]).all()
    assert (more | ~taken).all()
    assert more.sum() > taken.sum()


def test_a_sample_does_not_prefer_who_is_held_out() -> None:
    """The draw is one of its own: a fifth of any sample is held out, as of everybody."""
    ids = names(100_000)

    held = held_out(ids)[in_sample(ids, 0.2)]

    assert abs(held.mean() - 0.2) < 5 * np.sqrt(0.2 * 0.8 / len(held))


@pytest.mark.parametrize("calibration", ["none", "sigmoid"])
def test_probabilities_are_not_shifted_by_sampling(calibration: str) -> None:
    """A model of a fifth of the customers gives everybody the base rate of everybody, within chance."""
    rows = labelled_rows(40_000, seed=11)
    recipe = Recipe(estimator="hist_gradient_boosting", calibration=calibration)  # type: ignore[arg-type]  # one of its words
    columns = tuple(rows.features.column_names[1:])
    sampled = rows.keep(in_sample(rows.ids, 0.2))

    model = fit(sampled, recipe, columns)

    base = rows.churned.mean()
    mean = model.predict_proba(to_model_frame(rows.features, columns))[:, 1].mean()
    chance = np.sqrt(base * (1 - base) / len(sampled.churned))
    assert abs(sampled.churned.mean() - base) < 4 * chance
    assert abs(mean - base) < 4 * chance
