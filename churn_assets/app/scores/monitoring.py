"""What the tables of the watching say of some days: figures and records; no customer's row is read."""

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import NamedTuple, Self, TypeVar

from churn_assets.core.errors import ChurnError
from churn_assets.core.monitoring.night_facts import NightFacts
from churn_assets.core.monitoring.performance.verdict import PERFORMANCE_DAYS
from churn_assets.core.table_schemas import ALERTS, PROMOTIONS
from churn_assets.storage.layout import Layout
from churn_assets.storage.scores.night_reports import read_night_facts
from churn_assets.storage.tables.commits import Event
from churn_assets.storage.tables.ledger import Ledger, Row
from churn_assets.storage.tables.reading import rows_between
from churn_assets.storage.tables.table import Table

__all__ = ["MonitoringRecord", "MonitoringTables", "Window"]

Rows = TypeVar("Rows", list[Row], list[Event], list[dt.date])
DRIFT = ("feature_drift", "score_drift")
PERFORMANCE = ("realized_performance", "estimated_performance")
NEVER = {
    "feature_drift": "No drift of features has been looked at yet: a night does so at its end.",
    "score_drift": "No drift of scores has been looked at yet: a night does so at its end.",
    "realized_performance": "No outcome is known yet: it is a horizon after a day was scored, and never where the "
    "label is a column of the export.",
    "estimated_performance": "Nothing has been estimated yet: a night does so at its end.",
    "quarantine": "What was quarantined on these days was not kept beside their scores.",
    "alerts": "No alert was ever raised.",
    "promotions": "No model was ever promoted.",
}
logger = logging.getLogger("churn_assets.app")


class Window(NamedTuple):
    """The days that are asked for, both ends included."""

    since: dt.date
    until: dt.date

    @classmethod
    def ending(cls, last: dt.date, days: int) -> Self:
        """So many days, `last` included."""
        return cls(dt.date.fromordinal(max(1, last.toordinal() - days + 1)), last)


@dataclass
class MonitoringRecord:
    """What was read.

    Attributes:
        performance_since: from when on performance is told: that is a horizon late, and reaches further back.
        tables: the rows of each table of days, by day; of everybody, and no group.
        publications: the commit of each day's current scores, the newest day first.
        nights: what these scores came to, of the days where that was kept.
        alerts: every record, oldest first.
        promotions: likewise.
        notes: by table, why it tells nothing.
    """

    performance_since: dt.date
    tables: dict[str, list[Row]] = field(default_factory=dict)
    publications: list[Event] = field(default_factory=list)
    nights: dict[dt.date, NightFacts] = field(default_factory=dict)
    alerts: list[Row] = field(default_factory=list)
    promotions: list[Row] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)


class MonitoringTables:
    """Reads for one request after the other; a table that cannot be read takes nothing from the others."""

    def __init__(self, layout: Layout) -> None:
        self._lock = Lock()  # a table's log is not for several threads
        self._tables = {name: Table(layout.table(name)) for name in (*DRIFT, *PERFORMANCE)}
        self._scores = Table(layout.table("churn_scores"))
        self._alerts = Ledger(layout.table("alerts"), ALERTS)
        self._promotions = Ledger(layout.table("promotions"), PROMOTIONS)

    def read(self, window: Window) -> MonitoringRecord:
        """What there is of the days of `window`, and all that the ledgers hold."""
        notes: dict[str, str] = {}
        with self._lock:
            record = MonitoringRecord(self._performance_since(window.until, notes), notes=notes)
            for name in self._tables:
                first = record.performance_since if name in PERFORMANCE else window.since
                read = partial(self._rows, name, first, window.until, notes)
                record.tables[name] = _read_or_note(name, notes, read)
            record.publications = _read_or_note("churn_scores", notes, partial(self._published, window))
            record.alerts = _read_or_note("alerts", notes, self._alerts.rows)
            record.promotions = _read_or_note("promotions", notes, self._promotions.rows)
        kept = [read_night_facts(self._scores.folder, each.day, each.version) for each in record.publications]
        record.nights = {each.snapshot_date: each for each in kept if each is not None}
        if not record.publications:
            notes.setdefault("churn_scores", f"No day from {window.since} to {window.until} has scores.")
        told = {"quarantine": record.nights, "alerts": record.alerts, "promotions": record.promotions}
        for name in (name for name, there in told.items() if not there):
            notes.setdefault(name, NEVER[name])
        return record

    def _performance_since(self, until: dt.date, notes: dict[str, str]) -> dt.date:
        """The first of the last scored days whose outcomes are known, however long their horizon and their gaps are."""
        days = _read_or_note("realized_performance", notes, self._tables["realized_performance"].days)
        judged = [day for day in days if day <= until][-PERFORMANCE_DAYS:]
        return min([*judged[:1], Window.ending(until, PERFORMANCE_DAYS).since])

    def _rows(self, name: str, first: dt.date, last: dt.date, notes: dict[str, str]) -> list[Row]:
        table = self._tables[name]
        rows = [row for row in rows_between(table, first, last) if not row.get("slice_column")]
        if not rows:
            days = table.days()
            span = f"Nothing of {first} to {last}; there is of {{0}} to {{1}}."
            notes[name] = span.format(days[0], days[-1]) if days else NEVER[name]
        return rows

    def _published(self, window: Window) -> list[Event]:
        days = [day for day in self._scores.days() if window.since <= day <= window.until]
        return sorted(self._scores.newest(days).values(), key=lambda event: event.day, reverse=True)


def _read_or_note(name: str, notes: dict[str, str], read: Callable[[], Rows]) -> Rows:
    """What `read` gives; nothing, with a note, where it cannot be read."""
    try:
        return read()
    except (ChurnError, OSError) as error:
        logger.exception("a table of the watching cannot be read", extra={"fields": {"table": name, "why": str(error)}})
        notes[name] = f"{name} cannot be read at the moment; the service's log says why."
        return []
