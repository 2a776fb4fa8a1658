"""Which scores are in force: followed commit by commit, swapped as a whole, never mixed."""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from churn_assets.app.scores.snapshot import ScoreSnapshot
from churn_assets.app.web.problems import Refusal
from churn_assets.core.days import end_of_day
from churn_assets.core.errors import LookupFault
from churn_assets.core.monitoring.freshness import fresh_until
from churn_assets.core.options import AppOptions, MonitoringBounds
from churn_assets.storage.layout import Layout
from churn_assets.storage.lookup.cache import LookupCache
from churn_assets.storage.tables.delta_log import Catalog, DeltaLog, PublishedDay

__all__ = ["CurrentScores", "ServedState"]

FAILING_SECONDS = 30  # for so long the table may be out of reach before the service says it is not ready
LOOKUP_RETRY = 60.0  # seconds until a lookup that could not be opened is tried again: all of its scores are read for it
SLOWEST_RETRY = 5.0
RETRY_SOON, RETRY_LATER = {"Retry-After": "5"}, {"Retry-After": "60"}
logger = logging.getLogger("churn_assets.app")


@dataclass(frozen=True)
class ServedState:
    """What is published, and the newest day's snapshot; of an earlier commit where that day cannot be read."""

    catalog: Catalog = field(default_factory=Catalog)
    newest: ScoreSnapshot | None = None


