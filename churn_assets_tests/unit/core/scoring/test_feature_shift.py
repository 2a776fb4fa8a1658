"""Whether a day's features are of the same kind as those a model knows, and those of the last day."""

import numpy as np
import pytest

from churn_assets.core.evaluation.results import FeatureSummary, Histogram, Reference
from churn_assets.core.options import AuditBounds
from churn_assets.core.scoring.drift import histogram_of_numbers
from churn_assets.core.scoring.feature_shift import audit_features
from churn_assets.core.scoring.shift import Finding

ROWS = 5000
SCORES = Histogram(edges=(0.5,), counts=(ROWS, 0))
SPEND = histogram_of_numbers(np.random.default_rng(0).lognormal(3, 0.5, ROWS))
PLAN = Histogram(categories=("basic", "premium"), counts=(3000, 2000, 0))
REFERENCE = Reference(features={"spend": SPEND, "plan": PLAN}, scores=SCORES, duplicate_share=0.1)


def _day(
    factor: float = 1.0, premium: int = 2000, duplicates: float | None = 0.1, seed: int = 1, rows: int = ROWS
) -> FeatureSummary:
    """A day whose spend is multiplied, and so many of whose customers have the premium plan."""
    spend = np.random.default_rng(seed).lognormal(3, 0.5, rows) * factor
    plan = Histogram(categories=("basic", "premium"), counts=(rows - premium, premium, 0))
    counted = {"spend": histogram_of_numbers(spend, SPEND.edges), "plan": plan}
    return FeatureSummary(rows=rows, duplicate_share=duplicates, features=counted)


def _audit(today: FeatureSummary, before: FeatureSummary | None, **bounds: float | None) -> list[Finding]:
    return audit_features(today, before, REFERENCE, AuditBounds().model_copy(update=bounds))


def _stops(found: list[Finding]) -> list[str]:
    return [each.name for each in found if each.stops]


def _warnings(found: list[Finding]) -> list[str]:
    return [each.name for each in found if each.is_warning and not each.passed]


def test_quiet_day_passes() -> None:
    """A day of the reference's population raises nothing, and its furthest column is told."""
    found = _audit(_day(), _day(seed=2))

    assert [each.name for each in found] == ["max_feature_psi", "kolmogorov_smirnov", "duplicate_rows"]
    assert all(each.passed for each in found)
    assert found[0].words.startswith("no shifted column: ")


def test_scaled_column_stops_and_is_named() -> None:
    """A column that lies apart from the reference and from the last day stops the night, in one sentence."""
    found = _audit(_day(factor=1.5), _day())

    assert _stops(found) == ["max_feature_psi"]
    assert _warnings(found) == ["kolmogorov_smirnov"]
    assert found[0].words.startswith("shifted columns: spend ")
    assert "plan" not in found[0].words
    assert "population stability index to the model's reference and the last day" in found[0].words


def test_every_shifted_column_is_named_worst_first() -> None:
    """Two columns at once stand in one sentence."""
    found = _audit(_day(factor=2, premium=4000), _day())

    assert found[0].words.startswith("shifted columns: spend ")
    assert ", plan " in found[0].words


def test_many_shifted_columns_are_counted() -> None:
    """Beyond eight, the others are only counted."""
    names = [f"f{number:02d}" for number in range(11)]
    reference = Reference(features=dict.fromkeys(names, PLAN), scores=SCORES)
    moved = Histogram(categories=PLAN.categories, counts=(100, 4900, 0))
    today = FeatureSummary(rows=ROWS, duplicate_share=None, features=dict.fromkeys(names, moved))
    before = FeatureSummary(rows=ROWS, duplicate_share=None, features=reference.features)

    [found] = audit_features(today, before, reference, AuditBounds())

    assert found.words.count("f0") == 8
    assert " and 3 more (" in found.words


@pytest.mark.parametrize(("yesterday", "today"), [(1.45, 1.5), (1.5, 1.0)])
def test_slow_drift_and_return_stop_nothing(yesterday: float, today: float) -> None:
    """Far from the training year and near yesterday, or the other way round, is no fault of the day."""
    found = _audit(_day(factor=today), _day(factor=yesterday, seed=3))

    assert _stops(found) == []
    assert _warnings(found) == []


