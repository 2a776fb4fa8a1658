"""A model before it has a name: what is served, how it was judged, and what is kept of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.conversion import to_customers
from churn_assets.core.evaluation.bootstrap import intervals
from churn_assets.core.evaluation.importance import permutation_importances
from churn_assets.core.evaluation.metrics import measure, strongest_feature
from churn_assets.core.evaluation.results import Evidence, Histogram, Interval, Reference, Slice
from churn_assets.core.evaluation.slices import slice_quality
from churn_assets.core.features import to_model_frame
from churn_assets.core.models.card import CandidateResult
from churn_assets.core.models.golden import freeze_golden, golden_sample
from churn_assets.core.models.model import Model, apply_rules, predict, predict_in_blocks
from churn_assets.core.options import Recipe
from churn_assets.core.scoring.drift import feature_histograms, histogram_of_numbers
from churn_assets.core.scoring.feature_counts import FeatureCounts
from churn_assets.core.training.fitting import fit
from churn_assets.core.training.selection import choose
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.scoring.serving_models import rows_for
from churn_assets.pipeline.training.baselines import Baseline, compare_with_baseline, compare_with_rules
from churn_assets.pipeline.training.training_data import (
    Holdout,
    RulesPlan,
    TrainingData,
    TrainingPlan,
    load_holdout,
    load_training_data,
)
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["CandidateModel", "freeze", "rules_candidate", "train_candidate"]

ONE_RECIPE = "one recipe was configured"
RULES = "the profile's rules, which are not trained"


@dataclass(frozen=True)
class CandidateModel:
    """What is served (`pipeline`, None for rules), and what its card and its record will say of it.

    `churned` and `probability` are those of the hold-out, empty where no outcome is known.
    """

    pipeline: Any
    chosen: Recipe
    selection: str
    evidence: Evidence
    churned: NDArray[np.bool_]
    probability: NDArray[np.float64]
    leaderboard: tuple[CandidateResult, ...] = ()
    train_rows: int = 0
    train_churners: int = 0
    left_out: int = 0
    importance: dict[str, float] | None = None
    features: dict[str, Histogram] | None = None

    def intervals(self) -> dict[str, Interval]:
        """The 95 % intervals of its metrics."""
        return intervals(self.churned, self.probability) if len(self.churned) else {}


def train_candidate(chain: Chain, plan: TrainingPlan, baseline: Baseline | None) -> CandidateModel:
    """Choose among the candidates, judge the choice by the backtest, and train what is served.

    Raises:
        TrainingImpossible: too few outcomes.
    """
    data = load_training_data(chain, plan)
    logger.info("churn_model: backtest on %s, trained on %d days", plan.day, len(plan.judged))
    columns, holdout = chain.profile.feature_columns, data.holdout
    chosen, selection, leaderboard = _chosen(chain, data)
    judged = fit(data.judged, chosen, columns)
    probability = predict_in_blocks(lambda block: predict(judged, block, columns), holdout.rows.features)
    shown = to_model_frame(holdout.rows.features, columns)
    return CandidateModel(
        pipeline=fit(data.served, chosen, columns) if chain.profile.label.is_dated else judged,
        chosen=chosen,
        selection=selection,
        evidence=_evidence(chain, plan, data, baseline, chosen, probability),
        churned=holdout.rows.churned,
        probability=probability,
        leaderboard=leaderboard,
        train_rows=len(data.served.churned),
        train_churners=int(data.served.churned.sum()),
        left_out=data.left_out,
        importance=permutation_importances(judged, shown, holdout.rows.churned, chosen.seed),
        features=feature_histograms(to_model_frame(data.served.features, columns)),
    )


def _chosen(chain: Chain, data: TrainingData) -> tuple[Recipe, str, tuple[CandidateResult, ...]]:
    """The recipe that is trained, how it was selected, and the candidates it was selected from."""
    if not chain.recipe.candidates:
        return chain.recipe, ONE_RECIPE, ()
    horizon_days = chain.profile.label.horizon.days or None
    columns = chain.profile.feature_columns
    chosen, selection, leaderboard = choose(data.judged, data.holdout.rows, chain.recipe, columns, horizon_days)
    logger.info("churn_model: %s leads %d candidates", chosen.estimator, len(leaderboard))
    return chosen, selection, leaderboard


def _evidence(  # all that a gate looks at
    chain: Chain,
    plan: TrainingPlan,
    data: TrainingData,
    baseline: Baseline | None,
    chosen: Recipe,
    probability: NDArray[np.float64],
) -> Evidence:
    columns, holdout = chain.profile.feature_columns, data.holdout
    strongest, roc_auc = strongest_feature(
        to_model_frame(data.judged.features, columns),
        data.judged.churned,
        to_model_frame(holdout.rows.features, columns),
        holdout.rows.churned,
    )
    comparison, uncompared = compare_with_baseline(chain, plan, data, baseline, probability)
    return Evidence(
        undersampled=chosen.undersamples,
        metrics=measure(holdout.rows.churned, probability),
        slices=_slices(chain, holdout, probability),
        strongest_feature=strongest,
        strongest_roc_auc=roc_auc,
        comparison=comparison,
        uncompared=uncompared,
        high_above=chain.decisions.high_above,
        rules=compare_with_rules(chain, plan.day, holdout, probability),
    )


def rules_candidate(chain: Chain, plan: RulesPlan) -> CandidateModel:
    """The profile's rules as a model, judged where outcomes are known."""
    chosen = chain.recipe.chosen("rules", {})
    if plan.outcomes is None:
        nothing = np.empty(0)
        return CandidateModel(None, chosen, RULES, Evidence(is_rules=True), nothing.astype(bool), nothing)
    day, holdout = plan.outcomes.day, load_holdout(chain, plan.outcomes)
    probability = predict_in_blocks(lambda block: apply_rules(chain.profile, block, day), holdout.customers)
    evidence = Evidence(
        is_rules=True,
        metrics=measure(holdout.rows.churned, probability),
        slices=_slices(chain, holdout, probability),
        high_above=chain.decisions.high_above,
    )
    return CandidateModel(None, chosen, RULES, evidence, holdout.rows.churned, probability)


def freeze(
    chain: Chain, model: Model, candidate: CandidateModel, customers: PartitionVersion
) -> tuple[pa.Table, Reference]:
    """The golden rows and the reference histograms of a model, by the customers of the day it was made as of."""
    kept: pa.Table | None = None
    for batch in customers.batches():
        kept = golden_sample(batch if kept is None else pa.concat_tables([kept, batch]), chain.profile.id_column)
    golden = freeze_golden(model, chain.profile, kept, customers.day)
    features = FeatureCounts(candidate.features or {}, customers.rows)
    given: list[NDArray[np.float64]] = []
    for batch in rows_for(chain, customers, model.card):
        given.append(predict_in_blocks(lambda b: model.score(chain.profile, b, customers.day), batch))
        features.count(batch)
    reference = Reference(
        features=candidate.features or {},
        scores=histogram_of_numbers(np.concatenate(given)),
        duplicate_share=features.summary().duplicate_share,
    )
    return golden, reference


def _slices(chain: Chain, holdout: Holdout, probability: NDArray[np.float64]) -> tuple[Slice, ...]:
    frame = to_customers(holdout.customers, chain.profile.checks)
    groups: pd.DataFrame = frame[list(chain.profile.slices)]
    return slice_quality(groups, holdout.rows.churned, probability, chain.decisions.high_above)
