"""When a feature that has moved is a finding, and what is said where nothing can be compared."""

from collections.abc import Sequence

import pytest

from churn_assets.core.evaluation.results import FeatureSummary, Histogram, Reference
from churn_assets.core.monitoring.feature_drift import (
    FeatureDrift,
    drift_of_features,
    oddities,
    severity_of_index,
    worst,
)
from churn_assets.core.monitoring.table_schemas import FEATURE_DRIFT
from churn_assets.core.options import MonitoringBounds

BOUNDS = MonitoringBounds()
SPEND = Histogram(edges=(10.0, 20.0), counts=(4000, 3000, 3000))
PLAN = Histogram(categories=("basic", "pro"), counts=(6000, 4000, 0))
REFERENCE = Reference(features={"spend": SPEND, "plan": PLAN}, scores=SPEND)


def _spend(*counts: int, missing: int = 0) -> Histogram:
    return Histogram(edges=SPEND.edges, counts=counts, missing=missing)


def _day(spend: Histogram = SPEND, plan: Histogram = PLAN, unseen: int = 0) -> FeatureSummary:
    features = {"spend": spend, "plan": plan}
    return FeatureSummary(rows=spend.rows, duplicate_share=0.0, features=features, unseen={"plan": unseen})


def _drifts(today: FeatureSummary, weekdays: Sequence[FeatureSummary] = ()) -> dict[str, FeatureDrift]:
    return {each.feature: each for each in drift_of_features(today, REFERENCE, weekdays, BOUNDS)}


def _measures(drift: FeatureDrift) -> list[str]:
    return [each.measure for each in drift.findings if each.severity != "ok"]


def test_a_day_like_the_reference_finds_nothing_and_fills_the_tables_columns() -> None:
    """Each feature has a row with every column of `feature_drift`; a category has no Kolmogorov-Smirnov distance."""
    drifts = _drifts(_day())

    assert [each.severity for each in drifts.values()] == ["ok", "ok"]
    assert [list(each.row()) for each in drifts.values()] == [FEATURE_DRIFT.names] * 2
    assert (drifts["spend"].kind, drifts["spend"].ks) == ("numeric", 0.0)
    assert (drifts["plan"].kind, drifts["plan"].ks) == ("categorical", None)


@pytest.mark.parametrize(
    ("psi", "chance", "usual", "severity", "bound"),
    [
        (0.09, 0.01, [], "ok", 0.1),
        (0.15, 0.01, [], "warning", 0.1),
        (0.25, 0.01, [], "error", 0.1),
        (0.25, 0.3, [], "ok", 0.3),
        (0.25, 0.01, [0.08, 0.1, 0.9], "ok", 0.3),
        (0.35, 0.01, [0.08, 0.1, 0.9], "error", 0.3),
        (0.25, 0.01, [0.001], "error", 0.1),
    ],
)
def test_an_index_is_a_finding_above_chance_its_bound_and_what_is_usual(
    psi: float, chance: float, usual: list[float], severity: str, bound: float
) -> None:
    """All three must be passed, and the largest of them is the bound that is told."""
    found, told = severity_of_index(psi, chance, usual, BOUNDS)

    assert found == severity
    assert told == pytest.approx(bound)


def test_few_rows_are_not_a_finding() -> None:
    """What chance gives on a handful of customers lies above the bounds, and is none."""
    drift = _drifts(_day(_spend(6, 2, 2)))["spend"]

    assert drift.psi > BOUNDS.psi_warning
    assert drift.psi_chance > drift.psi
    assert drift.severity == "ok"


def test_a_weekday_that_always_moves_is_no_finding_and_one_that_moves_anew_is() -> None:
    """The same counts raise an alarm on the first day, and none where the same weekday usually has them."""
    moved = _spend(2500, 3000, 4500)

    first = _drifts(_day(moved), [_day(), _day(), _day()])["spend"]
    usual = _drifts(_day(moved), [_day(moved), _day(moved), _day()])["spend"]

    assert (first.severity, _measures(first)) == ("warning", ["psi", "ks"])
    assert (usual.severity, _measures(usual)) == ("ok", [])