def test_without_a_last_day_it_is_a_warning() -> None:
    """Where only the reference is there to look at, no night is stopped."""
    found = _audit(_day(factor=1.5), None)

    assert _stops(found) == []
    assert set(_warnings(found)) == {"max_feature_psi", "kolmogorov_smirnov"}
    assert "the last day has no such counts" in found[0].words


def test_counts_in_other_bins_are_passed_over() -> None:
    """A column that another model counted on the last day is held against the reference alone; the others as ever."""
    other = Histogram(edges=(1.0,), counts=(0, ROWS))
    before = _day().model_copy(update={"features": _day().features | {"spend": other}})

    found = _audit(_day(factor=1.5, premium=4500), before)

    assert [(each.name, each.stops) for each in found[:2]] == [("max_feature_psi", True), ("max_feature_psi", False)]
    assert found[0].words.startswith("shifted columns: plan ")
    assert found[1].words.startswith("shifted columns: spend ")
    assert found[1].is_warning


def test_chance_is_added_to_the_bound() -> None:
    """Days of few rows, however they fall, are not told from the reference by chance alone."""
    passed = [
        not _stops(_audit(_day(seed=seed, rows=60, premium=24), _day(seed=seed + 500, rows=60, premium=24)))
        for seed in range(200)
    ]

    assert all(passed)


def test_small_shift_of_numbers_is_a_warning() -> None:
    """What the index passes and the Kolmogorov-Smirnov distance does not is a warning."""
    found = _audit(_day(factor=1.22), _day(seed=4))

    assert _stops(found) == []
    assert _warnings(found) == ["kolmogorov_smirnov"]


def test_bound_of_none_leaves_the_columns_out() -> None:
    """Without a bound, only the rows that repeat others are looked at."""
    found = _audit(_day(factor=3), _day(), max_feature_psi=None)

    assert [each.name for each in found] == ["duplicate_rows"]


@pytest.mark.parametrize(("share", "warned"), [(0.1, False), (0.15, False), (0.16, True), (0.7, True), (None, False)])
def test_more_rows_alike_than_the_reference_had_are_a_warning(share: float | None, *, warned: bool) -> None:
    """Five points above the reference's share are allowed; the sentence gives both shares and where to look."""
    found = _audit(_day(duplicates=share), _day())

    assert (_warnings(found) == ["duplicate_rows"]) == warned
    assert _stops(found) == []
    if warned:
        assert "10.0% of those of the model's reference did" in found[-1].words
        assert "several ids" in found[-1].words


def test_more_rows_have_more_alike_by_chance() -> None:
    """Of three times the rows three times the share may repeat others, and no more."""
    allowed, beyond = (_audit(_day(duplicates=share, rows=3 * ROWS), None)[-1] for share in (0.35, 0.36))

    assert allowed.passed
    assert not beyond.passed


def test_reference_of_an_earlier_release_says_nothing_of_duplicates() -> None:
    """A model that was made before they were counted raises no warning."""
    earlier = Reference(features=REFERENCE.features, scores=SCORES)

    found = audit_features(_day(duplicates=0.9), _day(), earlier, AuditBounds())

    assert [each.name for each in found] == ["max_feature_psi", "kolmogorov_smirnov"]


def test_new_word_is_warned_of_beyond_a_share() -> None:
    """A category's new word on more than one row in a hundred is told, and stops nothing; on fewer it is growth."""
    day = _day()
    many, few = (day.model_copy(update={"unseen": {"plan": rows}}) for rows in (ROWS // 20, ROWS // 200))

    assert "max_unseen_share" in _warnings(_audit(many, _day()))
    assert "max_unseen_share" not in _warnings(_audit(few, _day()))
    assert _stops(_audit(many, _day())) == []
    assert "max_unseen_share" not in _warnings(_audit(many, _day(), max_unseen_share=None))
