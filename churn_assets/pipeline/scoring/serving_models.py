"""Which models score a day, and what they are given: shared by the published and the challenger's scores."""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from churn_assets.core.errors import ModelFault, UnknownVersion
from churn_assets.core.models.card import ModelCard
from churn_assets.core.models.model import Model
from churn_assets.core.scoring.rows import ScoreAudit
from churn_assets.core.table_schemas import SCORES
from churn_assets.pipeline.chain import Chain, installed_libraries, logger
from churn_assets.pipeline.execution.parts import ModelInput, ScoringJob
from churn_assets.pipeline.features import is_fresh
from churn_assets.pipeline.scoring.progress import told
from churn_assets.storage.models.opening import open_proven
from churn_assets.storage.models.registry import Canary
from churn_assets.storage.tables.commits import Event, version_before
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import PartitionVersion, Staged

__all__ = ["ServingModels", "champion_and_canary", "features_version", "open_model", "rows_for", "stage_scores"]


@dataclass(frozen=True)
class ServingModels:
    """Who scores a day: `model`, and for the canary's share of the customers another one."""

    model: Model
    canary: Canary | None = None
    canary_model: Model | None = None

    @property
    def models(self) -> list[Model]:
        """Whoever scores."""
        return [model for model in (self.model, self.canary_model) if model is not None]


def champion_and_canary(chain: Chain, day: dt.date, wanted: str | None, events: Sequence[Event]) -> ServingModels:
    """The model that `wanted` names, opened and proven; the canary beside the champion, never beside a pinned model.

    Raises:
        NoChampion, UnknownVersion, ModelFault: nothing can score.
    """
    model = open_model(chain, _resolve(chain, day, wanted, events))
    canary = chain.registry.canary() if wanted is None else None
    if canary is None:
        return ServingModels(model)
    return ServingModels(model, canary, open_model(chain, canary.model_version))


def open_model(chain: Chain, version: str) -> Model:
    """A model that is what its card says, of this profile, and still gives its golden rows.

    Raises:
        UnknownVersion, ModelFault: it is not.
    """
    store = chain.registry.models
    try:
        card = store.card(version)
    except UnknownVersion as error:
        if version not in {row["to_version"] for row in chain.registry.promotions.rows()}:
            raise
        raise ModelFault(
            f"model {version} was promoted, and its folder below {store.root} is gone: restore it from a backup, or "
            "promote another version"
        ) from error
    if card.profile != chain.profile.name:
        raise ModelFault(
            f"model {version} was trained for profile {card.profile}, the chain runs {chain.profile.name}; "
            "train and promote a model for it"
        )
    proven = open_proven(store, card, chain.profile, installed_libraries())
    if proven.reason:
        logger.warning("model %s is scored by scikit-learn itself, at a tenth of the speed: %s", version, proven.reason)
    return proven.model


def stage_scores(  # who scores whom, and for what
    chain: Chain,
    table: Table,
    serving: ServingModels,
    customers: PartitionVersion,
    edges: tuple[float, ...],
    *,
    for_app: bool = False,
) -> tuple[Staged, ScoreAudit, dict[str, Any]]:
    """Score every customer of a day and write the rows where no reader looks, audited row by row.

    Where they are `for_app`, an engine may make pieces of the app's lookup as it goes.

    Returns:
        The files, what the audit saw (probabilities counted between `edges`), and what was read.

    Raises:
        AuditFailed: the rows are not fit to be read; nothing is left behind.
        RunError: the engine could not do it; likewise.
    """
    made_from = features_version(chain, customers, serving.model.card)
    audit = ScoreAudit(f"{table.name} {customers.day}", edges)
    scoring = ScoringJob(
        day=customers.day,
        profile=chain.profile,
        contestants=tuple(_contestant(chain, customers, model) for model in serving.models),
        canary_share=serving.canary.share if serving.canary else 0.0,
        decisions=chain.decisions,
        audit=audit.empty_copy(),
        is_for_app=for_app,
    )

    def score_all(folder: Path) -> None:
        with closing(chain.engine.score(scoring, folder, customers.parts)) as scored:
            for one in told(scored, str(customers.day), len(customers.parts)):
                audit.join(one)
        audit.finish(customers.rows)

    return table.stage(customers.day, SCORES, score_all), audit, made_from


def _resolve(chain: Chain, day: dt.date, wanted: str | None, events: Sequence[Event]) -> str:
    if wanted is None:
        return chain.registry.champion()
    if wanted == "previous":
        before = version_before(events, f"churn_scores {day}")
        return next(event.commit.model_version for event in reversed(events) if event.version == before)
    if wanted == "as_of":
        return chain.registry.newest_as_of(day)
    return wanted


def features_version(chain: Chain, customers: PartitionVersion, card: ModelCard) -> dict[str, Any]:
    """The `customer_features` that the model can read; none where its own are computed from `customers`."""
    if card.is_rules:
        return {"features_version": "", "feature_code_changed": False}
    newest = next(chain.features.backwards(customers.day), None)
    if newest is not None and is_fresh(newest, customers.version, card.feature_digest):
        return {"features_version": newest.version, "feature_code_changed": False}
    changed = chain.profile.feature_digest(card.feature_parameters) != card.feature_digest
    if changed:
        logger.warning("%s: the feature code has changed since model %s was trained", customers.day, card.model_version)
    return {"features_version": "", "feature_code_changed": changed}


def rows_for(chain: Chain, customers: PartitionVersion, card: ModelCard) -> Iterator[pa.Table]:
    """What the model is given: customers for rules, else its features, read or computed."""
    given = _contestant(chain, customers, Model(None, card))
    for part in customers.parts:
        yield from given.batches(chain.profile, customers.day, part)


def _contestant(chain: Chain, customers: PartitionVersion, model: Model) -> ModelInput:
    if version := features_version(chain, customers, model.card)["features_version"]:
        return ModelInput(model, chain.features.version(customers.day, version).files, is_customers=False)
    return ModelInput(model, customers.files, is_customers=True)
