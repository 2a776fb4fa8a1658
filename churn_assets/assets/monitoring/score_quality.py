"""The asset `score_quality`: how Dagster asks for it, and what it shows.

What it does stands in `pipeline.score_quality`.
"""

import datetime as dt
from typing import Any

import dagster as dg
import pyarrow as pa

from churn_assets.assets.metadata import column_schema
from churn_assets.core.errors import ChurnError
from churn_assets.core.models.card_markdown import markdown_table
from churn_assets.core.table_schemas import QUALITY
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.score_quality import FIGURES, judge_scores
from churn_assets.storage.tables.ledger import Row

__all__ = ["quality_assets"]


def quality_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`score_quality`."""
    back = chain.profile.label.horizon.days

    @dg.asset(
        partitions_def=partitions,
        deps=["churn_scores", "customers"],
        group_name="monitoring",
        kinds={"delta"},
        owners=["team:data-science"],
        description=f"How good the scores of {back} days before were, now that their outcomes are known: those that "
        "were published and those of the challenger.",
    )
    def score_quality(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        known = dt.date.fromisoformat(context.partition_key)
        rows: list[Row] = []
        trouble = ""
        try:
            rows = judge_scores(chain, known)
        except ChurnError as error:  # the night's scores are published: looking back takes nothing from them
            trouble = str(error)
            logger.warning("%s: the scores of %d days before were not judged: %s", known, back, error)
        names = ("snapshot_date", "scores", "model_version", "rows", "base_rate", *FIGURES)
        cells = [[_cell(row[name]) for name in names] for row in rows]
        return dg.MaterializeResult(
            metadata={
                "judged": len(rows),
                "trouble": trouble,
                "quality": dg.MetadataValue.md(markdown_table(names, cells) if rows else "No outcome became known."),
                "dagster/column_schema": column_schema(pa.schema([f for f in QUALITY if f.name != "snapshot_date"])),
            }
        )

    return [score_quality]


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
