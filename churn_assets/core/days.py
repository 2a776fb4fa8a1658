"""The snapshot day: when it ends, by the wall clock of the company's time zone, and how a path names it."""

import datetime as dt
from zoneinfo import ZoneInfo

__all__ = ["PLACEHOLDER", "end_of_day"]

PLACEHOLDER = "{snapshot_date}"  # of a day in a template of paths


def end_of_day(day: dt.date, timezone: str) -> dt.datetime:
    """The moment a snapshot day ends, in UTC; days of 23 and 25 hours too."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(timezone)).astimezone(dt.UTC)
