"""A model before it has a name: what is served, how it was judged, and what is kept of it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.conversion import to_customers
from churn_assets.core.evaluation.bootstrap import intervals
from churn_assets.core.evaluation.importance import permutation_importances
from churn_assets.core.evaluation.leaks import Strongest, strongest_features
from churn_assets.core.evaluation.metrics import measure
from churn_assets.core.evaluation.results import (
    DayRate,
    Evidence,
    Histogram,
    Interval,
    PriorChoice,
    Reference,
    Slice,
)
from churn_assets.core.evaluation.slices import slice_quality
from churn_assets.core.features import to_model_frame
from churn_assets.core.models.card import CandidateResult, ImportedModel
from churn_assets.core.models.cross_fitting import FOLDS, CrossFitted, fold_of, known_hashes
from churn_assets.core.models.golden import freeze_golden, golden_sample
from churn_assets.core.models.model import Model, apply_rules, predict, predict_in_blocks
from churn_assets.core.monitoring.performance.estimate import offsets
from churn_assets.core.options import Recipe
from churn_assets.core.reasons.background import reasons_sample
from churn_assets.core.scoring.do_not_score import DoNotScoreList
from churn_assets.core.scoring.drift import feature_histograms, histogram_of_numbers, words_of
from churn_assets.core.scoring.feature_counts import FeatureCounts
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.estimators import is_deterministic
from churn_assets.core.training.fitting import fit, folded_words
from churn_assets.core.training.prior_choice import PastDay, choose_prior, day_rates
from churn_assets.core.training.selection import Selection, choose
from churn_assets.core.training.stability import duplicate_rows, is_reproducible, stability
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

__all__ = ["CandidateModel", "freeze", "rules_candidate", "slices_of", "train_candidate"]

ONE_RECIPE = "one recipe was configured"
RULES = "the profile's rules, which are not trained"


@dataclass(frozen=True)
class CandidateModel:
    """What is served (`pipeline`, None for rules), and what its card and its record will say of it.

    `sample` are some of the feature rows that it learnt from, and `holdout` those of the hold-out; None for rules.
    `churned` and `probability` are those of the hold-out, empty where no outcome is known. An `imported` model says
    which `columns` it sees, and on which `libraries` its numbers depend; of any other one these are the recipe's.
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
    words: dict[str, tuple[str, ...]] | None = None
    prior: PriorChoice = field(default_factory=PriorChoice)
    rates: tuple[DayRate, ...] = ()
    folded: dict[str, int] | None = None
    duplicates: int = 0
    stability: float | None = None
    columns: tuple[str, ...] = ()
    libraries: dict[str, str] = field(default_factory=dict)
    imported: ImportedModel | None = None
    sample: pa.Table | None = None
    holdout: pa.Table | None = None

    def intervals(self) -> dict[str, Interval]:
        """The 95 % intervals of its metrics."""
        return intervals(self.churned, self.probability) if len(self.churned) else {}

    def estimate_offsets(self) -> dict[str, float]:
        """By how much the hold-out's probabilities promise more than they came to."""
        metrics = self.evidence.metrics
        return offsets(self.probability, metrics.roc_auc, metrics.brier) if metrics else {}


@dataclass(frozen=True)
class _Backtest:
    """What the judged model gave the hold-out, what it leans on, what tells the outcome best, and of a refit."""

    probability: NDArray[np.float64]
    importance: dict[str, float]
    strongest: Strongest
    reproducible: bool | None


def train_candidate(chain: Chain, plan: TrainingPlan, baseline: Baseline | None) -> CandidateModel:
    """Choose among the candidates, judge the choice by the backtest, and train what is served.

    Raises:
        TrainingImpossible: too few outcomes.
    """
    data = load_training_data(chain, plan)
    logger.info("churn_model: backtest on %s, trained on %d days", plan.day, len(plan.judged))
    columns, holdout = chain.profile.feature_columns, data.holdout
    is_dated = chain.profile.label.is_dated
    selection = _selected(chain, data)
    chosen, judged = selection.chosen, selection.judged
    backtest = _backtest(judged, data, columns, chosen)
    learnt = to_model_frame(data.served.features, columns)
    return CandidateModel(
        pipeline=fit(data.served, chosen, columns) if is_dated else _cross_fitted(data.served, judged, chosen, columns),
        chosen=chosen,
        selection=selection.words,
        evidence=_evidence(chain, plan, data, baseline, chosen, backtest),
        churned=holdout.rows.churned,
        probability=backtest.probability,
        leaderboard=selection.leaderboard,
        train_rows=len(data.served.churned),
        train_churners=int(data.served.churned.sum()),
        left_out=data.left_out,
        importance=backtest.importance,
        features=feature_histograms(learnt),
        words=words_of(learnt),
        prior=_prior(chain, plan, data, selection, backtest),
        rates=day_rates(data.served) if is_dated else (),
        folded=folded_words(data.served, chosen, columns),
        duplicates=0 if is_dated else _duplicates(data, columns),
        stability=stability(data.judged, holdout.rows, chosen, columns),
        sample=reasons_sample(data.served),
        holdout=holdout.rows.features,
    )


