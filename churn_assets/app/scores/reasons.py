"""The reasons of the scores in force: read when they are asked for, by threads beside the one that answers."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from churn_assets.app.scores.snapshot import ScoreSnapshot
from churn_assets.app.web.problems import Refusal
from churn_assets.core.errors import ChurnError
from churn_assets.core.telling.answers import told_reasons
from churn_assets.storage.layout import Layout
from churn_assets.storage.reasons.published import DayReasons, PublishedReasons

__all__ = ["CurrentReasons"]

logger = logging.getLogger("churn_assets.app")


class CurrentReasons:
    """Reasons of a snapshot's very scores; of another version of the day there are none."""

    def __init__(self, layout: Layout) -> None:
        self._published = PublishedReasons(layout)

    async def of(self, snapshot: ScoreSnapshot, customers: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What is told of each customer: fields of an answer, null and empty where there is no reason.

        Raises:
            Refusal: they cannot be read.
        """
        asked = list(customers)
        try:
            found = await asyncio.to_thread(self._read, snapshot, asked)
        except ChurnError as error:
            raise self._unreadable(snapshot, error) from error
        if found is None:
            return {customer: {"reasons": None} for customer in asked}
        return {customer: told_reasons(found.get(customer, [])) for customer in asked}

    async def day(self, snapshot: ScoreSnapshot) -> DayReasons | None:
        """The reasons of all, None where none were published.

        Raises:
            Refusal: they cannot be read.
        """
        try:
            return await asyncio.to_thread(self._published.day, snapshot.day, snapshot.version)
        except ChurnError as error:
            raise self._unreadable(snapshot, error) from error

    def _read(self, snapshot: ScoreSnapshot, customers: list[str]) -> dict[str, list[dict[str, Any]]] | None:
        reasons = self._published.day(snapshot.day, snapshot.version)
        return None if reasons is None else reasons.of(customers)

    @staticmethod
    def _unreadable(snapshot: ScoreSnapshot, error: ChurnError) -> Refusal:
        fields = {"snapshot_date": str(snapshot.day), "why": str(error)}
        logger.error("reasons cannot be read", extra={"fields": fields})
        detail = f"the reasons of {snapshot.day} cannot be read at the moment"
        return Refusal(503, "unreadable-reasons", detail, headers={"Retry-After": "60"})
