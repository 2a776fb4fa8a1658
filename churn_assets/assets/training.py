"""The assets `churn_model` and `champion`: how Dagster asks for them, and what it shows.

What they do stands in `pipeline.training`; the record of promotions as people see it, in `promotion_log`.
"""

import datetime as dt
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
from pydantic import Field

from churn_assets.assets.checks import gate_checks, gate_results
from churn_assets.assets.customers import landed_metadata, quarantined_metadata, valid_metadata
from churn_assets.assets.features import features_metadata
from churn_assets.assets.metadata import column_lineage, column_schema, summary
from churn_assets.assets.promotion_log import promotion_metadata
from churn_assets.assets.results import dagster_failures, materialization, record, run_context, tag_run
from churn_assets.core.evaluation.gates import gate_names
from churn_assets.core.models.card import ModelCard
from churn_assets.core.models.card_markdown import leaderboard, markdown_table, with_picture
from churn_assets.core.profile_schemas import described_features
from churn_assets.pipeline.chain import Chain, RunContext, StageResult
from churn_assets.pipeline.customers.land import LandedCustomers
from churn_assets.pipeline.customers.validate import QuarantinedCustomers, ValidCustomers
from churn_assets.pipeline.features import CustomerFeatures
from churn_assets.pipeline.training.promote import PromotionRequest, promote

if TYPE_CHECKING:
    from churn_assets.pipeline.training.train import TrainResult

__all__ = ["PromotionConfig", "promotion_assets", "training_assets"]


class PromotionConfig(dg.Config):
    """What to promote."""

    model_version: str | None = Field(
        default=None,
        description="The model version that becomes champion. Where none is named and there is no champion, or only "
        "the fallback: the newest model that passed its gates, else the configured fallback",
    )
    reason: str = Field(default="", description="Why; it is kept in the record of promotions")
    force: bool = Field(default=False, description="Promote it also where it missed its gates")
    first: bool = Field(default=False, description="A champion that is there already stays")
    as_of: str | None = Field(
        default=None, description="The day, YYYY-MM-DD, as of which the fallback stands; the run's partition where null"
    )