class CurrentScores:
    """Hands out snapshots; one thread follows the table while others read."""

    def __init__(
        self,
        layout: Layout,
        options: AppOptions,
        timezone: str,
        clock: Callable[[], dt.datetime],
        fresh_by: str = MonitoringBounds().fresh_by,
    ) -> None:
        """Scores below `layout`; days end, and are wanted by `fresh_by`, in `timezone`; `clock` tells the UTC time."""
        self.options = options
        self.clock = clock
        self.served = ServedState()
        self.swaps = 0
        self.failures = 0
        self.has_read = False
        self.last_read_at = clock()  # when the table was last read
        self.last_error = ""
        self.timezone = timezone
        self._fresh_by = fresh_by
        root = layout.table("churn_scores")
        self._log = DeltaLog(root)
        self._newest_lookups = LookupCache(root, keep=2)
        self._other_lookups = LookupCache(root)  # apart, so that an old day being made anew holds up no swap
        self._unopened: tuple[PublishedDay, float, LookupFault] | None = None
        self._pool = ThreadPoolExecutor(1, "churn-follow")

    def refresh(self) -> None:
        """Look whether something was committed, and put it in force.

        Raises:
            ChurnError: the table or the newest day's lookup cannot be read; what was in force of it stays, and the
                other days are followed.
        """
        catalog = self._log.refresh().catalog()
        before = self.served
        if catalog is not before.catalog or self._unopened is not None:
            started = time.perf_counter()
            try:
                newest = None if catalog.newest is None else self._open_newest(catalog.newest)
            except LookupFault:
                self.served = ServedState(catalog, before.newest)
                raise
            self.served = ServedState(catalog, newest)
            if _name(newest) != _name(before.newest):
                self._log_swap(before.newest, newest, time.perf_counter() - started)
        self.has_read, self.last_read_at, self.last_error = True, self.clock(), ""

    async def follow(self) -> None:
        """Refresh until cancelled; trouble is logged once, counted, and tried again more slowly."""
        loop = asyncio.get_running_loop()
        pause = self.options.poll_seconds
        while True:
            try:
                await loop.run_in_executor(self._pool, self.refresh)
                pause = self.options.poll_seconds
            except Exception as error:  # noqa: BLE001  # whatever it is, the next commit must be seen
                self._log_failure(error)
                pause = min(max(2 * pause, self.options.poll_seconds), SLOWEST_RETRY)
            await asyncio.sleep(pause)

    def close(self) -> None:
        """Let go of threads and temporary files."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._newest_lookups.close()
        self._other_lookups.close()

    def newest(self) -> tuple[ScoreSnapshot, bool]:
        """The newest day's snapshot, and whether it is stale: too old, or of a table that cannot be read now.

        Raises:
            Refusal: there is none, or it is too old to be served.
        """
        snapshot = self.served.newest
        if snapshot is None:
            raise self._no_scores()
        if snapshot.stale(self.clock()) and self.options.refuse_stale:
            raise Refusal(503, "stale-scores", f"the newest scores are of {snapshot.day}: too old", headers=RETRY_LATER)
        return snapshot, self.is_stale(snapshot)

    def is_stale(self, snapshot: ScoreSnapshot) -> bool:
        """Whether a snapshot is too old, or what is published now is not known."""
        return snapshot.stale(self.clock()) or bool(self.last_error) or self._is_out_of_reach()

    async def at(self, day: dt.date | None) -> tuple[ScoreSnapshot, bool]:
        """The snapshot of a day, the newest where none is named, and whether it is stale.

        Raises:
            Refusal: there is none, or it cannot be read; a day that is named is answered however old it is.
        """
        if day is None:
            return self.newest()
        snapshot = await self.snapshot_of(self.served, day)
        return snapshot, self.is_stale(snapshot)

    async def snapshot_of(self, served: ServedState, day: dt.date) -> ScoreSnapshot:
        """The snapshot of a day as it is served.

        Raises:
            Refusal: there is none, or it cannot be read.
        """
        if served.newest is not None and day == served.newest.day:
            return served.newest
        days = served.catalog.days
        if not days:
            raise self._no_scores()
        published = days.get(day)
        if published is None:
            raise Refusal(404, "unknown-snapshot", f"no scores of {day}; they run from {min(days)} to {max(days)}")
        try:
            return await asyncio.to_thread(self._snapshot, published, self._other_lookups)
        except LookupFault as fault:
            logger.exception("scores cannot be read", extra={"fields": {"snapshot_date": str(day), "why": str(fault)}})
            detail = f"the scores of {day} cannot be read at the moment"
            raise Refusal(503, "unreadable-scores", detail, headers=RETRY_LATER) from fault

    def unready(self) -> Refusal | None:
        """Why the service is not ready, None where it is."""
        snapshot, now = self.served.newest, self.clock()
        if snapshot is None:
            return self._no_scores()
        if snapshot.stale(now):
            until = f"{snapshot.fresh_until:%Y-%m-%d %H:%M} UTC"
            detail = f"the newest scores are of {snapshot.day}, and were fresh until {until}"
            return Refusal(503, "stale-scores", detail, headers=RETRY_LATER)
        if self._is_out_of_reach():
            detail = f"the table could not be read since {self.last_read_at:%Y-%m-%d %H:%M:%S} UTC; the log says why"
            return Refusal(503, "unreadable-scores", detail, headers=RETRY_SOON)
        return None

    def _is_out_of_reach(self) -> bool:
        """Whether the table was last read too long ago: it gives errors, or a lost mount does not answer at all."""
        silent = (self.clock() - self.last_read_at).total_seconds()
        return silent > FAILING_SECONDS + self.options.poll_seconds

    def _open_newest(self, published: PublishedDay) -> ScoreSnapshot:
        if self._unopened is not None:
            failed, again_at, fault = self._unopened
            if failed == published and time.monotonic() < again_at:
                raise fault
        try:
            snapshot = self._snapshot(published, self._newest_lookups)
        except LookupFault as fault:
            self._unopened = (published, time.monotonic() + LOOKUP_RETRY, fault)
            raise
        self._unopened = None
        return snapshot

    def _snapshot(self, published: PublishedDay, lookups: LookupCache) -> ScoreSnapshot:
        day, hours = published.scores.day, self.options.fresh_hours
        ended = end_of_day(day, self.timezone)
        until = fresh_until(day, self._fresh_by, self.timezone)
        if hours is not None:
            until = ended + dt.timedelta(hours=hours)
        return ScoreSnapshot(published, lookups.get(published.scores), ended, until)

    def _no_scores(self) -> Refusal:
        if self.has_read and not self.last_error:
            return Refusal(503, "no-scores", "no scores have been published yet", headers=RETRY_LATER)
        detail = "the scores cannot be read; the log says why" if self.last_error else "the scores are being opened"
        return Refusal(503, "no-scores", detail, headers=RETRY_SOON)

    def _log_swap(self, before: ScoreSnapshot | None, newest: ScoreSnapshot | None, seconds: float) -> None:
        self.swaps += before is not None
        fields: dict[str, Any] = {"snapshot_date": None, "score_version": None, "seconds": round(seconds, 3)}
        if newest is not None:
            fields |= {"snapshot_date": str(newest.day), "score_version": newest.version}
            fields |= {"model_version": newest.published.model_version, "rows": newest.published.rows}
        logger.info("scores in force", extra={"fields": fields})

    def _log_failure(self, error: Exception) -> None:
        self.failures += 1
        why = f"{type(error).__name__}: {error}"
        if why != self.last_error:
            logger.error("scores cannot be followed", extra={"fields": {"why": why}}, exc_info=error)
        self.last_error = why


def _name(snapshot: ScoreSnapshot | None) -> tuple[dt.date, str] | None:
    return None if snapshot is None else (snapshot.day, snapshot.version)
