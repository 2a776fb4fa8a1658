"""How good a model was, and whether that is enough."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.core.card import Metrics
from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.evaluation import measure
from churn_assets.core.gates import gate_names, judge
from churn_assets.core.options import GateBounds


def _metrics(roc_auc: float = 0.8, brier: float = 0.08) -> Metrics:
    """A tenth of 100 customers churned: giving everybody the base rate costs 0.09."""
    return Metrics(rows=100, churners=10, roc_auc=roc_auc, average_precision=0.3, brier=brier)


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


def test_good_model_passes_every_gate() -> None:
    """Each gate is told with its number and its bound, also where it is passed."""
    gates = judge(_metrics(), GateBounds())

    assert [(gate.name, gate.passed) for gate in gates] == [("min_roc_auc", True), ("brier_below_base_rate", True)]
    assert gates[0].finding == "ROC-AUC 0.8000, at least 0.6 wanted (gates.min_roc_auc)"
    assert "0.0800" in gates[1].finding
    assert "0.0900" in gates[1].finding


@pytest.mark.parametrize(("roc_auc", "passed"), [(0.6, True), (float(np.nextafter(0.6, 0)), False)])
def test_bound_of_roc_auc_is_reached_by_itself(roc_auc: float, passed: bool) -> None:  # noqa: FBT001
    """`min_roc_auc` is enough; a hair below is not."""
    gate = judge(_metrics(roc_auc=roc_auc), GateBounds(min_roc_auc=0.6))[0]

    assert gate.passed is passed


@pytest.mark.parametrize(("brier", "passed"), [(0.0899, True), (0.1 * 0.9, False), (0.2, False)])
def test_brier_must_lie_below_the_base_rate(brier: float, passed: bool) -> None:  # noqa: FBT001
    """A model that is no better than telling everybody the base rate misses its gate."""
    gate = judge(_metrics(brier=brier), GateBounds())[1]

    assert gate.passed is passed


@pytest.mark.parametrize("below", [True, False])
def test_gate_names_are_those_that_are_judged(below: bool) -> None:  # noqa: FBT001
    """The names told beforehand are the names of the gates that are judged, in their order."""
    bounds = GateBounds(brier_below_base_rate=below)

    assert gate_names(bounds) == [gate.name for gate in judge(_metrics(), bounds)]
    assert ("brier_below_base_rate" in gate_names(bounds)) is below
