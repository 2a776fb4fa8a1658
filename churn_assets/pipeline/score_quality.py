"""What came true: the scores of a day held against its customers' outcomes, once these are known."""

import datetime as dt
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.assets.metadata import column_schema
from churn_assets.core.arrow.conversion import rows_of
from churn_assets.core.errors import ChurnError, TrainingImpossible
from churn_assets.core.models.card_markdown import markdown_table
from churn_assets.core.profile import LabelRule
from churn_assets.core.table_schemas import QUALITY
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.training.training_data import (
    Holdout,
    TrainingPlan,
    load_holdout,
    plan_outcomes,
    sampled_rows,
)
from churn_assets.storage.tables.ledger import Row
from churn_assets.storage.tables.table import Table

__all__ = ["judge_scores", "quality_assets"]

FIGURES = ("roc_auc", "average_precision", "brier", "calibration_error")


def judge_scores(chain: Chain, known: dt.date) -> list[Row]:
    """Record the quality of the scores whose outcomes came to be known on `known`, model by model.

    The published scores are the last whose model knew no more than the day; beside them stand the
    challenger's. A labelled export has no outcomes to wait for.
    """
    label = chain.profile.label
    if not isinstance(label, LabelRule):
        return []
    day = known - dt.timedelta(days=label.horizon_days)
    plan = plan_outcomes(chain, day, known)
    holdout = load_holdout(chain, plan) if plan else None
    if plan is None or holdout is None:
        return []
    told = _quality(chain.scores, "published", plan, known, holdout)
    told += _quality(chain.challenger_scores, "challenger", plan, known, holdout)
    for row in told:
        chain.monitoring.record_quality(row)
    return told


def _quality(table: Table, name: str, plan: TrainingPlan, known: dt.date, holdout: Holdout) -> list[Row]:
    day = plan.backtest
    if day is None:
        return []
    honest = (event.version for event in table.backwards(day) if not event.commit.details.get("hindsight", True))
    version = next(honest, None)
    if version is None:
        return []
    columns = ["customer_id", "churn_probability", "model_version"]
    scores = sampled_rows(table.version(day, version), "customer_id", plan.sample_rate, columns)
    both, matched = rows_of(holdout.rows.ids, scores)
    churned = holdout.rows.churned[both]
    models = matched.column("model_version")
    rows = []
    for model in sorted(pc.unique(models).to_pylist()):
        here = pc.equal(models, model).to_numpy()
        row = _row(churned[here], matched.column("churn_probability").to_numpy()[here])
        if row:
            about = {"scores": name, "score_version": version, "model_version": model}
            rows.append(
                {"judged_at": dt.datetime.now(dt.UTC), "snapshot_date": day, "outcome_date": known} | about | row
            )
    return rows


def _row(churned: "np.ndarray[Any, Any]", probability: "np.ndarray[Any, Any]") -> Row:
    from churn_assets.core.evaluation.metrics import measure  # noqa: PLC0415  # loads scikit-learn, where there are outcomes

    try:
        metrics = measure(churned, probability)
    except TrainingImpossible:  # all of them stayed, or all left: there is nothing to rank
        return {}
    return {"rows": metrics.rows, "base_rate": metrics.base_rate} | {name: getattr(metrics, name) for name in FIGURES}


def quality_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`score_quality`."""
    label = chain.profile.label
    back = label.horizon_days if isinstance(label, LabelRule) else 0

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
        trouble = ""
        try:
            rows = judge_scores(chain, known)
        except ChurnError as error:  # the night's scores are published: looking back takes nothing from them
            rows, trouble = [], str(error)
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
