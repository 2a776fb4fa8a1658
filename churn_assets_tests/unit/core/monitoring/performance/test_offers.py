"""What an offer does, by those who were held out of it."""

import numpy as np
import pytest

from churn_assets.core.monitoring.performance.offers import offer_effect
from churn_assets.core.monitoring.performance.shares import wilson


def test_difference_has_newcombes_interval() -> None:
    """The worked example of Newcombe (1998), method 10: 56/70 against 48/80 differ by 0.2, 0.0524 to 0.3339."""
    effect = offer_effect(offered=80, offered_churners=48, held_out=70, held_out_churners=56)

    assert effect is not None
    assert effect.difference == pytest.approx(0.2)
    assert [effect.low, effect.high] == pytest.approx([0.0524, 0.3339], abs=5e-5)
    assert (effect.offered_rate, effect.held_out_rate) == (0.6, 0.8)


def test_nights_are_those_after_which_two_points_are_seen_four_times_in_five() -> None:
    """Simulated: with so many nights a difference of two points is found about as often as the power says."""
    effect = offer_effect(offered=900, offered_churners=180, held_out=100, held_out_churners=20)
    assert effect is not None
    assert effect.nights is not None
    rng = np.random.default_rng(3)
    nights = effect.nights
    offered, held = nights * 900, nights * 100

    a, b = rng.binomial(offered, 0.198, 4_000) / offered, rng.binomial(held, 0.218, 4_000) / held
    seen = np.abs(b - a) > 1.96 * np.sqrt(a * (1 - a) / offered + b * (1 - b) / held)

    assert nights == 35
    assert seen.mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(("offered", "held_out"), [(0, 5), (5, 0), (0, 0)])
def test_an_empty_group_has_no_difference(offered: int, held_out: int) -> None:
    """Where nobody got an offer, or nobody was held out, there is nothing to compare."""
    assert offer_effect(offered, 0, held_out, 0) is None


@pytest.mark.parametrize("hits", [0, 10])
def test_interval_of_a_share_stays_a_share(hits: int) -> None:
    """Where nobody left, or everybody, the interval ends at 0 or 1 and has a width."""
    low, high = wilson(hits, 10)

    assert 0 <= low < high <= 1
    assert low == 0 or high == 1
    assert high - low == pytest.approx(0.2775, abs=1e-4)
