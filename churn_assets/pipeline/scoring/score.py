"""The stage `scoring`: score, audit and publish in one asset, so that no reader meets what failed."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from churn_assets.assets.checks import SCORE_CHECKS, score_results
from churn_assets.assets.metadata import column_lineage, column_schema, partition_metadata
from churn_assets.assets.results import REASON_TAG, StageResult, as_dagster_failure, run_context
from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.errors import AuditFailed
from churn_assets.core.models.card import ModelCard
from churn_assets.core.scoring.rows import ScoreAudit
from churn_assets.core.scoring.shift import Finding, audit_shift
from churn_assets.core.table_schemas import SCORES
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.pipeline.scoring.serving_models import (
    ServingModels,
    champion_and_canary,
    features_version,
    stage_scores,
)
from churn_assets.storage.lookup.writer import lookup_beside
from churn_assets.storage.tables.commits import Commit, Event
from churn_assets.storage.tables.versions import PartitionVersion, Published, Staged

__all__ = ["ScoreConfig", "ScoreResult", "score_customers", "scoring_assets"]


class ScoreConfig(dg.Config):
    """Which model scores: the champion where `model_version` is null, else a version, `previous` or `as_of`.

    `accept_shift` publishes scores that lie further from the last day's than the audit allows;
    where `publish` is false the work ends with the audit.
    """

    model_version: str | None = None
    accept_shift: bool = False
    publish: bool = True


@dataclass(frozen=True)
class ScoreResult:
    """An audited score partition; published, unless it was not to be."""

    made: StageResult
    valid_rows: int
    findings: tuple[Finding, ...]
    is_published: bool


def score_customers(chain: Chain, day: dt.date, config: ScoreConfig, work: RunContext) -> ScoreResult:
    """Score the day's valid customers, audit the files, and publish them.

    Raises:
        AuditFailed, PartitionConflict, ModelFault, NoChampion, UnknownVersion: nothing was published.
    """
    expected = chain.scores.current(day)
    todays = chain.scores.history(day)
    serving = champion_and_canary(chain, day, config.model_version, todays)
    customers = chain.customers.version(day)
    reference = chain.registry.models.reference(serving.model.card).scores
    fallback = serving.model.card.is_rules and not chain.recipe.is_rules
    if fallback:
        logger.warning(
            "%s is scored by the rules %s: no trained model is champion", day, serving.model.card.model_version
        )
    staged, audit, made_from = stage_scores(
        chain, chain.scores, serving, customers, reference.edges, for_app=config.publish
    )
    try:
        last = _last_day(chain, day, reference.edges)
        same_model = last is not None and last.models.keys() == audit.models.keys()
        before = last.summary() if last else None
        found = audit_shift(audit.summary(), before, reference, chain.audit, same_model=same_model)
        known = staged.version == expected  # readers have these very rows already: there is nothing to accept
        accepted = _accepted_before(todays) if known else _accepted(day, found, config, work)
    except AuditFailed:
        chain.scores.discard(staged)
        raise
    details = {
        **made_from,
        "customers_version": customers.version,
        "hindsight": any(model.card.trained_as_of > day for model in serving.models),
        "pinned": config.model_version or "",
        "decisions": chain.decisions.model_dump(mode="json"),
        **_canary_details(chain, serving, audit, customers),
        **({"accepted_shift": accepted} if accepted else {}),
    }
    commit = work.commit("score", serving.model.card.model_version, **details)
    published = _publish(chain, staged, expected, commit, publish=config.publish)
    _warn_of_rollback(day, todays, published)
    logger.debug("%s churn_scores: %d rows scored by %s", day, audit.rows, serving.model.card.model_version)
    metadata = _metadata(chain, published, audit, serving, details)
    metadata |= _compared(todays, expected, published.version, serving.model.card, details)
    metadata["fallback"] = fallback
    metadata["audit"] = {finding.words: "within bounds" if finding.passed else "beyond" for finding in found}
    return ScoreResult(
        StageResult("churn_scores", published, audit.rows, metadata), customers.rows, tuple(found), config.publish
    )


def _publish(chain: Chain, staged: Staged, expected: str | None, commit: Commit, *, publish: bool) -> Published:
    if publish:
        lookup_beside(chain.scores.root, staged)
        return chain.scores.publish(staged, expected, commit)
    chain.scores.discard(staged)
    return Published(staged.version, changed=False)


def _last_day(chain: Chain, day: dt.date, edges: tuple[float, ...]) -> ScoreAudit | None:
    """The aggregates of the newest scored day before `day`."""
    newest = max((each for each in chain.scores.days() if each < day), default=None)
    if newest is None:
        return None
    version = chain.scores.version(newest)
    counted = ScoreAudit(f"churn_scores {newest}", edges)

    def count(part: int) -> ScoreAudit:
        here = counted.empty_copy()
        for batch in version.batches(here.COUNTED, part=part, categories=here.CATEGORIES):
            here.count(batch)
        return here

    for one in ordered_map(count, version.parts):
        counted.join(one)
    return counted


def _accepted(day: dt.date, found: Sequence[Finding], config: ScoreConfig, work: RunContext) -> list[str]:
    """What a person accepts of a shift, in words.

    Raises:
        AuditFailed: there is a shift, and nobody accepts it.
    """
    beyond = [f"{each.words} (audit.{each.name})" for each in found if not each.passed]
    if beyond and not config.accept_shift:
        raise AuditFailed(
            f"churn_scores {day}: {'; '.join(beyond)}; nothing was published and the scores before stay: look at the "
            f"day's customers, or accept it with `churn-assets run --date {day} --accept-shift --reason TEXT`"
        )
    if beyond and not work.reason:
        raise AuditFailed(
            f"churn_scores {day}: {'; '.join(beyond)}; nothing was published: a shift is accepted with "
            f"a reason, in the run's tag {REASON_TAG}"
        )
    if beyond:
        logger.warning("%s: %s accepted a shift (%s): %s", day, work.actor, work.reason, "; ".join(beyond))
    return beyond


def _accepted_before(events: Sequence[Event]) -> list[str]:
    """What a person accepted of the scores that are current."""
    accepted: list[str] = events[-1].commit.details.get("accepted_shift", []) if events else []
    return accepted


def _canary_details(
    chain: Chain, serving: ServingModels, audit: ScoreAudit, customers: PartitionVersion
) -> dict[str, Any]:
    if serving.canary is None:
        return {}
    return {
        "canary": serving.canary.model_version,
        "canary_share": serving.canary.share,
        "models": audit.models,
        "features_versions": {
            model.card.model_version: features_version(chain, customers, model.card)["features_version"]
            for model in serving.models
        },
    }


def _warn_of_rollback(day: dt.date, events: Sequence[Event], published: Published) -> None:
    """Say that a person had taken this day back, which publishing it anew undoes."""
    if published.changed and events and events[-1].commit.kind == "rollback":
        before = events[-1].commit
        logger.warning("%s had been rolled back by %s (%s) and is published anew", day, before.actor, before.reason)


def _metadata(
    chain: Chain, published: Published, audit: ScoreAudit, serving: ServingModels, details: dict[str, Any]
) -> dict[str, Any]:
    metadata = partition_metadata(
        chain.scores,
        published,
        audit.rows,
        model_version=serving.model.card.model_version,
        high_risk=audit.tiers["high"],
        tiers=audit.tiers,
        mean_probability=audit.mean_probability,
        **details | {"models": audit.models},
    )
    metadata["dagster/column_schema"] = column_schema(SCORES)
    metadata["dagster/column_lineage"] = _lineage(chain, serving.model.card)
    return metadata


def _compared(
    events: Sequence[Event], expected: str | None, version: str, card: ModelCard, details: dict[str, Any]
) -> dict[str, Any]:
    """What differs from the version that was current before: told, so that nothing is replaced unnoticed."""
    if expected is None:
        return {}
    before = next(event for event in reversed(events) if event.version == expected)
    told = {"previous_version": expected, "previous_model_version": before.commit.model_version}
    if version == expected:
        return told
    now = {"model_version": card.model_version, **details}
    then = {"model_version": before.commit.model_version, **before.commit.details}
    watched = ("model_version", "customers_version", "decisions", "hindsight", "canary", "canary_share")
    return told | {
        "differs_from_previous": {
            name: f"{then.get(name)} -> {now.get(name)}" for name in watched if then.get(name) != now.get(name)
        }
    }


def _lineage(chain: Chain, card: ModelCard) -> dg.TableColumnLineage:
    seen = [("customer_features", name) for name in card.feature_columns]
    made_of = dict.fromkeys(("churn_probability", "risk_tier", "action"), seen)
    return column_lineage({"customer_id": [("customers", chain.profile.id_column)], **made_of})


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
    )
    def churn_scores(context: dg.AssetExecutionContext, config: ScoreConfig) -> Iterator[Any]:
        day = dt.date.fromisoformat(context.partition_key)
        scored: ScoreResult = as_dagster_failure(
            lambda: score_customers(chain, day, config, run_context(context, chain))
        )
        made = scored.made
        results = score_results(scored.valid_rows, made.rows, made.metadata, scored.findings)
        if scored.is_published:
            version = dg.DataVersion(made.published.version)
            yield dg.MaterializeResult(metadata=made.metadata, data_version=version, check_results=results)
            return
        context.log_event(dg.AssetObservation("churn_scores", partition=context.partition_key, metadata=made.metadata))
        yield from results

    return [churn_scores]
