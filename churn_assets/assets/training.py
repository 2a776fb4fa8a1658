"""The stage `training`: the asset `churn_model`."""

import datetime as dt
import warnings
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.assets.checks import gate_checks, gate_results
from churn_assets.assets.metadata import column_lineage
from churn_assets.assets.results import StageResult, as_dagster_failure, run_context
from churn_assets.core.evaluation.gates import gate_names
from churn_assets.core.models.card_markdown import leaderboard, markdown_table, with_picture
from churn_assets.core.profile import LabelColumn
from churn_assets.pipeline.chain import Chain

if TYPE_CHECKING:
    from churn_assets.pipeline.training.train import TrainResult

__all__ = ["training_assets"]


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
        check_specs=gate_checks(gates),
    )
    def churn_model(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from churn_assets.pipeline.training.train import train_or_fall_back  # noqa: PLC0415  # loads all of scikit-learn

        as_of = dt.date.fromisoformat(context.partition_key)

        def report(made: StageResult, day: dt.date) -> None:
            context.log_event(made.event(day.isoformat()))

        work = run_context(context, chain)
        trained, fallback = as_dagster_failure(lambda: train_or_fall_back(chain, as_of, work, report))
        return dg.MaterializeResult(
            metadata=_model_metadata(chain, trained) | {"fallback": fallback},
            data_version=dg.DataVersion(trained.card.model_version),
            check_results=gate_results(trained.gates, gates),
        )

    return [churn_model]


def _training_window(chain: Chain) -> dg.TimeWindowPartitionMapping:
    """A model as of a day is made of the partitions as far back as its backtest's window reaches."""
    label = chain.profile.label
    reach = 0 if isinstance(label, LabelColumn) else chain.recipe.window_days + 2 * label.horizon_days
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # the parameter is; without it the first year cannot be trained
        return dg.TimeWindowPartitionMapping(start_offset=-reach, allow_nonexistent_upstream_partitions=True)


def _model_metadata(chain: Chain, trained: "TrainResult") -> dict[str, Any]:
    card, store = trained.card, chain.registry.models
    page = with_picture(store.page(card.model_version), store.figure(card.model_version))
    figures = ("roc_auc", "average_precision", "brier", "base_rate", "calibration_error")
    metadata: dict[str, Any] = {name: getattr(card.metrics, name) for name in figures} if card.metrics else {}
    metadata |= {
        "model_version": card.model_version,
        "card": dg.MetadataValue.md(page),
        "created": trained.created,
        "estimator": card.chosen.estimator,
        "kernel": card.kernel,
        "train_rows": card.train_rows,
        "sample_rate": card.sample_rate,
        "holdout_rows": card.metrics.rows if card.metrics else 0,
        "backtest_date": str(card.backtest_date or ""),
        "training_dates": [day.isoformat() for day in card.training_dates],
        "skipped_dates": [day.isoformat() for day in card.skipped_dates],
        "missed": [gate.finding for gate in trained.gates if not gate.passed],
        "dagster/row_count": card.train_rows,
        "dagster/column_schema": dg.TableSchema([dg.TableColumn(name) for name in card.feature_columns]),
        "dagster/column_lineage": column_lineage(
            {name: [("customer_features", name)] for name in card.feature_columns}
        ),
    }
    if card.leaderboard:
        metadata["leaderboard"] = dg.MetadataValue.md(markdown_table(*leaderboard(card)))
    if trained.published_roc_auc is not None:
        metadata["published_roc_auc"] = trained.published_roc_auc
    return metadata
