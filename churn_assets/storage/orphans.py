"""What a killed writer or an expiry that was cut off leaves: nobody reads it, and `churn-assets expire` sweeps it."""

import datetime as dt
from collections.abc import Iterable, Mapping

from churn_assets.storage.inventory import Inventory, Stored
from churn_assets.storage.tables.commits import Event

__all__ = ["UNDER_WAY", "abandoned", "orphaned_beside", "orphaned_versions"]

UNDER_WAY = dt.timedelta(days=1)  # what is younger may be a writer's at work


def abandoned(inventory: Inventory, before: dt.datetime) -> list[Stored]:
    """Staged folders and temporary names that nobody has written to since `before`."""
    return [each for each in inventory.unfinished() if each.modified < before]


def orphaned_versions(
    versions: Iterable[Stored],
    events: Mapping[dt.date, list[Event]],
    current: Mapping[dt.date, str],
    before: dt.datetime,
) -> list[Stored]:
    """Versions of a table that no commit names, and that nobody has written to since `before`."""
    named = {(day, event.version) for day, told in events.items() for event in told} | set(current.items())
    return [each for each in versions if (each.day, each.version) not in named and each.modified < before]


def orphaned_beside(beside: Iterable[Stored], versions: Iterable[Stored], before: dt.datetime) -> list[Stored]:
    """What lies beside versions that are not there, and was not written since `before`."""
    there = {(each.day, each.version) for each in versions}
    return [each for each in beside if (each.day, each.version) not in there and each.modified < before]
