"""Which customers are scored by the canary."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.core.scoring.rows import in_canary
from churn_assets.core.training.labels import held_out

IDS = pa.array([f"customer {number}" for number in range(20_000)])


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.5, 0.9])
def test_share_is_respected(share: float) -> None:
    """As many customers as the share says, but for what drawing each by itself makes of it."""
    inside = in_canary(IDS, share)

    deviation = math.sqrt(share * (1 - share) / len(IDS))
    assert abs(inside.mean() - share) < 4 * deviation


def test_none_and_all() -> None:
    """A share of 0 holds nobody, one of 1 everybody."""
    assert not in_canary(IDS, 0.0).any()
    assert in_canary(IDS, 1.0).all()


@settings(deadline=None, max_examples=20)
@given(shares=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_a_larger_share_keeps_whom_a_smaller_held(shares: list[float]) -> None:
    """A canary that grows loses nobody."""
    ids = IDS[:2000]

    smaller, larger = (in_canary(ids, share) for share in shares)

    assert not (smaller & ~larger).any()


@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_customers_stay_in_their_arm(data: st.DataObject) -> None:
    """In any batch and any order, a customer is in the same arm."""
    few = IDS[:50]
    order = data.draw(st.permutations(range(50)), "order")
    cut = data.draw(st.integers(0, 50), "cut")
    whole = in_canary(few, 0.4)

    parts = [in_canary(few.take(pa.array(part, pa.int64())), 0.4) for part in (order[:cut], order[cut:])]

    assert np.concatenate(parts).tolist() == whole[order].tolist()
    assert in_canary(pa.chunked_array([few[:7], few[7:7], few[7:]]), 0.4).tolist() == whole.tolist()


def test_numbers_are_the_same_ids_as_text() -> None:
    """Ids that are whole numbers fall where the same ids as text fall."""
    numbers = pa.array(range(-500, 500), pa.int64())

    inside = in_canary(numbers, 0.3)

    assert inside.tolist() == in_canary(numbers.cast(pa.string()), 0.3).tolist()
    assert 0 < inside.sum() < 1000


def test_arms_are_pinned() -> None:
    """Who is in the arm stays the same over releases: a customer does not change arms by an upgrade."""
    inside = in_canary(pa.array(["a", "b", "c", "d", "1", "2", "é", ""]), 0.5)

    assert inside.tolist() == [False, True, True, True, True, False, True, False]


def test_arm_does_not_follow_the_hold_out() -> None:
    """The hold-out of a labelled export has the same share in the arm as everybody else."""
    held = held_out(IDS)

    inside = in_canary(IDS, 0.2)

    assert abs(inside[held].mean() - 0.2) < 0.03
    assert abs(inside[~held].mean() - 0.2) < 0.015


def test_nobody_has_no_arm() -> None:
    """No ids give no answer, and no crash."""
    assert in_canary(pa.array([], pa.string()), 0.5).tolist() == []
    assert in_canary(pa.chunked_array([], pa.int64()), 0.5).tolist() == []
