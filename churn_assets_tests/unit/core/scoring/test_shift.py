"""Whether a day's scores are of the same kind as the last day's."""

import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from churn_assets.core.evaluation.results import Histogram
from churn_assets.core.options import AuditBounds
from churn_assets.core.scoring.drift import histogram_of_numbers
from churn_assets.core.scoring.shift import Finding, ScoreSummary, audit_shift

EDGES = tuple(edge / 20 for edge in range(1, 20))
NONE = AuditBounds(
    max_rows_change=None, max_tier_change=None, max_mean_change=None, max_psi=None, max_reference_psi=None
)
NAMES = ["max_rows_change", "max_mean_change", *["max_tier_change"] * 3, "max_psi", "max_reference_psi"]


def _summary(probability: NDArray[np.float64]) -> ScoreSummary:
    cut = (-math.inf, 0.3, 0.6, math.inf)
    tiers = [int(((probability > low) & (probability <= high)).sum()) for low, high in pairwise(cut)]
    return ScoreSummary(
        len(probability),
        dict(zip(("low", "medium", "high"), tiers, strict=True)),
        float(probability.mean()) if len(probability) else 0.0,
        histogram_of_numbers(probability, EDGES),
    )


def _day(rows: int, seed: int, above: float = 0.0) -> ScoreSummary:
    """A day's scores, most of them low, `above` all of which may lie."""
    return _summary(np.clip(np.random.default_rng(seed).beta(2, 6, rows) + above, 0, 1))


def _missed(found: list[Finding]) -> set[str]:
    return {each.name for each in found if not each.passed}


def test_the_same_day_passes_every_bound() -> None:
    """A day beside itself lies nowhere apart, and each bound that is configured is told."""
    day = _day(1000, seed=1)

    found = audit_shift(day, day, day.scores, AuditBounds(), same_model=True)

    assert [each.name for each in found] == NAMES
    assert [each.value for each in found] == [0] * 7
    assert not _missed(found)


def test_first_day_is_held_against_the_reference_alone() -> None:
    """Where there is no last day, only the model's reference is there to look at."""
    day = _day(1000, seed=2)

    found = audit_shift(day, None, day.scores, AuditBounds(), same_model=False)

    assert [each.name for each in found] == ["max_reference_psi"]


def test_another_model_is_no_drift_of_the_last_day() -> None:
    """Where another model gave the last day's scores, their index says nothing, whatever its bins."""
    today, before = _day(1000, seed=3), _day(1000, seed=4)
    other_bins = ScoreSummary(before.rows, before.tiers, before.mean, Histogram(edges=(0.5,), counts=(900, 100)))

    found = audit_shift(today, other_bins, today.scores, AuditBounds(), same_model=False)

    assert [each.name for each in found] == [name for name in NAMES if name != "max_psi"]


@pytest.mark.parametrize("name", ["max_rows_change", "max_mean_change", "max_tier_change", "max_psi"])
def test_bound_of_none_is_not_looked_at(name: str) -> None:
    """A bound that is left out is not told; alone, it is the only one."""
    today, before = _day(100, seed=5), _day(1000, seed=6, above=0.4)
    without = AuditBounds().model_copy(update={name: None})
    alone = NONE.model_copy(update={name: 0.1})

    findings = audit_shift(today, before, today.scores, without, same_model=True)
    only = audit_shift(today, before, today.scores, alone, same_model=True)

    assert [each.name for each in findings] == [each for each in NAMES if each != name]
    assert {each.name for each in only} == {name}
    assert _missed(only) == {name}


@pytest.mark.parametrize("rows", [500, 1500])
def test_half_as_many_rows_more_or_less_pass(rows: int) -> None:
    """With a bound of a half, 500 and 1,500 rows after 1,000 pass, and one row further does not."""
    before = _day(1000, seed=7)
    bounds = NONE.model_copy(update={"max_rows_change": 0.5})
    further = rows + (1 if rows > 1000 else -1)

    at, beyond = (
        audit_shift(_day(each, seed=8), before, before.scores, bounds, same_model=True)[0] for each in (rows, further)
    )

    assert at.passed
    assert not beyond.passed
    assert beyond.words == f"{further} rows after 1000 on the last day"


def test_moved_scores_are_found_by_every_figure() -> None:
    """Scores that all rose by 0.3 are told by mean, tiers and both indices; the rows are as many as before."""
    before = _day(5000, seed=9)

    found = audit_shift(_day(5000, seed=10, above=0.3), before, before.scores, AuditBounds(), same_model=True)

    assert _missed(found) == set(NAMES) - {"max_rows_change"}
    by_name = {each.name: each for each in found}
    assert by_name["max_mean_change"].value == pytest.approx(0.3, abs=0.01)
    assert by_name["max_mean_change"].words.startswith("mean probability 0.5")
    assert by_name["max_psi"].words.endswith("to the last day")
    assert by_name["max_reference_psi"].words.endswith("to the model's reference")


