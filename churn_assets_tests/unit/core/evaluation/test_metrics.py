"""How good probabilities were on outcomes they could not know."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.evaluation.bootstrap import difference_of_roc_auc
from churn_assets.core.evaluation.metrics import compare, measure


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


def test_comparison_tells_both_on_the_same_customers() -> None:
    """Beside others' probabilities stand theirs, the difference, and how sure it is."""
    rng = np.random.default_rng(12)
    churned = rng.random(800) < 0.2
    ours, theirs = rng.normal(size=800) + 1.5 * churned, rng.normal(size=800) + 0.5 * churned
    ours, theirs = (1 / (1 + np.exp(-each)) for each in (ours, theirs))

    comparison = compare("champion", "20260101-00000000", churned, ours, theirs)

    assert (comparison.kind, comparison.version, comparison.rows) == ("champion", "20260101-00000000", 800)
    assert comparison.roc_auc == pytest.approx(roc_auc_score(churned, theirs))
    assert comparison.roc_auc + comparison.difference == pytest.approx(roc_auc_score(churned, ours))
    assert 0 < comparison.interval.low < comparison.difference < comparison.interval.high
    assert (comparison.difference, comparison.interval) == difference_of_roc_auc(churned, ours, theirs)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("published", "the scores published on that day (v7)"),
        ("champion", "the recipe of champion v7"),
        ("rules", "the profile's rules"),
    ],
)
def test_comparison_says_with_whom(kind: Any, words: str) -> None:
    """Each kind of comparison has its words."""
    churned = np.arange(40) % 4 == 0

    comparison = compare(kind, "v7", churned, np.linspace(0, 1, 40), np.full(40, 0.25))

    assert comparison.words == words
    assert comparison.roc_auc == 0.5


@pytest.mark.parametrize("left", [True, False])
def test_outcomes_of_one_kind_cannot_be_compared(left: bool) -> None:  # noqa: FBT001
    """Where everybody left, or nobody did, there is nothing to compare on."""
    with pytest.raises(TrainingImpossible, match="nothing to tell apart"):
        compare("rules", "r", np.full(30, left), np.linspace(0, 1, 30), np.linspace(1, 0, 30))
