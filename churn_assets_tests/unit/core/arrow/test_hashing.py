"""A stable hash of customers' ids."""

import numpy as np
import pyarrow as pa

from churn_assets.core.arrow.hashing import stable_hash

IDS = [f"c{number:05d}" for number in range(1000)]


def test_hash_is_the_same_wherever_it_is_asked() -> None:
    """Neither the rows beside it, nor whether an id is stored as text or as a number, changes a hash."""
    whole = stable_hash(pa.array(["7", "8", "9"]))

    assert np.array_equal(stable_hash(pa.array(["8"])), whole[1:2])
    assert np.array_equal(stable_hash(pa.array([7, 8, 9])), whole)
    assert np.array_equal(stable_hash(pa.chunked_array([["7"], ["8", "9"]])), whole)
    assert whole[0] == 639_464_881_952_108_352, "a changed hash would move every customer between its groups"


def test_each_salt_draws_anew() -> None:
    """Who is in the lower half by one salt is there by another one only as often as by chance."""
    first = stable_hash(pa.array(IDS)) < 2**63
    second = stable_hash(pa.array(IDS), "calibration rows") < 2**63

    assert 400 < first.sum() < 600
    assert 400 < (first == second).sum() < 600
