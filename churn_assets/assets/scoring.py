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
from pydantic import Field

from churn_assets.assets.checks import challenger_check, challenger_result, score_checks, score_results
from churn_assets.assets.metadata import column_lineage, column_schema, partition_metadata, report_shown, summary
from churn_assets.assets.results import (
    KIND_TAG,
    dagster_failures,
    materialization,
    materialized,
    record,
    run_context,
    tag_run,
)
from churn_assets.core.errors import ChurnError
from churn_assets.core.models.card import ModelCard
from churn_assets.core.table_schemas import REASONS, SCORES
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.monitoring.night_report import report_scores
from churn_assets.pipeline.scoring.challenger import ChallengerScores, score_challenger
from churn_assets.pipeline.scoring.reasons import ReasonsResult
from churn_assets.pipeline.scoring.score import ScoreOptions, ScoreResult, score_customers

__all__ = ["ScoreConfig", "challenger_assets", "reasons_spec", "scoring_assets"]


CHAMPION = "champion"


class ScoreConfig(dg.Config):
    """Which model scores, and what becomes of the scores."""

    model_version: str | None = Field(
        default=CHAMPION,
        description="Which model scores: `champion`, a model version such as 20261101-3f9a1c2b, `previous` (the model "
        "of the score version before the current one) or `as_of` (the newest that was trained as of the day or before)",
    )
    accept_shift: bool = Field(
        default=False,
        description="Publish scores that lie further from the last day's than the audit allows; say why in the run's "
        "tag churn_assets/reason",
    )
    publish: bool = Field(default=True, description="Where false the work ends with the audit, and no reader sees it")

    @property
    def pinned(self) -> str | None:
        """The model that is asked for by name; None for the champion."""
        return None if self.model_version == CHAMPION else self.model_version


def scoring_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`churn_scores`."""

    @dg.asset(
        partitions_def=partitions,
        deps=["customers", "customer_features", "champion"],
        group_name="scoring",
        kinds={"delta", "scikitlearn"},
        owners=["team:data-science"],
        description="What the app reads: a churn probability, tier and action for each valid customer of the day. "
        "Its run config says which model scores: the champion, where nothing else is asked for.",
        metadata={"dagster/column_schema": column_schema(SCORES)},
        check_specs=score_checks(partitions),
        output_required=False,  # a run that is not to publish ends with the audit, and so does what follows it
        required_resource_keys={"results"},
    )
    def churn_scores(context: dg.AssetExecutionContext, config: ScoreConfig) -> Iterator[Any]:
        day = dt.date.fromisoformat(context.partition_key)
        options = ScoreOptions(config.pinned, config.accept_shift, config.publish)
        with dagster_failures():
            kind = _kind(context, chain, day)
        try:
            with dagster_failures():
                scores = score_customers(chain, day, options, run_context(context, chain))
        except dg.Failure:
            tag_run(context, kind=kind, result="refused")
            raise
        tag_run(context, kind=kind, result=_result_of(scores), model_version=scores.card.model_version)
        record(context, scores)
        metadata = _report(chain, scores) | _score_metadata(chain, scores)
        if scores.is_published:
            yield materialized(scores, metadata)
            if scores.reasons is not None:
                record(context, scores.reasons)
                context.log_event(materialization(scores.reasons, _reasons_metadata(scores.reasons)))
        else:
            context.log_event(dg.AssetObservation("churn_scores", partition=context.partition_key, metadata=metadata))
        yield from score_results(scores)

    return [churn_scores]


def _kind(context: dg.AssetExecutionContext, chain: Chain, day: dt.date) -> str:
    """What a run is for: a day that has scores `again`, one of a `backfill`, or a `night`."""
    if chain.scores.current(day) is not None:
        return "again"
    tags = context.run.tags
    return "backfill" if "dagster/backfill" in tags or KIND_TAG in tags else "night"


def _result_of(scores: ScoreResult) -> str:
    if not scores.is_published:
        return "audited, not published"
    if not scores.published.changed:
        return "unchanged"
    return "published, a shift accepted" if scores.accepted_shift else "published"


def _report(chain: Chain, scores: ScoreResult) -> dict[str, Any]:
    """The night in a sentence, and its report with the picture inside."""
    report = report_scores(chain, scores)
    if report is None:
        return {}
    return summary(report.headline) | {"report": report_shown(report)}


def _score_metadata(chain: Chain, scores: ScoreResult) -> dict[str, Any]:
    return (
        {
            "model_version": scores.card.model_version,
            "high_risk": scores.audit.tiers["high"],
            "tiers": scores.audit.tiers,
            "mean_probability": scores.audit.mean_probability,
            **scores.details,
            "models": scores.audit.models,
            "fallback": scores.is_fallback,
            "audit": {each.figure: "within" if each.passed else f"beyond: {each.words}" for each in scores.findings},
            "dagster/column_schema": column_schema(SCORES),
            "dagster/column_lineage": _lineage(chain, scores.card),
        }
        | scores.previous
        | partition_metadata(scores)
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
    told = summary(f"{reasons.details['explained']:,} customers are told why")
    return told | partition_metadata(reasons) | reasons.details


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
        check_specs=[challenger_check(partitions)],
        required_resource_keys={"results"},
    )
    def challenger_scores(context: dg.AssetExecutionContext) -> Iterator[Any]:
        day = dt.date.fromisoformat(context.partition_key)
        with dagster_failures():
            version = chain.registry.challenger(chain.profile.name)
        trouble = ""
        told = summary(f"not scored by {version}: the check says why" if version else "nobody challenges the champion")
        nothing: dict[str, Any] = told | {"dagster/partition_row_count": 0, "model_version": version or "none"}
        result: dg.MaterializeResult = dg.MaterializeResult(metadata=nothing)
        if version is not None:
            try:
                scores = score_challenger(chain, day, version, run_context(context, chain))
            except ChurnError as error:
                trouble = str(error)
                logger.warning("%s: the challenger did not score: %s", day, error)
            else:
                record(context, scores)
                result = materialized(scores, _challenger_metadata(scores))
        yield result  # also of no rows: a partition that is passed over fails its backfill
        yield challenger_result(version, trouble)

    return [challenger_scores]


def _challenger_metadata(scores: ChallengerScores) -> dict[str, Any]:
    compared = scores.comparison
    moved = f"{compared['tier_changed']:.1%} of {compared['customers']:,} customers would come into another tier"
    told = summary(f"{scores.rows:,} customers scored unseen by {scores.model_version}", moved)
    return (
        told
        | {
            "model_version": scores.model_version,
            "mean_probability": scores.mean_probability,
            **scores.details,
            **{"probability_changed" if name == "changed" else name: value for name, value in compared.items()},
            "dagster/column_schema": column_schema(SCORES),
        }
        | partition_metadata(scores)
    )
