"""What came true: the scores of a day held against its customers' outcomes, once these are known."""

import datetime as dt
from typing import Any

import numpy as np
import pyarrow.compute as pc

from churn_assets.core.arrow.conversion import rows_of
from churn_assets.core.errors import TrainingImpossible
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.training.training_data import Holdout, OutcomePlan, load_holdout, plan_outcomes
from churn_assets.storage.tables.ledger import Row
from churn_assets.storage.tables.sampling import sampled_rows
from churn_assets.storage.tables.table import Table

__all__ = ["FIGURES", "judge_scores"]

FIGURES = ("roc_auc", "average_precision", "brier", "calibration_error")


def judge_scores(chain: Chain, known: dt.date) -> list[Row]:
    """Record the quality of the scores whose outcomes came to be known on `known`, model by model.

    The published scores are the last whose model knew no more than the day; beside them stand the
    challenger's. A labelled export has no outcomes to wait for.
    """
    label = chain.profile.label
    plan = plan_outcomes(chain, known - label.horizon, known) if label.is_dated else None
    if plan is None:
        return []
    holdout = load_holdout(chain, plan)
    rows = _quality(chain.scores, "published", plan, known, holdout)
    rows += _quality(chain.challenger_scores, "challenger", plan, known, holdout)
    for row in rows:
        chain.monitoring.record_quality(row)
    return rows


def _quality(table: Table, name: str, plan: OutcomePlan, known: dt.date, holdout: Holdout) -> list[Row]:
    day = plan.day
    honest = (event.version for event in table.backwards(day) if not event.commit.details.get("hindsight", True))
    version = next(honest, None)
    if version is None:
        return []
    columns = ["customer_id", "churn_probability", "model_version"]
    scores = sampled_rows(table.version(day, version), "customer_id", plan.sample_rate, columns)
    both, matched = rows_of(holdout.rows.ids, scores)
    churned = holdout.rows.churned[both]
    models = matched.column("model_version")
    rows = []
    for model in sorted(pc.unique(models).to_pylist()):
        here = pc.equal(models, model).to_numpy()
        row = _row(churned[here], matched.column("churn_probability").to_numpy()[here])
        if row:
            about = {"scores": name, "score_version": version, "model_version": model}
            rows.append(
                {"judged_at": dt.datetime.now(dt.UTC), "snapshot_date": day, "outcome_date": known} | about | row
            )
    return rows


def _row(churned: "np.ndarray[Any, Any]", probability: "np.ndarray[Any, Any]") -> Row:
    from churn_assets.core.evaluation.metrics import measure  # noqa: PLC0415  # loads scikit-learn, where there are outcomes

    try:
        metrics = measure(churned, probability)
    except TrainingImpossible:  # all of them stayed, or all left: there is nothing to rank
        return {}
    return {"rows": metrics.rows, "base_rate": metrics.base_rate} | {name: getattr(metrics, name) for name in FIGURES}