@pytest.mark.parametrize("above", [-0.2, 0.2])
def test_fall_is_as_bad_as_a_rise(above: float) -> None:
    """The mean may move by its bound in neither direction."""
    before = _day(5000, seed=11, above=0.3)
    bounds = NONE.model_copy(update={"max_mean_change": 0.1})

    found = audit_shift(_day(5000, seed=12, above=0.3 + above), before, before.scores, bounds, same_model=True)

    assert _missed(found) == {"max_mean_change"}


def test_few_rows_are_given_more_room() -> None:
    """The same move of mean and tiers, told of thousands of rows, can be chance on a handful."""
    few, many = _summary(np.array([0.1, 0.2, 0.4, 0.7])), _summary(np.array([0.1, 0.2, 0.4, 0.7] * 2000))
    moved, all_moved = _summary(np.array([0.1, 0.4, 0.7, 0.9])), _summary(np.array([0.1, 0.4, 0.7, 0.9] * 2000))

    chance = audit_shift(moved, few, few.scores, AuditBounds(), same_model=True)
    certain = audit_shift(all_moved, many, many.scores, AuditBounds(), same_model=True)

    assert not _missed(chance)
    assert {"max_mean_change", "max_tier_change", "max_psi", "max_reference_psi"} <= _missed(certain)


@pytest.mark.parametrize(("rows_before", "rows_now"), [(200, 200), (4000, 300), (300, 4000)])
def test_chance_alone_is_not_held_against_a_day(rows_before: int, rows_now: int) -> None:
    """Even with bounds of nothing, two days of one population pass in nearly all cases."""
    bounds = NONE.model_copy(
        update={"max_tier_change": 0.0, "max_mean_change": 0.0, "max_psi": 1e-9, "max_reference_psi": 1e-9}
    )
    passed = []
    for seed in range(100):
        before, today = _day(rows_before, seed), _day(rows_now, seed + 1000)
        found = audit_shift(today, before, before.scores, bounds, same_model=True)
        passed.append(not _missed(found))

    assert np.mean(passed) >= 0.97


def test_small_moves_of_many_rows_need_their_bound() -> None:
    """A real move beyond chance and below the bound passes; with a bound of nothing it does not."""
    before, today = _day(20_000, seed=13), _day(20_000, seed=14, above=0.03)
    strict = NONE.model_copy(
        update={"max_tier_change": 0.0, "max_mean_change": 0.0, "max_psi": 1e-9, "max_reference_psi": 1e-9}
    )

    usual = audit_shift(today, before, before.scores, AuditBounds(), same_model=True)
    held = audit_shift(today, before, before.scores, strict, same_model=True)

    assert not _missed(usual)
    assert _missed(held) == set(NAMES) - {"max_rows_change"}


def test_each_tier_is_told() -> None:
    """One tier that empties is found by its name, with both shares."""
    before = _summary(np.repeat([0.1, 0.4, 0.7], [500, 300, 200]))
    today = _summary(np.repeat([0.1, 0.4], [500, 500]))
    bounds = NONE.model_copy(update={"max_tier_change": 0.1})

    low, medium, high = audit_shift(today, before, before.scores, bounds, same_model=True)

    assert (low.passed, medium.passed, high.passed) == (True, False, False)
    assert low.value == 0
    assert high.value == pytest.approx(0.2)
    assert high.words == "tier high holds 0.0% after 20.0%"


def test_day_without_rows_is_refused() -> None:
    """No scores at all after a thousand are found, and nothing is divided by."""
    before = _day(1000, seed=15)

    found = audit_shift(_summary(np.empty(0)), before, before.scores, AuditBounds(), same_model=True)

    assert "max_rows_change" in _missed(found)


def test_scores_far_from_the_reference_are_found_on_the_first_day() -> None:
    """A model that gives other scores than when it was made is told, though no day was scored before."""
    reference = _day(5000, seed=16).scores

    near = audit_shift(_day(5000, seed=17), None, reference, AuditBounds(), same_model=True)
    far = audit_shift(_day(5000, seed=17, above=0.2), None, reference, AuditBounds(), same_model=True)

    assert not _missed(near)
    assert _missed(far) == {"max_reference_psi"}


def test_what_is_no_number_does_not_pass() -> None:
    """A figure that could not be computed misses its bound, and the bound itself is kept."""
    assert not Finding("max_psi", math.nan, 0.25, "").passed
    assert Finding("max_psi", 0.25, 0.25, "").passed
    assert not Finding("max_psi", math.nextafter(0.25, 1), 0.25, "").passed


def test_warning_stops_nothing() -> None:
    """Only a finding beyond its bound that is no warning keeps a night from being published."""
    stops = {
        (value, is_warning): Finding("max_psi", value, 0.25, "", is_warning).stops
        for value in (0.2, 0.3)
        for is_warning in (True, False)
    }

    assert stops == {(0.2, True): False, (0.2, False): False, (0.3, True): False, (0.3, False): True}
