"""Customers of one day met again on another."""

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.arrow.matching import places_of


@pytest.mark.parametrize("seed", range(5))
def test_places_are_those_of_a_dictionary(seed: int) -> None:
    """Ids of any length and script, also beginnings of one another, wherever a slice or a chunk begins."""
    rng = np.random.default_rng(seed)
    pool = sorted({"".join(rng.choice(list("abé0"), rng.integers(0, 5))) for _ in range(300)}, key=str.encode)
    ids, others = ([text for text in pool if rng.random() < 0.6] for _ in range(2))
    cut = len(others) // 3

    found = places_of(
        pa.array(["", *ids])[1:], pa.chunked_array([pa.array(others[:cut], pa.string()), pa.array(others[cut:])])
    )

    there = {text: place for place, text in enumerate(others)}
    assert found.tolist() == [there.get(text, -1) for text in ids]
    assert (found >= 0).any()
    assert (found < 0).any()


@pytest.mark.parametrize(("ids", "others"), [([], ["a"]), (["a"], []), ([], [])])
def test_nobody_is_met_where_nobody_is(ids: list[str], others: list[str]) -> None:
    """An empty side is no fault."""
    found = places_of(pa.array(ids, pa.string()), pa.array(others, pa.string()))

    assert found.tolist() == [-1] * len(ids)
