"""What was compared is kept once, and told as it was found."""

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


def test_records_that_are_not_there_are_empty(monitoring: Monitoring) -> None:
    """Before anything was found there are no rows, and looking makes no folder."""
    told = monitoring.comparisons.rows()

    assert told == []
    assert not monitoring.comparisons.root.parents[1].exists()


def test_a_comparison_comes_back_as_it_was_found(monitoring: Monitoring) -> None:
    """Every column keeps its value, histograms their counts, a correlation that is none null."""
    row = comparison(rank_correlation=None)

    given = monitoring.record_comparison(row)

    assert given == row
    assert monitoring.comparisons.rows() == [row]


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


def test_a_comparison_is_known_however_many_came_after_it(monitoring: Monitoring) -> None:
    """An older finding is found again behind newer ones of other days."""
    days = [DAY + dt.timedelta(days=number) for number in range(4)]
    for day in days:
        monitoring.record_comparison(comparison(snapshot_date=day))

    given = monitoring.record_comparison(comparison(snapshot_date=days[0]))

    assert given is None
    assert [row["snapshot_date"] for row in monitoring.comparisons.rows()] == days
