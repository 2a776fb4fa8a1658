"""When a snapshot day ends: by the wall clock of the company's time zone, in validation and score service alike."""

import datetime as dt
from zoneinfo import ZoneInfo

__all__ = ["end_of_day"]


def end_of_day(day: dt.date, timezone: str) -> dt.datetime:
    """The moment a snapshot day ends, in UTC; days of 23 and 25 hours too."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(timezone)).astimezone(dt.UTC)
