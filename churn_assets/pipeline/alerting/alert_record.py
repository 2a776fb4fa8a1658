"""The append-only table `alerts`: what was raised, one a condition and day, and where it was delivered."""

import datetime as dt
from collections.abc import Sequence

from churn_assets.core.alerting.alerts import Alert
from churn_assets.core.table_schemas import ALERTS
from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.ledger import Ledger, Row

__all__ = ["AlertRecord"]


class AlertRecord:
    """The alerts of one installation."""

    def __init__(self, layout: Layout) -> None:
        self._ledger = Ledger(layout.table("alerts"), ALERTS)

    def rows(self) -> list[Row]:
        """Every record, oldest first."""
        return self._ledger.rows()

    def record_raised(self, alert: Alert, channels: Sequence[str]) -> bool:
        """Record an alert that is to go to `channels`; whether it is new for its condition and day."""
        row = _row(alert, "raised", channels)
        raised = self._ledger.append(lambda rows: None if any(_is_raised(alert, each) for each in rows) else row)
        return raised is not None

    def record_delivered(self, alert: Alert, channel: str) -> None:
        """Record that an alert has reached a channel."""
        row = _row(alert, "delivered", [channel])
        self._ledger.append(lambda _: row)

    def undelivered(self) -> list[tuple[Alert, list[str]]]:
        """The alerts that have not reached every channel they are to go to, oldest first, with those channels."""
        rows = self.rows()
        reached = {(_key(row), name) for row in rows if row["event"] == "delivered" for name in row["channels"]}
        waiting = [
            (_alert(row), [name for name in row["channels"] if (_key(row), name) not in reached])
            for row in rows
            if row["event"] == "raised"
        ]
        return [(alert, names) for alert, names in waiting if names]


def _row(alert: Alert, event: str, channels: Sequence[str]) -> Row:
    return {
        "recorded_at": dt.datetime.now(dt.UTC),
        "event": event,
        "snapshot_date": alert.day,
        "condition": alert.condition,
        "severity": alert.severity,
        "sentence": alert.sentence,
        "runbook": alert.runbook,
        "channels": list(channels),
    }


def _alert(row: Row) -> Alert:
    return Alert(row["condition"], row["severity"], row["snapshot_date"], row["sentence"])


def _key(row: Row) -> tuple[str, dt.date]:
    return row["condition"], row["snapshot_date"]


def _is_raised(alert: Alert, row: Row) -> bool:
    return row["event"] == "raised" and _key(row) == (alert.condition, alert.day)
