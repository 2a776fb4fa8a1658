"""The assets `estimated_performance` and `score_summary`: how Dagster asks for them, and what they show.

What they do stands in `pipeline.monitoring`.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from churn_assets.assets.metadata import column_schema, partition_metadata, rows_shown, summary
from churn_assets.assets.monitoring.troubles import told_trouble
from churn_assets.assets.results import materialized, record, run_context
from churn_assets.core.monitoring.table_schemas import ESTIMATED_PERFORMANCE, SCORE_SUMMARY
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.monitoring.estimated import ESTIMATE, EstimatedPerformance, estimate_day
from churn_assets.pipeline.monitoring.summary import SUMMARY, ScoreSummary, summarize_day

__all__ = ["score_specs", "tell_estimate", "tell_summary"]

NOBODY = "nobody was scored"
Watched = EstimatedPerformance | ScoreSummary


def score_specs() -> list[dg.AssetSpec]:
    """`estimated_performance` and `score_summary`."""
    given: dict[str, Any] = {"group_name": "monitoring", "kinds": {"delta"}, "owners": ["team:data-science"]}
    return [
        dg.AssetSpec(
            ESTIMATE,
            deps=["churn_scores"],
            description="How good the night's scores promise to be by their own probabilities. It sees a shift of the "
            "customers, and nothing where the relation of features and churn itself changes.",
            metadata={"dagster/column_schema": column_schema(ESTIMATED_PERFORMANCE)},
            **given,
        ),
        dg.AssetSpec(
            SUMMARY,
            deps=["churn_scores", "customers"],
            description="The night's scores by tier and group, and who rose or fell a tier since the last scored day.",
            metadata={"dagster/column_schema": column_schema(SCORE_SUMMARY)},
            **given,
        ),
    ]


def tell_estimate(context: dg.AssetExecutionContext, chain: Chain, day: dt.date) -> Iterator[dg.MaterializeResult]:
    """What a night gives of `estimated_performance`."""
    yield _told(context, chain, day, ESTIMATE, estimate_day, _estimate_shown)


def tell_summary(context: dg.AssetExecutionContext, chain: Chain, day: dt.date) -> Iterator[dg.MaterializeResult]:
    """What a night gives of `score_summary`."""
    yield _told(context, chain, day, SUMMARY, summarize_day, _summary_shown)


def _told(
    context: dg.AssetExecutionContext,
    chain: Chain,
    day: dt.date,
    name: str,
    work: Callable[[Chain, dt.date, RunContext], Watched],
    show: Callable[[Any], dict[str, Any]],
) -> dg.MaterializeResult:
    results: list[Watched] = []
    with told_trouble(name, day) as trouble:
        results.append(work(chain, day, run_context(context, chain)))
    record(context, *results)
    for result in results:
        return materialized(result, {**show(result), **partition_metadata(result), "trouble": ""})
    return dg.MaterializeResult(name, metadata=summary(f"not done: {trouble.words}") | {"trouble": trouble.words})


def _estimate_shown(estimate: EstimatedPerformance) -> dict[str, Any]:
    lacking = [model for model, offset in estimate.offsets.items() if not offset]
    promised = [
        f"{row['model_version']} promises ROC-AUC {row['roc_auc']:.3f}"
        for row in estimate.figures
        if row["roc_auc"] is not None
    ]
    return summary(*(promised or ["nothing is promised"])) | {
        "estimates": rows_shown(estimate.figures, NOBODY),
        "offsets": {model: dict(offset) for model, offset in estimate.offsets.items()},
        "without_offset": f"nothing is taken off: {', '.join(lacking)} keep none" if lacking else "",
    }


def _summary_shown(told: ScoreSummary) -> dict[str, Any]:
    everybody = [row for row in told.tiers if not row["slice_column"]]
    tiers = [f"{row['customers']:,} {row['risk_tier']}" for row in reversed(everybody)]
    compared = str(told.compared_with or "no earlier scored day")
    moved = [] if told.compared_with is None else [f"{sum(row['risen'] for row in everybody):,} rose since {compared}"]
    return summary(", ".join(tiers) or NOBODY, *moved) | {
        "compared_with": compared,
        "tiers": rows_shown(everybody, NOBODY),
    }