def training_assets(chain: Chain, partitions: dg.TimeWindowPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """`churn_model`."""
    history = _training_window(chain)
    gates = gate_names(chain.gates, undersampled=chain.recipe.undersamples)

    @dg.asset(
        partitions_def=partitions,
        deps=[dg.AssetDep(name, partition_mapping=history) for name in ("customers", "customer_features")],
        group_name="training",
        kinds={"scikitlearn"},
        owners=["team:data-science"],
        code_version=chain.feature_digest,
        description="A model version as of the day, from labels known on that day only, judged by a backtest.",
        check_specs=gate_checks(gates, partitions),
        required_resource_keys={"results"},
    )
    def churn_model(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from churn_assets.pipeline.training.train import train_or_fall_back  # noqa: PLC0415  # loads all of scikit-learn

        as_of = dt.date.fromisoformat(context.partition_key)
        with _history_events(context, chain) as run:
            trained = train_or_fall_back(chain, as_of, run)
        record(context, trained)
        tag_run(context, kind="training", result=_verdict(trained), model_version=trained.card.model_version)
        return dg.MaterializeResult(
            metadata=_model_metadata(chain, trained),
            data_version=dg.DataVersion(trained.card.model_version),
            check_results=gate_results(trained.gates, gates),
        )

    return [churn_model]


def promotion_assets(chain: Chain) -> list[dg.AssetsDefinition]:
    """`champion`."""

    @dg.asset(
        deps=["churn_model"],
        group_name="training",
        kinds={"delta"},
        owners=["team:data-science"],
        description="The record of promotions: whose scores are published, since when, by whom and why; and what "
        "changed from one champion to the next.",
    )
    def champion(context: dg.AssetExecutionContext, config: PromotionConfig) -> dg.MaterializeResult:
        named = config.as_of or context.run.tags.get("dagster/partition")
        as_of = dt.date.fromisoformat(named) if named else None
        with _history_events(context, chain) as run:
            promote(
                chain, PromotionRequest(config.model_version, config.reason, config.force, config.first, as_of), run
            )
        metadata = promotion_metadata(chain.registry)
        tag_run(context, kind="promotion", model_version=metadata["model_version"])
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(metadata["model_version"]))

    return [champion]


@contextmanager
def _history_events(context: dg.AssetExecutionContext, chain: Chain) -> Iterator[RunContext]:
    """Who runs this; what lands on the way is Dagster's to know, also where the work fails afterwards."""
    run = run_context(context, chain)
    try:
        with dagster_failures():
            yield run
    finally:
        for result in run.landed:
            context.log_event(materialization(result, _history_metadata(chain, result)))


def _history_metadata(chain: Chain, result: StageResult) -> dict[str, Any]:
    match result:
        case LandedCustomers():
            return landed_metadata(chain, result)
        case ValidCustomers():
            return valid_metadata(chain, result)
        case QuarantinedCustomers():
            return quarantined_metadata(chain, result)
        case CustomerFeatures():
            return features_metadata(chain, result)
        case _:
            raise TypeError(f"{result.table.name} is no table of a history")


def _training_window(chain: Chain) -> dg.TimeWindowPartitionMapping:
    """A model as of a day is made of the partitions as far back as its backtest's window reaches."""
    label = chain.profile.label
    reach = chain.recipe.window_days + 2 * label.horizon.days if label.is_dated else 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # the parameter is; without it the first year cannot be trained
        return dg.TimeWindowPartitionMapping(start_offset=-reach, allow_nonexistent_upstream_partitions=True)


def _verdict(trained: "TrainResult") -> str:
    """Which gates were missed, if any."""
    missed = [gate.name for gate in trained.gates if not gate.passed]
    return f"missed {', '.join(missed)}" if missed else "passed its gates"


def _features_of(chain: Chain, card: ModelCard) -> pa.Schema:
    """What the model sees, with the types and descriptions of `customer_features`; text where that never was made."""
    kept = [day for day in chain.features.days() if day in set(card.training_dates)]
    types = chain.features.version(kept[-1]).schema if kept else pa.schema([])
    known = {field.name: field.type for field in types}
    fields = [pa.field(name, known.get(name, pa.string())) for name in card.feature_columns]
    return described_features(chain.profile, pa.schema(fields))


def _model_metadata(chain: Chain, trained: "TrainResult") -> dict[str, Any]:
    card, store = trained.card, chain.registry.models
    page = with_picture(store.page(card.model_version), store.figure(card.model_version))
    figures = ("roc_auc", "average_precision", "brier", "base_rate", "calibration_error")
    told = (
        f"{card.metrics.rows:,} customers, ROC-AUC {card.metrics.roc_auc:.3f}" if card.metrics else "nothing known yet"
    )
    metadata = summary(f"model {card.model_version}, judged on {told}", _verdict(trained))
    metadata |= {"card": dg.MetadataValue.md(page), "model_version": card.model_version}
    metadata |= {name: getattr(card.metrics, name) for name in figures} if card.metrics else {}
    metadata |= {
        "created": trained.created,
        "estimator": card.chosen.estimator,
        "kernel": card.kernel,
        "train_rows": card.train_rows,
        "holdout_rows": card.metrics.rows if card.metrics else 0,
        "backtest_date": str(card.backtest_date or ""),
        "training_dates": [day.isoformat() for day in card.training_dates],
        "skipped_dates": [day.isoformat() for day in card.skipped_dates],
        "missed": trained.missed,
        "fallback": trained.fallback,
        "dagster/column_schema": column_schema(_features_of(chain, card)),
        "dagster/column_lineage": column_lineage(
            {name: [("customer_features", name)] for name in card.feature_columns}
        ),
    }
    if card.sample_rate < 1:
        metadata["sample_rate"] = card.sample_rate
    if card.leaderboard:
        metadata["leaderboard"] = dg.MetadataValue.md(markdown_table(*leaderboard(card)))
    if trained.published_roc_auc is not None:
        metadata["published_roc_auc"] = trained.published_roc_auc
    return metadata
