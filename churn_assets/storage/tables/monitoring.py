"""Append-only records of what two models gave the same customers."""

from typing import Any

from churn_assets.core.table_schemas import COMPARISONS
from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.ledger import Ledger, Row

__all__ = ["Monitoring"]


class Monitoring:
    """`challenger_comparisons`; each finding is kept once."""

    def __init__(self, layout: Layout) -> None:
        self.comparisons = Ledger(layout.table("challenger_comparisons"), COMPARISONS)

    def record_comparison(self, row: Row) -> Row | None:
        """Keep a day's comparison, unless the same versions were compared before."""
        return self.comparisons.append(_unless_there(row, ("published_version", "challenger_version")))


def _unless_there(row: Row, names: tuple[str, ...]) -> Any:
    wanted = {name: row[name] for name in ("snapshot_date", *names)}
    return lambda rows: None if any(wanted.items() <= each.items() for each in rows) else row
