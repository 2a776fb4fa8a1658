"""Whether the newest scores are those that should be there by now: of the days, whatever was made last."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

__all__ = ["Freshness", "fresh_until", "freshness"]


@dataclass(frozen=True)
class Freshness:
    """The newest scored day, None where there is none, beside the day that was wanted by now."""

    newest: dt.date | None
    wanted: dt.date

    @property
    def days_late(self) -> int:
        """How many days the newest scores lie behind: 0 where they are fresh, all of our era where there are none."""
        return max(0, (self.wanted - (self.newest or dt.date.min)).days)

    @property
    def is_fresh(self) -> bool:
        """Whether the wanted day, or a later one, has scores."""
        return self.days_late == 0


def freshness(days: Sequence[dt.date], now: dt.datetime, fresh_by: str, timezone: str) -> Freshness:
    """How fresh scores are.

    Args:
        days: that have scores, in any order: one that was made up for changes nothing where a newer one is there.
        now: a time with a zone.
        fresh_by: the time of a day, `HH:MM`, by which yesterday's scores are wanted.
        timezone: in which that time is read.
    """
    here = now.astimezone(ZoneInfo(timezone))
    back = 1 if here.time() >= dt.time.fromisoformat(fresh_by) else 2
    return Freshness(max(days, default=None), here.date() - dt.timedelta(days=back))


def fresh_until(day: dt.date, fresh_by: str, timezone: str) -> dt.datetime:
    """The moment, in UTC, from which scores of the day after `day` are wanted: until then those of `day` are fresh."""
    wanted = dt.datetime.combine(day + dt.timedelta(days=2), dt.time.fromisoformat(fresh_by), ZoneInfo(timezone))
    return wanted.astimezone(dt.UTC)