def test_a_small_move_of_a_number_as_a_whole_is_seen_by_its_distance() -> None:
    """An index below its bound and a Kolmogorov-Smirnov distance above its own warn."""
    drift = _drifts(_day(_spend(2900, 3500, 3600)))["spend"]

    assert drift.psi < BOUNDS.psi_warning
    assert (drift.severity, _measures(drift)) == ("warning", ["ks"])


def test_words_that_training_never_met_warn_above_one_in_a_hundred() -> None:
    """The share is of all rows, and absolute: whether they were usual does not matter."""
    few, many = (_drifts(_day(unseen=rows), [_day(unseen=rows)])["plan"] for rows in (90, 150))

    assert (few.severity, few.unseen_share) == ("ok", 0.009)
    assert _measures(many) == ["unseen_share"]


def test_values_that_are_lost_warn_beside_the_reference_and_beside_what_was_usual() -> None:
    """A column that has filled up since the training is as badly hurt when it falls back to what training knew."""
    half = Histogram(edges=SPEND.edges, counts=(2000, 1500, 1500), missing=5000)
    reference = Reference(features={"spend": half}, scores=SPEND)
    full, back = _day(_spend(3800, 2900, 2800, missing=500)), _day(half)

    lost = _drifts(_day(_spend(3000, 2500, 2500, missing=2000)))["spend"]
    [fell] = drift_of_features(back, reference, [full], BOUNDS)
    [steady] = drift_of_features(back, reference, [back], BOUNDS)

    assert "null_share" in _measures(lost)
    assert (lost.null_share, lost.null_share_reference) == (0.2, 0.0)
    assert _measures(fell) == ["null_share"]
    assert steady.severity == "ok"


def test_what_cannot_be_compared_is_named_and_the_rest_is() -> None:
    """Columns of another profile, and counts in other bins, have no row; each is said in a sentence."""
    other_bins = Histogram(edges=(7.0,), counts=(1, 9999))
    today = _day(spend=other_bins)
    reference = REFERENCE.model_copy(update={"features": REFERENCE.features | {"visits": SPEND}})

    drifts = drift_of_features(today, reference, [today], BOUNDS)
    told = oddities(today, reference, ["spend", "plan", "visits", "tenure"])

    assert [each.feature for each in drifts] == ["plan"]
    assert [sentence.split(" ")[0] for sentence in told] == ["tenure", "spend", "visits"]
    assert "does not know it" in told[0]
    assert "other bins" in told[1]
    assert "not counted" in told[2]


def test_an_empty_and_a_constant_feature_are_found_and_named() -> None:
    """All null and all the same are drift by their index, and a sentence says which of the two it is."""
    empty, constant = _day(_spend(0, 0, 0, missing=10_000)), _day(_spend(0, 10_000, 0))

    found = [_drifts(day)["spend"].severity for day in (empty, constant)]

    assert found == ["error", "error"]
    assert oddities(empty, REFERENCE, ["spend"]) == ["spend has no value on any row"]
    assert oddities(constant, REFERENCE, []) == ["spend has become constant: all its values lie in one bin of 3"]


def test_a_feature_that_never_had_a_value_in_training_is_compared_too() -> None:
    """A reference of nulls only, and a day without rows, give figures and no failure."""
    nothing = Histogram(counts=(0,), missing=500)
    reference = Reference(features={"spend": nothing}, scores=SPEND)
    filled = FeatureSummary(
        rows=500, duplicate_share=0.0, features={"spend": Histogram(counts=(500,), missing=0)}, unseen={}
    )
    empty = FeatureSummary(rows=0, duplicate_share=None, features={"spend": Histogram(counts=(0,))}, unseen={})

    [arrived] = drift_of_features(filled, reference, [], BOUNDS)
    [absent] = drift_of_features(empty, reference, [], BOUNDS)

    assert arrived.severity == "error"
    assert (absent.severity, absent.rows) == ("ok", 0)


def test_the_worst_of_severities_is_by_their_order() -> None:
    """An error outweighs a warning, and none at all is fine."""
    assert worst(["ok", "error", "warning"]) == "error"
    assert worst([]) == "ok"
