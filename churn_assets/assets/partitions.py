"""The one partition key of every partitioned asset: the snapshot date."""

import datetime as dt

import dagster as dg

__all__ = ["snapshot_dates"]


def snapshot_dates(start: dt.date, timezone: str) -> dg.DailyPartitionsDefinition:
    """One partition a day from `start` on; a day is there once it has ended in `timezone`."""
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), timezone=timezone)
