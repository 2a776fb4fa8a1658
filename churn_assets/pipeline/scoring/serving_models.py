"""Which models score a day, opened and proven, and what each of them reads: resolved once, and passed on."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from churn_assets.core.errors import ModelFault, UnknownVersion
from churn_assets.core.models.card import ModelCard
from churn_assets.core.models.model import Model
from churn_assets.core.scoring.do_not_score import DoNotScoreList
from churn_assets.core.scoring.prior import NO_CORRECTION, PriorCorrection
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.execution.parts import ModelInput
from churn_assets.pipeline.features import is_fresh
from churn_assets.pipeline.libraries import installed_libraries
from churn_assets.storage.models.opening import open_proven
from churn_assets.storage.models.registry import Canary
from churn_assets.storage.tables.commits import Event, version_before
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["ResolvedInput", "ServingModels", "champion_and_canary", "open_model", "resolve_input", "rows_for"]


PREVIOUS_ADVICE = (
    "in the run config of churn_scores set model_version to champion, or to a version of `churn-assets models`, in "
    "place of previous"
)


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


@dataclass(frozen=True)
class ResolvedInput:
    """A model and what it reads: `features`, or where that is None what is computed of `customers`.

    `feature_code_changed` says that today's feature code is not what the model was trained with. `correction` sets
    the level of its probabilities, whose mean would be `uncorrected_mean`, None where nothing is corrected. Customers
    who are `excluded` are not read.
    """

    model: Model
    customers: PartitionVersion
    features: PartitionVersion | None
    feature_code_changed: bool = False
    correction: PriorCorrection = NO_CORRECTION
    uncorrected_mean: float | None = None
    excluded: DoNotScoreList | None = None

    @property
    def features_version(self) -> str:
        """The version of `customer_features` that is read, empty for none."""
        return self.features.version if self.features else ""

    @property
    def files(self) -> ModelInput:
        """The same as files, for whoever works on parts."""
        read = self.customers if self.features is None else self.features
        is_customers = self.features is None
        return ModelInput(self.model, read.files, is_customers, self.correction, self.excluded)


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
            f"model {version} was promoted, and its folder below {store.folder} is gone: restore it from a backup, or "
            "promote another version"
        ) from error
    if card.profile != chain.profile.name:
        raise ModelFault(
            f"model {version} was trained for profile {card.profile}, the chain runs {chain.profile.name}; "
            "train and promote a model for it"
        )
    proven = open_proven(store, card, chain.profile, installed_libraries(card.libraries))
    if proven.reason:
        logger.warning("model %s is scored by its library itself, at a tenth of the speed: %s", version, proven.reason)
    return proven.model


def _resolve(chain: Chain, day: dt.date, wanted: str | None, events: Sequence[Event]) -> str:
    if wanted is None:
        return chain.registry.champion()
    if wanted == "previous":
        before = version_before(events, f"churn_scores {day}", PREVIOUS_ADVICE)
        return next(event.commit.model_version for event in reversed(events) if event.version == before)
    if wanted == "as_of":
        return chain.registry.newest_as_of(day)
    return wanted


def resolve_input(
    chain: Chain, customers: PartitionVersion, model: Model, excluded: DoNotScoreList | None = None
) -> ResolvedInput:
    """What the model reads: the current `customer_features` where they are its own, made of these customers.

    Nothing of whoever is `excluded`.

    Raises:
        DamagedVersion: what is read is not what was published.
    """
    card = model.card
    if card.is_rules:
        return ResolvedInput(model, customers.verified(), None, excluded=excluded)
    newest = next(chain.features.backwards(customers.day), None)
    if newest is not None and is_fresh(newest, customers.version, card.feature_digest):
        features = chain.features.version(customers.day, newest.version).verified()
        return ResolvedInput(model, customers, features, excluded=excluded)
    changed = chain.profile.feature_digest(card.feature_parameters) != card.feature_digest
    if changed:
        logger.warning("%s: the feature code has changed since model %s was trained", customers.day, card.model_version)
    return ResolvedInput(model, customers.verified(), None, feature_code_changed=changed, excluded=excluded)


def rows_for(
    chain: Chain, customers: PartitionVersion, card: ModelCard, excluded: DoNotScoreList | None = None
) -> Iterator[pa.Table]:
    """What the model is given: customers for rules, else its features, read or computed."""
    given = resolve_input(chain, customers, Model(None, card), excluded).files
    for part in customers.parts:
        yield from given.batches(chain.profile, customers.day, part)