def _prior(
    chain: Chain, plan: TrainingPlan, data: TrainingData, selection: Selection, backtest: _Backtest
) -> PriorChoice:
    """By which correction the level follows the season: what the days of the folds and of the backtest say."""
    if not chain.profile.label.is_dated:
        return PriorChoice(reason="an export has no seasons")
    last = PastDay(plan.day, data.holdout.rows.churned, backtest.probability, day_rates(data.judged))
    return choose_prior(chain.recipe.prior, [*selection.past, last])


def _duplicates(data: TrainingData, columns: tuple[str, ...]) -> int:
    count = duplicate_rows(data.judged, data.holdout.rows, columns)
    if count:
        logger.warning("churn_model: %d customers of the hold-out have the very features of one learnt from", count)
    return count


def _selected(chain: Chain, data: TrainingData) -> Selection:
    """The recipe that is trained, how it was selected, and the backtest's model of it."""
    columns, recipe = chain.profile.feature_columns, chain.recipe
    if not recipe.competing:
        return Selection(recipe, ONE_RECIPE, (), fit(data.judged, recipe, columns), ())
    horizon_days = chain.profile.label.horizon.days or None
    selection = choose(data.judged, data.holdout.rows, recipe, columns, horizon_days)
    logger.info("churn_model: %s leads %d candidates", selection.chosen.estimator, len(selection.leaderboard))
    return selection


def _cross_fitted(rows: LabelledRows, judged: Any, recipe: Recipe, columns: tuple[str, ...]) -> CrossFitted[Any]:
    """A model of all rows of an export, and one without each fold; `judged` is the one without the hold-out."""
    fold = fold_of(rows.ids)
    others = [fit(rows.keep(fold != number), recipe, columns) for number in range(1, FOLDS)]
    return CrossFitted(fit(rows, recipe, columns), (judged, *others), known_hashes(rows.ids))


def _backtest(judged: Any, data: TrainingData, columns: tuple[str, ...], recipe: Recipe) -> _Backtest:
    rows = data.holdout.rows
    taught, shown = (to_model_frame(each.features, columns) for each in (data.judged, rows))
    importance = permutation_importances(judged, shown, rows.churned, recipe.seed)
    known = is_deterministic(recipe)  # our own: tested, and spared the time of a second fit
    return _Backtest(
        predict_in_blocks(lambda block: predict(judged, block, columns), rows.features),
        importance,
        strongest_features(taught, data.judged.churned, shown, rows.churned, importance),
        None if known else is_reproducible(judged, data.judged, rows, recipe, columns),
    )


def _evidence(  # all that a gate looks at
    chain: Chain,
    plan: TrainingPlan,
    data: TrainingData,
    baseline: Baseline | None,
    chosen: Recipe,
    backtest: _Backtest,
) -> Evidence:
    holdout, probability, strongest = data.holdout, backtest.probability, backtest.strongest
    comparison, uncompared = compare_with_baseline(chain, plan, data, baseline, probability)
    return Evidence(
        undersampled=chosen.undersamples,
        metrics=measure(holdout.rows.churned, probability),
        slices=slices_of(chain, holdout, probability),
        strongest_feature=strongest.feature,
        strongest_roc_auc=strongest.roc_auc,
        strongest_pair=strongest.pair,
        strongest_pair_roc_auc=strongest.pair_roc_auc,
        comparison=comparison,
        uncompared=uncompared,
        high_above=chain.decisions.high_above,
        rules=compare_with_rules(chain, plan.day, holdout, probability),
        reproducible=backtest.reproducible,
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
        slices=slices_of(chain, holdout, probability),
        high_above=chain.decisions.high_above,
    )
    return CandidateModel(None, chosen, RULES, evidence, holdout.rows.churned, probability)


def freeze(
    chain: Chain,
    model: Model,
    candidate: CandidateModel,
    customers: PartitionVersion,
    excluded: DoNotScoreList | None,
) -> tuple[pa.Table, Reference]:
    """The golden rows and the reference histograms of a model, by the customers of the day it was made as of.

    Nothing is kept of whoever is `excluded`.
    """
    key = chain.profile.id_column
    kept: pa.Table | None = None
    for rows in customers.batches():
        batch = rows if excluded is None else excluded.left_of(rows, key)
        kept = golden_sample(batch if kept is None else pa.concat_tables([kept, batch]), key)
    golden = freeze_golden(model, chain.profile, kept, customers.day)
    features = FeatureCounts(candidate.features or {}, customers.rows)
    given: list[NDArray[np.float64]] = []
    for batch in rows_for(chain, customers, model.card, excluded):
        given.append(predict_in_blocks(lambda b: model.score(chain.profile, b, customers.day), batch))
        features.count(batch)
    scores = np.concatenate(given)
    reference = Reference(
        features=candidate.features or {},
        scores=histogram_of_numbers(scores),
        mean_score=float(scores.mean()),
        duplicate_share=features.summary().duplicate_share,
        words=candidate.words or {},
        estimate_offsets=candidate.estimate_offsets(),
    )
    return golden, reference


def slices_of(chain: Chain, holdout: Holdout, probability: NDArray[np.float64]) -> tuple[Slice, ...]:
    """Quality by group, of the hold-out."""
    frame = to_customers(holdout.customers, chain.profile.checks)
    groups: pd.DataFrame = frame[list(chain.profile.slices)]
    return slice_quality(groups, holdout.rows.churned, probability, chain.decisions.high_above)
