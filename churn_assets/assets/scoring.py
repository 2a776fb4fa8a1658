"""The stage `scoring`: score, audit and publish in one asset, so that no reader meets what failed."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pyarrow as pa

from churn_assets.assets.adapter import Made, failing_in_words, work_of
from churn_assets.assets.checks import SCORE_CHECKS, score_results
from churn_assets.assets.features import feature_batches, is_fresh
from churn_assets.assets.metadata import column_lineage, column_schema, partition_metadata
from churn_assets.assets.resources import Chain, Work, logger
from churn_assets.core.batches import BLOCK_ROWS, ordered_map, rechunk
from churn_assets.core.card import ModelCard
from churn_assets.core.columns import SCORES
from churn_assets.core.errors import AuditFailed, ModelFault
from churn_assets.core.frames import id_texts
from churn_assets.core.model import Model
from churn_assets.core.scoring import ScoreAudit, score_rows
from churn_assets.storage.history import Event, version_before
from churn_assets.storage.versions import PartitionVersion, Published

__all__ = ["ScoreConfig", "Scored", "score_customers", "scoring_assets"]


class ScoreConfig(dg.Config):
    """Which model scores: the champion where `model_version` is null, else a version, `previous` or `as_of`."""

    model_version: str | None = None


@dataclass(frozen=True)
class Scored:
    """A published score partition and the audit it passed."""

    made: Made
    audit: ScoreAudit
    valid_rows: int


def score_customers(chain: Chain, day: dt.date, wanted: str | None, work: Work) -> Scored:
    """Score the day's valid customers, audit the files, and publish them.

    `wanted` is None for the champion, a model version, `previous` or `as_of`.

    Raises:
        AuditFailed, PartitionConflict, ModelFault, NoChampion, UnknownVersion: nothing was published.
    """
    expected = chain.scores.current(day)
    events = chain.scores.history(day)
    model = Model(*chain.registry.models.load(_resolve(chain, day, wanted, events)))
    _refuse_other_profile(chain, model.card)
    customers = chain.customers.version(day)
    batches, made_from = _features_for(chain, customers, model.card)
    staged = chain.scores.write(day, SCORES, "customer_id", _score(chain, model, batches))
    audit = ScoreAudit(f"churn_scores {day}")
    try:
        for batch in staged.batches():
            audit.look(batch)
        audit.finish(customers.rows)
    except AuditFailed:
        chain.scores.discard(staged)
        raise
    details = {
        **made_from,
        "customers_version": customers.version,
        "hindsight": model.card.trained_as_of > day,
        "pinned": wanted or "",
        "decisions": chain.decisions.model_dump(mode="json"),
    }
    published = chain.scores.publish(staged, expected, work.commit("score", model.card.model_version, **details))
    _warn_of_rollback(day, events, published)
    logger.debug("%s churn_scores: %d rows scored by %s", day, audit.rows, model.card.model_version)
    metadata = partition_metadata(
        chain.scores,
        published,
        audit.rows,
        model_version=model.card.model_version,
        high_risk=audit.tiers["high"],
        tiers=audit.tiers,
        mean_probability=audit.mean_probability,
        **details,
        **_compared(events, expected, published.version, model.card, details),
    )
    metadata["dagster/column_schema"] = column_schema(SCORES)
    metadata["dagster/column_lineage"] = _lineage(chain, model.card)
    return Scored(Made("churn_scores", published, audit.rows, metadata), audit, customers.rows)


def _warn_of_rollback(day: dt.date, events: list[Event], published: Published) -> None:
    """Say that a person had taken this day back, which publishing it anew undoes."""
    if published.changed and events and events[-1].commit.kind == "rollback":
        before = events[-1].commit
        logger.warning("%s had been rolled back by %s (%s) and is published anew", day, before.actor, before.reason)


def _resolve(chain: Chain, day: dt.date, wanted: str | None, events: list[Event]) -> str:
    if wanted is None:
        return chain.registry.champion()
    if wanted == "previous":
        before = version_before(events, f"churn_scores {day}")
        return next(event.commit.model_version for event in reversed(events) if event.version == before)
    if wanted == "as_of":
        return chain.registry.newest_as_of(day)
    return wanted


def _refuse_other_profile(chain: Chain, card: ModelCard) -> None:
    if card.profile != chain.profile.name:
        raise ModelFault(
            f"model {card.model_version} was trained for profile {card.profile}, the chain runs {chain.profile.name}; "
            "train and promote a model for it"
        )


def _features_for(
    chain: Chain, customers: PartitionVersion, card: ModelCard
) -> tuple[Iterator[pa.Table], dict[str, Any]]:
    """The model's features of these customers: read where they are the same, else computed."""
    day = customers.day
    newest = next(reversed(chain.features.history(day)), None)
    if newest is not None and is_fresh(newest, customers.version, card.feature_digest):
        version = chain.features.version(day, newest.version)
        return version.batches(), {"features_version": version.version, "feature_code_changed": False}
    changed = chain.profile.feature_digest(card.feature_parameters) != card.feature_digest
    if changed:
        logger.warning("%s: the feature code has changed since model %s was trained", day, card.model_version)
    batches = feature_batches(chain, customers, card.feature_parameters)
    return batches, {"features_version": "", "feature_code_changed": changed}


def _score(chain: Chain, model: Model, batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Score rows in fixed blocks of the sorted partition, so that the arithmetic never depends on the batches."""

    def score(block: pa.Table) -> pa.Table:
        ids = id_texts(block.column(chain.profile.id_column).combine_chunks())
        return score_rows(ids, model.predict(block), model.card.model_version, chain.decisions)

    return ordered_map(score, rechunk(batches, BLOCK_ROWS))


def _compared(
    events: list[Event], expected: str | None, version: str, card: ModelCard, details: dict[str, Any]
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
    watched = ("model_version", "customers_version", "decisions", "hindsight")
    return told | {
        "differs_from_previous": {
            name: f"{then.get(name)} -> {now[name]}" for name in watched if then.get(name) != now[name]
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
    )
    def churn_scores(context: dg.AssetExecutionContext, config: ScoreConfig) -> dg.MaterializeResult:
        day = dt.date.fromisoformat(context.partition_key)
        scored: Scored = failing_in_words(lambda: score_customers(chain, day, config.model_version, work_of(context)))
        made = scored.made
        return dg.MaterializeResult(
            metadata=made.metadata,
            data_version=dg.DataVersion(made.published.version),
            check_results=score_results(
                scored.valid_rows,
                made.rows,
                made.metadata["model_version"],
                hindsight=made.metadata["hindsight"],
            ),
        )

    return [churn_scores]
