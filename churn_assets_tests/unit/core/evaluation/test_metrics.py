"""How good probabilities were on outcomes they could not know."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.evaluation.metrics import measure, strongest_feature


def test_metrics_of_a_small_example() -> None:
    """The metrics are those that can be worked out by hand."""
    churned = np.array([True, False, True, False])
    probability = np.array([0.9, 0.8, 0.6, 0.1])

    metrics = measure(churned, probability)

    assert (metrics.rows, metrics.churners) == (4, 2)
    assert metrics.roc_auc == pytest.approx(3 / 4)
    assert metrics.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert metrics.brier == pytest.approx((0.1**2 + 0.8**2 + 0.4**2 + 0.1**2) / 4)


@settings(deadline=None, max_examples=60)
@given(pairs=st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=2, max_size=30))
def test_roc_auc_is_the_share_of_pairs_in_order(pairs: list[tuple[bool, int]]) -> None:
    """ROC-AUC is the chance that a churner ranks above another customer, ties counting half."""
    churned = np.array([left for left, _ in pairs])
    probability = np.array([score / 10 for _, score in pairs])
    if churned.all() or not churned.any():
        return
    above = [np.sign(p - q) / 2 + 0.5 for p in probability[churned] for q in probability[~churned]]

    metrics = measure(churned, probability)

    assert metrics.roc_auc == pytest.approx(np.mean(above))
    assert 0 <= metrics.brier <= 1


@pytest.mark.parametrize(("churned", "count"), [([True] * 3, 3), ([False] * 3, 0), ([], 0)], ids=str)
def test_outcomes_of_one_kind_are_refused(churned: list[bool], count: int) -> None:
    """Where everybody churned or nobody did, or no outcome is known, nothing can be judged; the counts are told."""
    with pytest.raises(TrainingImpossible, match=f"^{count} of {len(churned)} customers with a known outcome churned"):
        measure(np.array(churned, dtype=bool), np.zeros(len(churned)))


def test_infinite_and_missing_values_are_ranked_without_a_warning() -> None:
    """A feature may be infinite for some and missing for others: both are ranked, and nothing overflows."""
    churned = np.array([True, False] * 20)
    frame = pd.DataFrame({"ratio": np.where(churned, -np.inf, np.nan), "noise": np.arange(40.0)})

    found = strongest_feature(frame, churned, frame, churned)

    assert found == ("ratio", 1.0)
