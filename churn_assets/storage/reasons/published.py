"""What the app would read of reasons: those of a customer, of the scores that are in force; and taking a day back.

Nothing heavy is loaded: the score service reads through here.
"""

import datetime as dt
import logging
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from churn_assets.core.errors import ChurnError, ExpiredVersion
from churn_assets.core.table_schemas import REASONS
from churn_assets.storage.expirations import Expirations, version_name
from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.commits import Commit, Event
from churn_assets.storage.tables.parquet import open_part
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["DayReasons", "PublishedReasons", "follow_scores", "withdraw_reasons"]

logger = logging.getLogger("churn_assets")
KEY = "customer_id"


class _Group(NamedTuple):
    """A row group, and the first and last customer in it."""

    first: str
    last: str
    path: Path
    number: int


@dataclass(frozen=True)
class DayReasons:
    """The reasons of a version of a day's scores."""

    version: PartitionVersion
    details: dict[str, Any]

    def of(self, customers: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        """The reasons of each customer, the strongest first; nothing of who is not explained.

        Raises:
            DamagedVersion: a file is not what was published.
        """
        groups = _groups(self.version.files)
        by_group: dict[_Group, list[str]] = {}
        for customer in customers:
            for group in _holding(groups, customer):
                by_group.setdefault(group, []).append(customer)
        found: dict[str, list[dict[str, Any]]] = {}
        for group, wanted in by_group.items():
            with open_part(group.path) as file:
                rows = file.read_row_group(group.number, use_threads=False)
            ids = rows.column(KEY).to_pylist()
            for customer in wanted:
                start, end = (search(ids, customer.encode(), key=str.encode) for search in (bisect_left, bisect_right))
                if start < end:
                    found.setdefault(customer, []).extend(rows.slice(start, end - start).to_pylist())
        return found


class PublishedReasons:
    """The published `churn_reasons` of one installation; any thread may ask."""

    def __init__(self, layout: Layout) -> None:
        self._table = Table(layout.table("churn_reasons"))
        self._expirations = Expirations(layout.folder.below("tables"))
        self._lock = threading.Lock()

    def day(self, day: dt.date, score_version: str) -> DayReasons | None:
        """The reasons of a version of a day's scores, None where none were published, or they have expired.

        Raises:
            RunError, UnknownVersion: the table cannot be read, or files are gone.
        """
        with self._lock:
            event = _explaining(self._table, day, score_version)
            if event is None and self._table.follow_erasures():  # the scores may have another name since
                event = _explaining(self._table, day, score_version)
            if event is None or "explained" not in event.commit.details:
                return None
            with suppress(ExpiredVersion):
                return DayReasons(self._table.version(day, event.version), event.commit.details)
            return None

    def expired(self, day: dt.date, score_version: str) -> dt.datetime | None:
        """When the reasons of a version of a day's scores, of which `day` finds none, expired; None if they did not."""
        with self._lock:
            told = (event for event in self._table.backwards(day) if _explains(event, score_version))
            made = next((event.version for event in told if "explained" in event.commit.details), None)
        return self._expirations.versions("churn_reasons").get(version_name(day, made)) if made else None


def withdraw_reasons(layout: Layout, day: dt.date, commit: Commit) -> None:
    """Where reasons of other scores than `commit` tells of are current, none are from now on.

    So a reader of the table meets no reason of another score.
    """
    table = Table(layout.table("churn_reasons"))
    newest = next(table.backwards(day), None)
    if newest is not None and newest.commit.details.get("score_version") != commit.details["score_version"]:
        table.publish(table.write(day, REASONS, KEY, []), table.current(day), commit)


def follow_scores(layout: Layout, day: dt.date, score_version: str, commit: Commit) -> None:
    """After a rollback of scores: the reasons of the version that is current again are current too.

    Where it has none, or they have expired, none are. The scores are back by now: trouble with reasons is warned of.
    """
    table = Table(layout.table("churn_reasons"))
    try:
        if not _bring_back(table, day, score_version, commit):
            withdraw_reasons(layout, day, replace(commit, details={"score_version": score_version}))
    except ChurnError as error:
        logger.warning("%s: the scores are rolled back, their reasons are not: %s", day, error)


def _bring_back(table: Table, day: dt.date, score_version: str, commit: Commit) -> bool:
    """Make the reasons of a score version current; False where there are none any more."""
    event = _explaining(table, day, score_version)
    if event is None:
        return False
    try:
        if event.version != table.current(day):
            table.rollback(day, event.version, replace(commit, details=event.commit.details))
    except ExpiredVersion as error:
        logger.warning("%s: the scores are rolled back, without reasons: %s", day, error)
        return False
    return True


def _explaining(table: Table, day: dt.date, score_version: str) -> Event | None:
    """The newest commit that made the reasons of a score version current."""
    return next((each for each in table.backwards(day) if _explains(each, score_version)), None)


def _explains(event: Event, score_version: str) -> bool:
    return bool(event.commit.details.get("score_version") == score_version)


@lru_cache(maxsize=8)
def _groups(files: tuple[Path, ...]) -> tuple[list[str], list[_Group]]:
    """Every row group with rows, in order, and their last customers' ids."""
    groups: list[_Group] = []
    for path in files:
        with open_part(path) as file:
            at = file.schema_arrow.get_field_index(KEY)
            for number in range(file.num_row_groups):
                bounds = file.metadata.row_group(number).column(at).statistics
                if bounds is not None and bounds.has_min_max:
                    groups.append(_Group(bounds.min, bounds.max, path, number))
    return [group.last for group in groups], groups


def _holding(groups: tuple[list[str], list[_Group]], customer: str) -> Iterator[_Group]:
    """The row groups that may hold a customer: one, or neighbours."""
    lasts, listed = groups
    for group in listed[bisect_left(lasts, customer.encode(), key=str.encode) :]:
        if group.first.encode() > customer.encode():
            return
        yield group
