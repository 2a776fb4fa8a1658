"""Append-only records of what two models gave the same customers, and of what came true."""

from typing import Any

from churn_assets.core.table_schemas import COMPARISONS, QUALITY
from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.ledger import Ledger, Row

__all__ = ["Monitoring"]


class Monitoring:
    """`challenger_comparisons` and `score_quality`; each finding is kept once."""

    def __init__(self, layout: Layout) -> None:
        self.comparisons = Ledger(layout.table("challenger_comparisons"), COMPARISONS)
        self.quality = Ledger(layout.table("score_quality"), QUALITY)

    def record_comparison(self, row: Row) -> Row | None:
        """Keep a day's comparison, unless the same versions were compared before."""
        return self.comparisons.append(_unless_there(row, ("published_version", "challenger_version")))

    def record_quality(self, row: Row) -> Row | None:
        """Keep what came true of a day's scores, unless it is known already."""
        return self.quality.append(_unless_there(row, ("scores", "score_version", "model_version", "rows", "brier")))


def _unless_there(row: Row, names: tuple[str, ...]) -> Any:
    wanted = {name: row[name] for name in ("snapshot_date", *names)}
    return lambda rows: None if any(wanted.items() <= each.items() for each in rows) else row
