"""What was compared and what came true is kept once, and told as it was found."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.ledger import Row
from churn_assets.storage.tables.monitoring import Monitoring
from churn_assets_tests.storage_factories import DAY

NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def monitoring(tmp_path: Path) -> Monitoring:
    """The records of an installation in which nothing was found yet."""
    return Monitoring(Layout(tmp_path / "data"))


def comparison(**changes: Any) -> Row:
    """A row of `challenger_comparisons`."""
    row = {
        "compared_at": NOON,
        "snapshot_date": DAY,
        "published_version": "aaaa",
        "champion": "20261001-aaaaaaaa",
        "challenger_version": "bbbb",
        "challenger": "20261015-bbbbbbbb",
        "customers": 3,
        "rank_correlation": 0.5,
        "tier_changed": 0.25,
        "action_changed": 0.0,
        "mean_shift": -0.01,
        "histogram_published": [3, *[0] * 19],
        "histogram_challenger": [2, 1, *[0] * 18],
    }
    return row | changes


def quality(**changes: Any) -> Row:
    """A row of `score_quality`."""
    row = {
        "judged_at": NOON,
        "snapshot_date": DAY,
        "outcome_date": DAY + dt.timedelta(days=30),
        "scores": "published",
        "score_version": "aaaa",
        "model_version": "20261001-aaaaaaaa",
        "rows": 400,
        "base_rate": 0.1,
        "roc_auc": 0.75,
        "average_precision": 0.4,
        "brier": 0.08,
        "calibration_error": 0.01,
    }
    return row | changes


def test_records_that_are_not_there_are_empty(monitoring: Monitoring) -> None:
    """Before anything was found there are no rows, and looking makes no folder."""
    told = (monitoring.comparisons.rows(), monitoring.quality.rows())

    assert told == ([], [])
    assert not monitoring.quality.root.parents[1].exists()


def test_a_comparison_comes_back_as_it_was_found(monitoring: Monitoring) -> None:
    """Every column keeps its value, histograms their counts, a correlation that is none null."""
    row = comparison(rank_correlation=None)

    given = monitoring.record_comparison(row)

    assert given == row
    assert monitoring.comparisons.rows() == [row]
    assert monitoring.quality.rows() == []


def test_quality_comes_back_as_it_was_found(monitoring: Monitoring) -> None:
    """Every column keeps its value, in a table of its own."""
    row = quality()

    given = monitoring.record_quality(row)

    assert given == row
    assert monitoring.quality.rows() == [row]
    assert monitoring.comparisons.rows() == []


@pytest.mark.parametrize(
    "changes",
    [{}, {"compared_at": NOON + dt.timedelta(days=1)}, {"champion": "another"}, {"mean_shift": 0.5}],
    ids=str,
)
def test_the_same_versions_are_compared_once(monitoring: Monitoring, changes: dict[str, Any]) -> None:
    """A night that ran again, and scored the same, adds no second comparison; the first one stands."""
    monitoring.record_comparison(comparison())

    given = monitoring.record_comparison(comparison(**changes))

    assert given is None
    assert monitoring.comparisons.rows() == [comparison()]


@pytest.mark.parametrize(
    "changes",
    [{"snapshot_date": DAY + dt.timedelta(days=1)}, {"published_version": "cccc"}, {"challenger_version": "cccc"}],
    ids=str,
)
def test_other_scores_are_compared_anew(monitoring: Monitoring, changes: dict[str, Any]) -> None:
    """Another day, or other scores on either side, are another comparison."""
    monitoring.record_comparison(comparison())

    given = monitoring.record_comparison(comparison(**changes))

    assert given == comparison(**changes)
    assert monitoring.comparisons.rows() == [comparison(), comparison(**changes)]


def test_quality_that_is_known_is_not_recorded_again(monitoring: Monitoring) -> None:
    """The same outcomes of the same scores are kept once, whenever they are judged."""
    monitoring.record_quality(quality())

    given = monitoring.record_quality(quality(judged_at=NOON + dt.timedelta(days=1)))

    assert given is None
    assert monitoring.quality.rows() == [quality()]


@pytest.mark.parametrize(
    "changes",
    [
        {"snapshot_date": DAY + dt.timedelta(days=1)},
        {"scores": "challenger"},
        {"score_version": "bbbb"},
        {"rows": 399},
        {"brier": 0.081},
        {"model_version": "20261015-bbbbbbbb", "rows": 40},
        {"model_version": "20261015-bbbbbbbb"},
    ],
    ids=str,
)
def test_what_came_true_otherwise_is_recorded(monitoring: Monitoring, changes: dict[str, Any]) -> None:
    """Other scores, corrected outcomes, and the canary beside the champion are findings of their own."""
    monitoring.record_quality(quality())

    given = monitoring.record_quality(quality(**changes))

    assert given == quality(**changes)
    assert monitoring.quality.rows() == [quality(), quality(**changes)]


def test_a_finding_is_known_however_many_came_after_it(monitoring: Monitoring) -> None:
    """An older finding is found again behind newer ones of other days."""
    days = [DAY + dt.timedelta(days=number) for number in range(4)]
    for day in days:
        monitoring.record_quality(quality(snapshot_date=day))

    given = monitoring.record_quality(quality(snapshot_date=days[0]))

    assert given is None
    assert [row["snapshot_date"] for row in monitoring.quality.rows()] == days
