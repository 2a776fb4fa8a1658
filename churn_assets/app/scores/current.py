"""Which scores are in force: followed commit by commit, swapped as a whole, never mixed."""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from churn_assets.app.scores.snapshot import ScoreSnapshot, end_of
from churn_assets.app.web.problems import Refusal
from churn_assets.core.errors import LookupFault
from churn_assets.core.options import AppOptions
from churn_assets.storage.layout import Layout
from churn_assets.storage.lookup.cache import LookupCache
from churn_assets.storage.tables.delta_log import Catalog, DeltaLog, PublishedDay

__all__ = ["CurrentScores", "ServedState"]

FAILING_SECONDS = 30  # for so long the table may be out of reach before the service says it is not ready
SLOWEST_RETRY = 5.0
RETRY_SOON, RETRY_LATER = {"Retry-After": "5"}, {"Retry-After": "60"}
logger = logging.getLogger("churn_assets.app")


@dataclass(frozen=True)
class ServedState:
    """What is published, and the newest day's edition, both of the same commit."""

    catalog: Catalog = field(default_factory=Catalog)
    newest: ScoreSnapshot | None = None


class CurrentScores:
    """Hands out editions; one thread follows the table while others read."""

    def __init__(self, layout: Layout, options: AppOptions, timezone: str, clock: Callable[[], dt.datetime]) -> None:
        """Scores below `layout`; days end in `timezone`; `clock` tells the time in UTC."""
        self.options = options
        self.clock = clock
        self.in_force = ServedState()
        self.swaps = 0
        self.failures = 0
        self.looked = False
        self.reached = clock()  # when the table was last read
        self.trouble = ""
        self._timezone = timezone
        root = layout.table("churn_scores")
        self._log = DeltaLog(root)
        self._newest = LookupCache(root, keep=2)
        self._others = LookupCache(root)  # apart, so that an old day being made anew holds up no swap
        self._pool = ThreadPoolExecutor(1, "churn-follow")

    def refresh(self) -> None:
        """Look whether something was committed, and put it in force.

        Raises:
            ChurnError: the table or the lookup cannot be read; what was in force stays.
        """
        catalog = self._log.refresh().catalog()
        before = self.in_force
        if catalog is not before.catalog:
            started = time.perf_counter()
            newest = None if catalog.newest is None else self._edition(catalog.newest, self._newest)
            self.in_force = ServedState(catalog, newest)
            if _name(newest) != _name(before.newest):
                self._log_swap(before.newest, newest, time.perf_counter() - started)
        self.looked, self.reached, self.trouble = True, self.clock(), ""

    async def follow(self) -> None:
        """Refresh until cancelled; trouble is told once, counted, and tried again more slowly."""
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
        self._newest.close()
        self._others.close()

    def current(self) -> tuple[ScoreSnapshot, bool]:
        """The newest day's edition, and whether it is stale.

        Raises:
            Refusal: there is none, or it is too old to be told.
        """
        edition = self.in_force.newest
        if edition is None:
            raise self._no_scores()
        stale = edition.stale(self.clock())
        if stale and self.options.refuse_stale:
            raise Refusal(503, "stale-scores", f"the newest scores are of {edition.day}: too old", headers=RETRY_LATER)
        return edition, stale

    async def of(self, day: dt.date | None) -> tuple[ScoreSnapshot, bool]:
        """The edition of a day, the newest where none is named, and whether it is stale.

        Raises:
            Refusal: there is none, or it cannot be read; a day that is named is told however old it is.
        """
        if day is None:
            return self.current()
        edition = await self.held(self.in_force, day)
        return edition, edition.stale(self.clock())

    async def held(self, in_force: ServedState, day: dt.date) -> ScoreSnapshot:
        """The edition of a day as `in_force` has it.

        Raises:
            Refusal: there is none, or it cannot be read.
        """
        if in_force.newest is None:
            raise self._no_scores()
        if day == in_force.newest.day:
            return in_force.newest
        published = in_force.catalog.days.get(day)
        if published is None:
            days = in_force.catalog.days
            raise Refusal(404, "unknown-snapshot", f"no scores of {day}; they run from {min(days)} to {max(days)}")
        try:
            return await asyncio.to_thread(self._edition, published, self._others)
        except LookupFault as fault:
            logger.exception("scores cannot be read", extra={"told": {"snapshot_date": str(day), "why": str(fault)}})
            detail = f"the scores of {day} cannot be read at the moment"
            raise Refusal(503, "unreadable-scores", detail, headers=RETRY_LATER) from fault

    def unready(self) -> Refusal | None:
        """Why the service is not ready, None where it is."""
        edition, now = self.in_force.newest, self.clock()
        if edition is None:
            return self._no_scores()
        if edition.stale(now):
            detail = (
                f"the newest scores are of {edition.day}, and were fresh until {edition.fresh_until:%Y-%m-%d %H:%M} UTC"
            )
            return Refusal(503, "stale-scores", detail, headers=RETRY_LATER)
        if self.trouble and (now - self.reached).total_seconds() > FAILING_SECONDS:
            detail = f"the table could not be read since {self.reached:%Y-%m-%d %H:%M:%S} UTC; the log says why"
            return Refusal(503, "unreadable-scores", detail, headers=RETRY_SOON)
        return None

    def _edition(self, published: PublishedDay, lookups: LookupCache) -> ScoreSnapshot:
        ended = end_of(published.scores.day, self._timezone)
        return ScoreSnapshot(published, lookups.get(published.scores), ended, self.options.fresh_hours)

    def _no_scores(self) -> Refusal:
        if not self.looked:
            detail = "the scores cannot be read; the log says why" if self.trouble else "the scores are being opened"
            return Refusal(503, "no-scores", detail, headers=RETRY_SOON)
        return Refusal(503, "no-scores", "no scores have been published yet", headers=RETRY_LATER)

    def _log_swap(self, before: ScoreSnapshot | None, newest: ScoreSnapshot | None, seconds: float) -> None:
        self.swaps += before is not None
        told: dict[str, Any] = {"snapshot_date": None, "score_version": None, "seconds": round(seconds, 3)}
        if newest is not None:
            told |= {"snapshot_date": str(newest.day), "score_version": newest.version}
            told |= {"model_version": newest.published.model_version, "rows": newest.published.rows}
        logger.info("scores in force", extra={"told": told})

    def _log_failure(self, error: Exception) -> None:
        self.failures += 1
        why = f"{type(error).__name__}: {error}"
        if why != self.trouble:
            logger.error("scores cannot be followed", extra={"told": {"why": why}})
        self.trouble = why


def _name(edition: ScoreSnapshot | None) -> tuple[dt.date, str] | None:
    return None if edition is None else (edition.day, edition.version)
