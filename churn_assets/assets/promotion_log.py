"""The record of promotions as people see it; loads no scikit-learn, so that `promote` answers at once."""

from typing import Any

import dagster as dg

from churn_assets.assets.metadata import column_schema, summary
from churn_assets.core.errors import ChurnError
from churn_assets.core.models.card_markdown import markdown_table
from churn_assets.core.models.changelog import changes_between
from churn_assets.core.table_schemas import PROMOTIONS
from churn_assets.storage.models.registry import Registry

__all__ = ["promotion_metadata"]


def promotion_metadata(registry: Registry) -> dict[str, Any]:
    """The metadata of `champion`: the newest promotion, all of them, and the changelog of models."""
    promotions = registry.promotions.rows()
    newest = promotions[-1]
    ends = [str(row["promoted_at"])[:16] for row in promotions[1:]] + ["in force"]
    periods = [
        [
            row["to_version"],
            str(row["promoted_at"])[:16],
            until,
            row["actor"],
            row["reason"],
            "yes" if row["forced"] else "",
        ]
        for row, until in zip(promotions, ends, strict=True)
    ]
    table = markdown_table(["Model", "Live from (UTC)", "Until", "Who", "Why", "Forced"], reversed(periods))
    canary = registry.canary()
    told = summary(
        f"{newest['to_version']} is champion since {newest['promoted_at']:%Y-%m-%d %H:%M} UTC",
        f"promoted by {newest['actor']}: {newest['reason']}",
        *([f"canary: {canary.model_version} for {canary.share:.1%} of the customers"] if canary else []),
    )
    return told | {
        "model_version": newest["to_version"],
        "promoted_at": newest["promoted_at"].isoformat(),
        "actor": newest["actor"],
        "reason": newest["reason"],
        "canary": f"{canary.model_version} for {canary.share:.1%} of the customers" if canary else "none",
        "live": dg.MetadataValue.md(table),
        "changelog": dg.MetadataValue.md(_changelog(registry, promotions)),
        "dagster/column_schema": column_schema(PROMOTIONS),
    }


def _changelog(registry: Registry, promotions: list[dict[str, Any]]) -> str:
    parts = []
    for row in reversed(promotions):
        if row["from_version"] is None:
            parts.append(f"### {row['to_version']}\n\nThe first champion.")
            continue
        try:
            before, after = (registry.models.card(row[name]) for name in ("from_version", "to_version"))
            changes = "\n".join(f"- {each}" for each in changes_between(before, after))
        except ChurnError as error:  # a folder is gone: the record of its promotion stays
            changes = str(error)
        parts.append(f"### {row['to_version']}, after {row['from_version']}\n\n{changes}")
    return "\n\n".join(parts)
