"""One rule for what lies between two edges."""

import numpy as np
import pytest

from churn_assets.core.scoring.histogram import TWENTIETHS, counts_between


@pytest.mark.parametrize("edge", TWENTIETHS)
def test_an_edge_belongs_to_the_bin_above_it(edge: float) -> None:
    """A probability on an edge counts above it, the last double before the edge below it: also at 0.45 and 0.9."""
    below, on, above = np.nextafter(edge, 0), edge, np.nextafter(edge, 1)

    bins = [int(np.flatnonzero(counts_between(np.array([value]), TWENTIETHS))[0]) for value in (below, on, above)]

    at = TWENTIETHS.index(edge)
    assert bins == [at, at + 1, at + 1]


def test_the_ends_are_counted() -> None:
    """Nothing falls outside: 0 is in the first bin and 1 in the last."""
    counts = counts_between(np.array([0.0, 1.0, 1.0]), TWENTIETHS)

    assert (len(counts), counts[0], counts[-1], counts.sum()) == (20, 1, 2, 3)


def test_nothing_has_no_counts() -> None:
    """Of no values every bin is empty."""
    counts = counts_between(np.empty(0), (0.5,))

    assert counts.tolist() == [0, 0]
