"""The stage `training`: a model as of a day, from what was known on that day, judged by a backtest."""

import datetime as dt
import platform
import warnings
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version as installed
from typing import Any

import dagster as dg
import pyarrow.compute as pc

from churn_assets.assets.adapter import Made, failing_in_words, work_of
from churn_assets.assets.checks import gate_checks, gate_results
from churn_assets.assets.history import Report
from churn_assets.assets.material import Material, Plan, load_material, plan_training
from churn_assets.assets.metadata import column_lineage
from churn_assets.assets.resources import Chain, Work, logger
from churn_assets.core.card import Metrics, ModelCard, model_version
from churn_assets.core.errors import TrainingImpossible, UnknownVersion
from churn_assets.core.evaluation import measure
from churn_assets.core.frames import id_texts
from churn_assets.core.gates import gate_names, judge
from churn_assets.core.model import predict_in_blocks
from churn_assets.core.profile import LabelColumn
from churn_assets.core.training import fit

__all__ = ["Trained", "train_model", "training_assets"]

LIBRARIES = ("churn-assets", "joblib", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
IN_SAMPLE = (
    "The export has no time: four fifths of the scored customers were trained on, so their scores are in-sample."
)


@dataclass(frozen=True)
class Trained:
    """A model's card, whether it was made just now, and the ROC-AUC of what was published on its backtest's day."""

    card: ModelCard
    created: bool
    published_roc_auc: float | None


def train_model(chain: Chain, as_of: dt.date, work: Work, report: Report) -> Trained:
    """Train the recipe as of `as_of`, unless the same data, code and configuration made that version before.

    Args:
        chain: the chain.
        as_of: nothing that was not known at the end of this day is learnt from.
        work: who trains.
        report: told of each partition that is landed on the way.

    Raises:
        TrainingImpossible: too little history, or too few outcomes.
    """
    plan = plan_training(chain, as_of, work, report)
    libraries = {name: installed(name) for name in LIBRARIES} | {"python": platform.python_version()}
    version = model_version(
        as_of,
        profile_digest=f"{chain.profile.name} {chain.profile.source_digest}",
        feature_digest=chain.feature_digest,
        label=chain.profile.label_text,
        recipe=chain.recipe,
        inputs=plan.inputs,
        libraries=libraries,
    )
    if version in chain.registry.models.versions():
        logger.info("%s churn_model: %s is there already, made of the same data, code and settings", as_of, version)
        return _trained(chain, chain.registry.models.card(version), created=False)
    material = load_material(chain, plan)
    logger.info("%s churn_model: backtest on %s, trained on %d days", as_of, plan.backtest, len(plan.judged))
    columns = chain.profile.feature_columns
    judged = fit(material.judged, chain.recipe, columns)
    probability = predict_in_blocks(judged, material.holdout.features, columns)
    metrics = measure(material.holdout.churned, probability)
    in_sample = isinstance(chain.profile.label, LabelColumn)
    served = judged if in_sample else fit(material.served, chain.recipe, columns)
    card = _card(chain, as_of, plan, material, metrics, version=version, libraries=libraries)
    _record_evaluation(chain, card, material)
    kept = chain.registry.models.save(served, card)
    logger.info("%s churn_model: %s, ROC-AUC %.3f in its backtest", as_of, version, metrics.roc_auc)
    return _trained(chain, kept, created=True)


def _trained(chain: Chain, card: ModelCard, *, created: bool) -> Trained:
    judged = [row for row in chain.registry.evaluations.rows() if row["model_version"] == card.model_version]
    return Trained(card, created, judged[-1]["published_roc_auc"] if judged else None)


def _card(
    chain: Chain,
    as_of: dt.date,
    plan: Plan,
    material: Material,
    metrics: Metrics,
    *,
    version: str,
    libraries: dict[str, str],
) -> ModelCard:
    in_sample = isinstance(chain.profile.label, LabelColumn)
    return ModelCard(
        model_version=version,
        trained_as_of=as_of,
        profile=chain.profile.name,
        profile_digest=chain.profile.source_digest,
        recipe=chain.recipe,
        feature_columns=chain.profile.feature_columns,
        feature_parameters=dict(chain.parameters),
        feature_digest=chain.feature_digest,
        label=chain.profile.label_text,
        training_dates=plan.served,
        backtest_date=plan.backtest,
        backtest_training_dates=plan.judged,
        skipped_dates=plan.skipped,
        inputs=plan.inputs,
        libraries=libraries,
        code_revision=chain.code_revision,
        train_rows=len(material.served.churned),
        train_churners=int(material.served.churned.sum()),
        left_out_rows=material.left_out,
        metrics=metrics,
        gates=tuple(judge(metrics, chain.gates)),
        in_sample=in_sample,
        limitations=(IN_SAMPLE,) if in_sample else (),
        artefact_sha256="",
    )


def _record_evaluation(chain: Chain, card: ModelCard, material: Material) -> None:
    """Keep how the model was judged, beside the scores that were really published on the backtest's day."""
    published = _published_then(chain, card, material)
    chain.registry.evaluations.append(
        lambda rows: (
            None
            if any(row["model_version"] == card.model_version for row in rows)
            else {
                "evaluated_at": dt.datetime.now(dt.UTC),
                "model_version": card.model_version,
                "backtest_date": card.backtest_date,
                "rows": card.metrics.rows,
                "base_rate": card.metrics.base_rate,
                "roc_auc": card.metrics.roc_auc,
                "average_precision": card.metrics.average_precision,
                "brier": card.metrics.brier,
                "published_version": published[0] if published else None,
                "published_roc_auc": published[1] if published else None,
                "passed": not card.missed,
                "missed": "; ".join(card.missed),
            }
        )
    )


def _published_then(chain: Chain, card: ModelCard, material: Material) -> tuple[str, float] | None:
    """The last score version of the backtest's day whose model knew no more, and its ROC-AUC on the same customers."""
    for event in reversed(chain.scores.history(card.backtest_date)):
        if event.commit.details.get("hindsight", True) or card.in_sample:
            continue
        with suppress(UnknownVersion, TrainingImpossible):  # vacuumed since, or nothing to tell apart: no comparison
            scores = chain.scores.version(event.day, event.version).read(["customer_id", "churn_probability"])
            ids = id_texts(material.holdout.features.column(chain.profile.id_column))
            at = pc.index_in(ids, value_set=scores.column("customer_id").combine_chunks())
            both = at.is_valid()
            probability = scores.column("churn_probability").take(at.drop_null()).to_numpy()
            return event.version, measure(material.holdout.churned[both.to_numpy()], probability).roc_auc
    return None


def training_assets(chain: Chain, partitions: dg.TimeWindowPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """`churn_model`."""
    history = _training_window(chain)
    gates = gate_names(chain.gates)

    @dg.asset(
        partitions_def=partitions,
        deps=[dg.AssetDep(name, partition_mapping=history) for name in ("customers", "customer_features")],
        group_name="training",
        kinds={"scikitlearn", "joblib"},
        owners=["team:data-science"],
        code_version=chain.feature_digest,
        description="A model version as of the day, from labels known on that day only, judged by a backtest.",
        check_specs=gate_checks(gates),
    )
    def churn_model(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        as_of = dt.date.fromisoformat(context.partition_key)

        def report(made: Made, day: dt.date) -> None:
            context.log_event(made.event(day.isoformat()))

        trained: Trained = failing_in_words(lambda: train_model(chain, as_of, work_of(context), report))
        return dg.MaterializeResult(
            metadata=_model_metadata(trained),
            data_version=dg.DataVersion(trained.card.model_version),
            check_results=gate_results(judge(trained.card.metrics, chain.gates)),
        )

    return [churn_model]


def _training_window(chain: Chain) -> dg.TimeWindowPartitionMapping:
    """A model as of a day is made of the partitions as far back as its backtest's window reaches."""
    label = chain.profile.label
    reach = 0 if isinstance(label, LabelColumn) else chain.recipe.window_days + 2 * label.horizon_days
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # the parameter is; without it the first year cannot be trained
        return dg.TimeWindowPartitionMapping(start_offset=-reach, allow_nonexistent_upstream_partitions=True)


def _model_metadata(trained: Trained) -> dict[str, Any]:
    card = trained.card
    return {
        "model_version": card.model_version,
        "created": trained.created,
        "roc_auc": card.metrics.roc_auc,
        "average_precision": card.metrics.average_precision,
        "brier": card.metrics.brier,
        "base_rate": card.metrics.base_rate,
        "train_rows": card.train_rows,
        "holdout_rows": card.metrics.rows,
        "backtest_date": card.backtest_date.isoformat(),
        "training_dates": [day.isoformat() for day in card.training_dates],
        "skipped_dates": [day.isoformat() for day in card.skipped_dates],
        "dagster/row_count": card.train_rows,
        "dagster/column_schema": dg.TableSchema([dg.TableColumn(name) for name in card.feature_columns]),
        "dagster/column_lineage": column_lineage(
            {name: [("customer_features", name)] for name in card.feature_columns}
        ),
        **({"published_roc_auc": trained.published_roc_auc} if trained.published_roc_auc is not None else {}),
    }
