"""Whether the newest scores are those that should be there by now."""

import datetime as dt

import pytest

from churn_assets.core.monitoring.freshness import fresh_until, freshness

NOON = dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC)
DAY = dt.date(2026, 11, 2)


@pytest.mark.parametrize(
    ("days", "now", "timezone", "late"),
    [
        ([DAY], NOON, "UTC", 0),
        ([DAY - dt.timedelta(days=1)], NOON, "UTC", 1),
        ([DAY - dt.timedelta(days=1)], NOON.replace(hour=7, minute=59), "UTC", 0),
        ([DAY - dt.timedelta(days=1)], NOON.replace(hour=8), "UTC", 1),
        ([DAY - dt.timedelta(days=1)], NOON.replace(hour=7, minute=30), "Europe/Berlin", 1),
        ([DAY, DAY - dt.timedelta(days=40)], NOON, "UTC", 0),
        ([DAY - dt.timedelta(days=3), DAY - dt.timedelta(days=40)], NOON, "UTC", 3),
        ([DAY + dt.timedelta(days=1)], NOON, "UTC", 0),
    ],
    ids=["there", "late", "not yet", "on the minute", "zone", "old day made up for", "only old days", "newer"],
)
def test_the_newest_day_decides(days: list[dt.date], now: dt.datetime, timezone: str, late: int) -> None:
    """Yesterday's scores are wanted from the hour on, by the clock of the zone; what was made last plays no part."""
    found = freshness(days, now, "08:00", timezone)

    assert (found.days_late, found.is_fresh) == (late, late == 0)


def test_no_scores_at_all_are_not_fresh() -> None:
    """An installation that never published is late, and names no newest day."""
    found = freshness([], NOON, "08:00", "UTC")

    assert not found.is_fresh
    assert found.newest is None


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("day", [DAY, dt.date(2026, 3, 27), dt.date(2026, 10, 23)], ids=["plain", "23 h", "25 h"])
def test_scores_are_fresh_until_those_of_the_next_day_are_wanted(day: dt.date, timezone: str) -> None:
    """The moment the service tells is the one from which the check fails, also where a clock is put forward or back."""
    until = fresh_until(day, "08:00", timezone)

    before, then = (freshness([day], now, "08:00", timezone) for now in (until - dt.timedelta(seconds=1), until))

    assert (before.days_late, then.days_late) == (0, 1)
