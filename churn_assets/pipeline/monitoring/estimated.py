"""How good a night's scores promise to be, before their outcomes come: `estimated_performance`."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from churn_assets.core.arrow.conversion import words_of
from churn_assets.core.errors import ChurnError
from churn_assets.core.monitoring.performance.estimate import Promise
from churn_assets.core.monitoring.table_schemas import ESTIMATED_PERFORMANCE
from churn_assets.pipeline.chain import Chain, RunContext, StageResult, logger
from churn_assets.pipeline.monitoring.publishing import publish_rows
from churn_assets.storage.tables.windows import spread_batches

__all__ = ["ESTIMATE", "EstimatedPerformance", "estimate_day"]

ESTIMATE = "estimated_performance"
MOST = 1_000_000  # customers: chance moves an estimate by less than a thousandth


@dataclass(frozen=True)
class EstimatedPerformance(StageResult):
    """A night's estimates, as rows of the table, and by model the offset that was taken off; empty for none."""

    figures: tuple[dict[str, Any], ...]
    offsets: dict[str, dict[str, float]]


def estimate_day(chain: Chain, day: dt.date, run: RunContext) -> EstimatedPerformance:
    """Estimate ROC-AUC and Brier score of the day's current scores, by model, and publish them.

    Of a day of more than `MOST` customers those of some row groups, spread evenly over it, tell it.

    Raises:
        DamagedVersion, PartitionConflict, PartitionMissing: nothing was published.
    """
    scores = chain.scores.version(day)
    promises: dict[str, Promise] = {}
    columns = ["churn_probability", "model_version"]
    for batch in spread_batches(scores, MOST, columns, categories=("model_version",)):
        probability, model = batch.column("churn_probability"), batch.column("model_version")
        words = words_of(model).to_pylist()
        for word in words:
            here = probability if len(words) == 1 else probability.filter(pc.equal(model.cast("string"), word))
            promises.setdefault(word, Promise()).count(here.to_numpy())
    offsets = {model: _offset(chain, model) for model in promises}
    told = sum(promise.rows for promise in promises.values())
    rows = [
        {"model_version": model, "rows": round(promise.rows * scores.rows / told)} | promise.figures(offsets[model])
        for model, promise in sorted(promises.items())
        if promise.rows
    ]
    details = {"scores_version": scores.version, "offsets": offsets}
    result = publish_rows(chain.table(ESTIMATE), day, ESTIMATED_PERFORMANCE, rows, run, **details)
    return EstimatedPerformance(result.table, day, result.published, result.rows, tuple(rows), offsets)


def _offset(chain: Chain, model: str) -> dict[str, float]:
    """What the model's backtest promised more than it kept; empty for a model of an earlier release, and for rules."""
    try:
        store = chain.registry.models
        return store.reference(store.card(model)).estimate_offsets
    except ChurnError as error:  # a folder that is gone takes nothing from the night
        logger.warning("%s: what model %s promises is not corrected by its backtest: %s", ESTIMATE, model, error)
        return {}
