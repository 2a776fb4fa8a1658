"""Whether a model is good enough to be promoted: each gate with its number and its bound."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.core.evaluation.gates import gate_names, judge
from churn_assets.core.evaluation.results import Comparison, Evidence, Gate, Interval, Slice
from churn_assets.core.options import GateBounds
from churn_assets_tests.factories import made_up_metrics

EVERY_BOUND = GateBounds(min_slice_roc_auc=0.6, min_disparate_impact=0.8)
CALIBRATED = (
    "calibration error 0.0100, at most 0.0550 wanted, 0.5 of the base rate and 0.0050 that chance alone gives "
    "(gates.max_calibration_error)"
)
NO_LEAK = (
    "spend alone reaches ROC-AUC 0.7000, at most 0.97 wanted: more looks like knowledge of the outcome "
    "(gates.max_feature_roc_auc)"
)
NOT_TOO_GOOD = (
    "ROC-AUC 0.8000, at most 0.995 wanted: more is too good to be true; look at the strongest features on the model's "
    "card, and whether a column is filled after the customer left (gates.max_roc_auc)"
)
NULLABLE = [
    "max_calibration_error",
    "max_feature_roc_auc",
    "max_roc_auc",
    "max_roc_auc_loss",
    "min_slice_roc_auc",
    "min_disparate_impact",
]


def _evidence(**metrics: Any) -> Evidence:
    """What the backtest of a good model found."""
    return Evidence(metrics=made_up_metrics(**metrics), strongest_feature="spend", strongest_roc_auc=0.7)


def _gate(name: str, evidence: Evidence, **bounds: Any) -> Gate:
    """The one gate of this name."""
    [gate] = [gate for gate in judge(evidence, GateBounds(**bounds)) if gate.name == name]
    return gate


def _beside(
    kind: Any = "published", *, difference: float = -0.01, low: float = -0.03, high: float = 0.01
) -> Comparison:
    return Comparison(
        kind=kind,
        version="v1",
        rows=500,
        roc_auc=0.81,
        difference=difference,
        interval=Interval(low=low, high=high),
    )


def _group(value: str, **changes: Any) -> Slice:
    """A large group that is ranked well and selected as often as any other."""
    given: dict[str, Any] = {"column": "plan", "value": value, "rows": 100, "base_rate": 0.1, "mean_score": 0.1}
    given |= {"roc_auc": 0.8, "selection_rate": 0.2, "disparate_impact": 1.0}
    return Slice(**given | changes)


def test_good_model_passes_every_gate() -> None:
    """Each gate is told with its number and its bound, also where it is passed, in a fixed order."""
    gates = judge(_evidence(), GateBounds())

    assert [(gate.name, gate.passed) for gate in gates] == [
        ("min_rows", True),
        ("min_churners", True),
        ("min_roc_auc", True),
        ("min_average_precision", True),
        ("brier_below_base_rate", True),
        ("max_calibration_error", True),
        ("max_feature_roc_auc", True),
        ("max_roc_auc", True),
        ("max_roc_auc_loss", True),
        ("beats_rules", True),
        ("reproducible", True),
    ]
    assert [gate.finding for gate in gates] == [
        "1000 customers with a known outcome, at least 100 wanted (gates.min_rows)",
        "100 of them churned, at least 10 wanted (gates.min_churners)",
        "ROC-AUC 0.8000, at least 0.6 wanted (gates.min_roc_auc)",
        "average precision 0.3000, above the base rate 0.1000 and at least 0 wanted (gates.min_average_precision)",
        "Brier 0.0800, below the base rate's 0.0900 wanted (gates.brier_below_base_rate)",
        CALIBRATED,
        NO_LEAK,
        NOT_TOO_GOOD,
        "nothing to compare with yet (gates.max_roc_auc_loss)",
        "the profile has no rules to beat",
        "the same bits in every fit: known of this estimator, or nothing is fitted here (gates.reproducible)",
    ]


@pytest.mark.parametrize("evidence", [_evidence(), Evidence(is_rules=True)], ids=["judged", "not judged"])
def test_finding_names_the_key_of_its_bound(evidence: Evidence) -> None:
    """Who reads a finding is told under which key its bound stands, where it has one, and no key that is not there."""
    for gate in judge(evidence, EVERY_BOUND):
        assert (f"(gates.{gate.name})" in gate.finding) is (gate.name in GateBounds.model_fields)


@pytest.mark.parametrize(("rows", "passed"), [(100, True), (99, False)])
def test_few_customers_are_too_few(rows: int, passed: bool) -> None:  # noqa: FBT001
    """`min_rows` is enough; one less is not."""
    assert _gate("min_rows", _evidence(rows=rows, churners=20), min_rows=100).passed is passed


@pytest.mark.parametrize(("churners", "passed"), [(10, True), (9, False)])
def test_few_churners_are_too_few(churners: int, passed: bool) -> None:  # noqa: FBT001
    """`min_churners` is enough; one less is not."""
    assert _gate("min_churners", _evidence(churners=churners), min_churners=10).passed is passed


@pytest.mark.parametrize(("roc_auc", "passed"), [(0.6, True), (float(np.nextafter(0.6, 0)), False)])
def test_bound_of_roc_auc_is_reached_by_itself(roc_auc: float, passed: bool) -> None:  # noqa: FBT001
    """`min_roc_auc` is enough; a hair below is not."""
    assert _gate("min_roc_auc", _evidence(roc_auc=roc_auc), min_roc_auc=0.6).passed is passed


@pytest.mark.parametrize(
    ("precision", "bound", "passed"),
    [
        (0.1, 0.0, False),
        (float(np.nextafter(0.1, 1)), 0.0, True),
        (0.25, 0.25, True),
        (float(np.nextafter(0.25, 0)), 0.25, False),
        (0.09, 0.05, False),
    ],
)
def test_average_precision_lies_above_base_rate_and_bound(precision: float, bound: float, passed: bool) -> None:  # noqa: FBT001
    """A model must beat picking at random, whatever the bound, and reach the bound."""
    gate = _gate("min_average_precision", _evidence(average_precision=precision), min_average_precision=bound)

    assert gate.passed is passed


@pytest.mark.parametrize(("brier", "passed"), [(0.0899, True), (0.1 * 0.9, False), (0.2, False)])
def test_brier_must_lie_below_the_base_rate(brier: float, passed: bool) -> None:  # noqa: FBT001
    """A model that is no better than telling everybody the base rate misses its gate."""
    assert _gate("brier_below_base_rate", _evidence(brier=brier)).passed is passed


@pytest.mark.parametrize(("error", "passed"), [(0.02 + 0.005, True), (0.0251, False)])
def test_calibration_is_a_share_of_the_base_rate_and_what_chance_gives(error: float, passed: bool) -> None:  # noqa: FBT001
    """The error may reach the configured share of the base rate, beyond what so few rows give by chance."""
    gate = _gate("max_calibration_error", _evidence(calibration_error=error), max_calibration_error=0.2)

    assert gate.passed is passed


@pytest.mark.parametrize(
    ("undersampled", "bound", "expected"),
    [
        (True, None, "0.0300"),
        (True, 0.5, "0.0300"),
        (True, 0.2, "0.0250"),
        (False, 0.2, "0.0250"),
        (False, None, None),
    ],
)
def test_calibration_after_undersampling_is_always_looked_at(
    undersampled: bool,  # noqa: FBT001
    bound: float | None,
    expected: str | None,
) -> None:
    """A quarter of the base rate holds for a model whose probabilities were corrected back, whatever is configured."""
    evidence = _evidence().model_copy(update={"undersampled": undersampled})

    findings = [gate.finding for gate in judge(evidence, GateBounds(max_calibration_error=bound))]

    assert [f"at most {expected} wanted" in each for each in findings if "calibration error" in each] == (
        [True] if expected else []
    )


@pytest.mark.parametrize(("reached", "passed"), [(0.97, True), (float(np.nextafter(0.97, 1)), False)])
def test_feature_that_knows_the_outcome_is_told(reached: float, passed: bool) -> None:  # noqa: FBT001
    """A single feature that ranks nearly everybody right looks like a leak; it is named."""
    evidence = Evidence(metrics=made_up_metrics(), strongest_feature="exit_survey", strongest_roc_auc=reached)

    gate = _gate("max_feature_roc_auc", evidence)

    assert gate.passed is passed
    assert gate.finding.startswith("exit_survey alone reaches")


@pytest.mark.parametrize(("reached", "passed"), [(0.97, True), (float(np.nextafter(0.97, 1)), False)])
def test_pair_that_knows_the_outcome_is_told(reached: float, passed: bool) -> None:  # noqa: FBT001
    """Two features are held to the bound of one; both are named."""
    found = {"strongest_pair": ("door", "window"), "strongest_pair_roc_auc": reached}

    gate = _gate("max_feature_roc_auc", _evidence().model_copy(update=found))

    assert gate.passed is passed
    assert gate.finding.startswith("spend alone reaches ROC-AUC 0.7000, door and window together 0.97")


@pytest.mark.parametrize(("roc_auc", "passed"), [(0.995, True), (float(np.nextafter(0.995, 1)), False)])
def test_backtest_that_is_too_good_is_told(roc_auc: float, passed: bool) -> None:  # noqa: FBT001
    """A backtest that ranks nearly everybody right is not believed."""
    assert _gate("max_roc_auc", _evidence(roc_auc=roc_auc)).passed is passed


def test_evaluation_from_before_pairs_stands_as_it_was() -> None:
    """What was recorded before pairs were looked at is read, and judged by what it holds."""
    earlier = _evidence().model_dump(mode="json", exclude={"strongest_pair", "strongest_pair_roc_auc"})

    evidence = Evidence.model_validate(earlier)

    assert all(gate.passed for gate in judge(evidence, GateBounds()))
    assert _gate("max_feature_roc_auc", evidence).finding == NO_LEAK


@pytest.mark.parametrize(
    ("low", "difference", "high", "passed"),
    [
        (-0.02, -0.015, -0.01, True),
        (-0.021, -0.015, -0.01, False),
        (-0.3, -0.02, 0.2, True),
        (-0.3, -0.02, -0.001, False),
        (-0.3, -0.021, 0.2, False),
        (0.01, 0.02, 0.03, True),
    ],
    ids=["proven", "surely worse, perhaps by more", "chance explains it", "it does not", "too much", "better"],
)
def test_worse_is_who_loses_more_than_is_accepted(low: float, difference: float, high: float, passed: bool) -> None:  # noqa: FBT001
    """A model passes that surely loses no more than 0.02; or that did not, where chance explains the difference."""
    evidence = _evidence().model_copy(update={"comparison": _beside(difference=difference, low=low, high=high)})

    assert _gate("max_roc_auc_loss", evidence, max_roc_auc_loss=0.02).passed is passed


@pytest.mark.parametrize(
    ("kind", "words"),
    [("published", "the scores published on that day (v1)"), ("champion", "the recipe of champion v1")],
)
def test_comparison_is_told_with_its_interval(kind: str, words: str) -> None:
    """Beside what the model was judged, on how many customers, by how much it differs, and how sure that is."""
    evidence = _evidence().model_copy(update={"comparison": _beside(kind)})

    finding = _gate("max_roc_auc_loss", evidence).finding

    assert finding.startswith(f"ROC-AUC -0.0100 [-0.0300, 0.0100] against 0.8100 of {words}, on 500 customers, ")
    assert "at most 0.02 less wanted" in finding


@pytest.mark.parametrize(("difference", "passed"), [(1e-9, True), (0.0, False), (-0.1, False)])
def test_trained_model_must_beat_the_rules(difference: float, passed: bool) -> None:  # noqa: FBT001
    """Where the profile has rules, a model that is not better than these is not worth its training; no bound is set."""
    evidence = _evidence().model_copy(update={"rules": _beside("rules", difference=difference)})

    gate = _gate("beats_rules", evidence)

    assert gate.passed is passed
    assert "of the profile's rules, on 500 customers, more wanted" in gate.finding


def test_rules_need_not_beat_themselves() -> None:
    """Rules that are judged as a model pass that gate in words of their own."""
    gate = _gate("beats_rules", _evidence().model_copy(update={"is_rules": True}))

    assert (gate.passed, gate.finding) == (True, "these are the rules")


@pytest.mark.parametrize(
    ("name", "figure", "listed"),
    [("min_slice_roc_auc", "roc_auc", "0.5900"), ("min_disparate_impact", "disparate_impact", "0.59")],
)
def test_group_below_its_bound_is_told(name: str, figure: str, listed: str) -> None:
    """Large groups below the bound are named with their figure; those at it, small ones and untold ones are not."""
    groups = (
        _group("at the bound", **{figure: 0.6}),
        _group("below", **{figure: 0.59}),
        _group("too small", rows=99, **{figure: 0.1}),
        _group("untold", **{figure: None}),
    )
    evidence = _evidence().model_copy(update={"slices": groups})

    gate = _gate(name, evidence, **{name: 0.6})

    assert not gate.passed
    assert f"below: plan below {listed} (gates." in gate.finding


@pytest.mark.parametrize("name", ["min_slice_roc_auc", "min_disparate_impact"])
def test_groups_at_their_bound_pass(name: str) -> None:
    """Where no large group lies below the bound the gate is passed, and says that there is none."""
    groups = (_group("basic"), _group("too small", rows=99, roc_auc=0.1, disparate_impact=0.1))
    evidence = _evidence().model_copy(update={"slices": groups})

    gate = _gate(name, evidence, **{name: 0.6})

    assert gate.passed
    assert "below: none (gates." in gate.finding


def _names(bounds: GateBounds) -> list[str]:
    return gate_names(bounds, undersampled=False)


FOUND = [
    _evidence(),
    _evidence().model_copy(update={"undersampled": True}),
    _evidence().model_copy(
        update={"comparison": _beside(), "rules": _beside("rules"), "slices": (_group("basic", roc_auc=0.1),)}
    ),
    Evidence(is_rules=True),
    Evidence(is_rules=True, undersampled=True),
]


@pytest.mark.parametrize("name", NULLABLE)
def test_bound_of_null_leaves_its_gate_out(name: str) -> None:
    """A gate whose bound is null is not looked at, and the others are as they were."""
    without = EVERY_BOUND.model_copy(update={name: None})

    assert _names(without) == [each for each in _names(EVERY_BOUND) if each != name]


def test_brier_can_be_left_out() -> None:
    """The one gate without a number is left out by saying no."""
    without = GateBounds(brier_below_base_rate=False)

    assert _names(without) == [each for each in _names(GateBounds()) if each != "brier_below_base_rate"]


@settings(deadline=None, max_examples=50)
@given(left_out=st.sets(st.sampled_from(NULLABLE)), below=st.booleans(), evidence=st.sampled_from(FOUND))
def test_gate_names_are_those_that_are_judged(
    left_out: set[str],
    below: bool,  # noqa: FBT001
    evidence: Evidence,
) -> None:
    """The names told beforehand are the names of the gates that are judged, in their order, whatever was found."""
    bounds = EVERY_BOUND.model_copy(update={"brier_below_base_rate": below, **dict.fromkeys(left_out)})

    gates = judge(evidence, bounds)

    assert [gate.name for gate in gates] == gate_names(bounds, undersampled=evidence.undersampled)
    assert len({gate.name for gate in gates}) == len(gates)


def test_nothing_is_judged_before_an_outcome_is_known() -> None:
    """Rules whose outcomes are not known yet pass every gate, and each says that it was not judged."""
    gates = judge(Evidence(is_rules=True), EVERY_BOUND)

    assert all(gate.passed for gate in gates)
    assert all(gate.finding.startswith("no outcome is known yet: not judged") for gate in gates)


@pytest.mark.parametrize("found", [None, True, False])
def test_a_model_that_another_fit_does_not_give_again_is_missed(*, found: bool | None) -> None:
    """Only a second fit that gave other bits misses the gate, and only where the gate is wanted."""
    evidence = _evidence().model_copy(update={"reproducible": found})

    [gate] = [gate for gate in judge(evidence, GateBounds()) if gate.name == "reproducible"]

    assert (gate.passed, gate.finding.endswith("(gates.reproducible)")) == (found is not False, True)
    assert "reproducible" not in gate_names(GateBounds(reproducible=False), undersampled=False)
