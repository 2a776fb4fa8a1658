"""The assets `churn_scores`, `churn_reasons` and `challenger_scores`: how Dagster asks for them, and what it shows.

What they do stands in `pipeline.scoring`. A challenger that cannot score is told by a check and a warning; it takes
nothing from the night, whose scores are published by then.

Reasons are made in the very pass that scores, and become current after their scores: the step of `churn_scores` reports
them, so that no selection of assets can leave scores and reasons apart.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg

from churn_assets.assets.checks import CHALLENGER_CHECK, SCORE_CHECKS, challenger_result, score_results
from churn_assets.assets.metadata import column_lineage, column_schema, partition_metadata
from churn_assets.assets.results import dagster_failures, materialization, materialized, record, run_context
from churn_assets.core.errors import ChurnError
from churn_assets.core.models.card import ModelCard
from churn_assets.core.table_schemas import REASONS, SCORES
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.scoring.challenger import ChallengerScores, score_challenger
from churn_assets.pipeline.scoring.reasons import ReasonsResult
from churn_assets.pipeline.scoring.score import ScoreOptions, ScoreResult, score_customers

__all__ = ["ScoreConfig", "challenger_assets", "reasons_spec", "scoring_assets"]


class ScoreConfig(dg.Config):
    """Which model scores: the champion where `model_version` is null, else a version, `previous` or `as_of`.

    `accept_shift` publishes scores that lie further from the last day's than the audit allows;
    where `publish` is false the work ends with the audit.
    """

    model_version: str | None = None
    accept_shift: bool = False
    publish: bool = True


def scoring_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`churn_scores`."""

    @dg.asset(
        partitions_def=partitions,
        deps=["customers", "customer_features", "champion"],
        group_name="scoring",
        kinds={"delta", "scikitlearn"},
        owners=["team:data-science"],
        description="What the app reads: a churn probability, tier and action for each valid customer of the day. "
        "Run config `model_version`: null (the champion), a version, `previous`, or `as_of`.",
        metadata={"dagster/column_schema": column_schema(SCORES)},
        check_specs=SCORE_CHECKS,
        output_required=False,  # a run that is not to publish ends with the audit
        required_resource_keys={"results"},
    )
    def churn_scores(context: dg.AssetExecutionContext, config: ScoreConfig) -> Iterator[Any]:
        day = dt.date.fromisoformat(context.partition_key)
        options = ScoreOptions(config.model_version, config.accept_shift, config.publish)
        with dagster_failures():
            scores = score_customers(chain, day, options, run_context(context, chain))
        record(context, scores)
        metadata = _score_metadata(chain, scores)
        if scores.is_published:
            yield materialized(scores, metadata)
            if scores.reasons is not None:
                record(context, scores.reasons)
                context.log_event(materialization(scores.reasons, _reasons_metadata(scores.reasons)))
        else:
            context.log_event(dg.AssetObservation("churn_scores", partition=context.partition_key, metadata=metadata))
        yield from score_results(scores)

    return [churn_scores]


def _score_metadata(chain: Chain, scores: ScoreResult) -> dict[str, Any]:
    return (
        partition_metadata(scores)
        | {
            "model_version": scores.card.model_version,
            "high_risk": scores.audit.tiers["high"],
            "tiers": scores.audit.tiers,
            "mean_probability": scores.audit.mean_probability,
            **scores.details,
            "models": scores.audit.models,
            "fallback": scores.is_fallback,
            "audit": {finding.words: "within bounds" if finding.passed else "beyond" for finding in scores.findings},
            "dagster/column_schema": column_schema(SCORES),
            "dagster/column_lineage": _lineage(chain, scores.card),
        }
        | scores.previous
    )


def _lineage(chain: Chain, card: ModelCard) -> dg.TableColumnLineage:
    seen = [("customer_features", name) for name in card.feature_columns]
    made_of = dict.fromkeys(("churn_probability", "risk_tier", "action"), seen)
    return column_lineage({"customer_id": [("customers", chain.profile.id_column)], **made_of})


def reasons_spec(partitions: dg.PartitionsDefinition[str]) -> dg.AssetSpec:
    """`churn_reasons`."""
    return dg.AssetSpec(
        "churn_reasons",
        partitions_def=partitions,
        deps=["churn_scores"],
        group_name="scoring",
        kinds={"delta"},
        owners=["team:data-science"],
        description="Why: up to four reasons of each customer at risk, the strongest first, in the profile's words. "
        "Made and published by the step of churn_scores, for the very scores that it publishes.",
        metadata={"dagster/column_schema": column_schema(REASONS)},
    )


def _reasons_metadata(reasons: ReasonsResult) -> dict[str, Any]:
    """Aggregates alone: what is told of one customer is for whoever may read that customer's score."""
    return partition_metadata(reasons) | reasons.details


def challenger_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`challenger_scores`."""

    @dg.asset(
        partitions_def=partitions,
        deps=["customers", "customer_features", "churn_scores"],
        group_name="scoring",
        kinds={"delta", "scikitlearn"},
        owners=["team:data-science"],
        description="What the challenger gives the day's customers, which no app reads: the canary, else the newest "
        "model that passed its gates and was not promoted. Compared with the published scores, day by day.",
        check_specs=[CHALLENGER_CHECK],
        output_required=False,  # there may be no challenger
        required_resource_keys={"results"},
    )
    def challenger_scores(context: dg.AssetExecutionContext) -> Iterator[Any]:
        day = dt.date.fromisoformat(context.partition_key)
        with dagster_failures():
            version = chain.registry.challenger(chain.profile.name)
        trouble = ""
        if version is not None:
            try:
                scores = score_challenger(chain, day, version, run_context(context, chain))
            except ChurnError as error:
                trouble = str(error)
                logger.warning("%s: the challenger did not score: %s", day, error)
            else:
                record(context, scores)
                yield materialized(scores, _challenger_metadata(scores))
        yield challenger_result(version, trouble)

    return [challenger_scores]


def _challenger_metadata(scores: ChallengerScores) -> dict[str, Any]:
    return partition_metadata(scores) | {
        "model_version": scores.model_version,
        "mean_probability": scores.mean_probability,
        **scores.details,
        **scores.comparison,
        "dagster/column_schema": column_schema(SCORES),
    }
