"""A judged model into the registry: its card, its folder, the record of how it was judged."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from churn_assets.core.errors import ChurnError, ModelFault
from churn_assets.core.evaluation.gates import judge
from churn_assets.core.evaluation.results import Evidence, Gate
from churn_assets.core.models.card import CARD_FORM, EXACT, ModelCard
from churn_assets.core.models.card_markdown import card_page
from churn_assets.core.models.card_plots import card_figure
from churn_assets.core.models.changelog import changes_between
from churn_assets.core.models.cross_fitting import CrossFitted
from churn_assets.core.models.golden import golden_features, with_kernel
from churn_assets.core.models.limitations import limitations_of
from churn_assets.core.models.model import Model
from churn_assets.core.reasons.explainer import Explainer, Unexplainable
from churn_assets.core.reasons.proof import Reasons, prove_reasons
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.libraries import libraries_of
from churn_assets.pipeline.training.baselines import record_evaluation
from churn_assets.pipeline.training.candidate import CandidateModel, freeze
from churn_assets.pipeline.training.reasons import with_reasons
from churn_assets.pipeline.training.training_data import RulesPlan, TrainingPlan
from churn_assets.storage.models.store import ModelFiles

__all__ = ["TrainResult", "make_card", "register", "train_result"]


@dataclass(frozen=True)
class TrainResult:
    """A model's card, how it stands to the gates, and whether it was made just now.

    `published_roc_auc` is that of the scores really published on the backtest's day; `fallback` says why the rules
    took the place of a trained model, empty where they did not.
    """

    card: ModelCard
    gates: tuple[Gate, ...]
    created: bool
    published_roc_auc: float | None
    fallback: str = ""

    @property
    def missed(self) -> list[str]:
        """The gates that were missed, in words."""
        return [gate.finding for gate in self.gates if not gate.passed]


def register(
    chain: Chain, card: ModelCard, candidate: CandidateModel, plan: TrainingPlan | RulesPlan, *, created: bool
) -> TrainResult:
    """Record how a model was judged, and keep its folder where it was `created` just now."""
    version = card.model_version
    if created:
        card = _keep(chain, card, candidate, plan)
    else:
        card = chain.registry.models.card(version)
        record_evaluation(chain, card, _evidence(chain, candidate, _kept_explainer(chain, card)))
    quality = f"ROC-AUC {card.metrics.roc_auc:.3f} in its backtest" if card.metrics else "no outcome is known yet"
    logger.info("%s churn_model: %s, %s", card.trained_as_of, version, quality)
    return train_result(chain, card, created=created)


def train_result(chain: Chain, card: ModelCard, *, created: bool) -> TrainResult:
    """How a model of the registry stands to the gates in force."""
    judged = chain.registry.last_evaluation(card.model_version)
    gates = tuple(chain.registry.gates_of(card.model_version))
    return TrainResult(card, gates, created, judged["published_roc_auc"] if judged else None)


def _keep(chain: Chain, card: ModelCard, candidate: CandidateModel, plan: TrainingPlan | RulesPlan) -> ModelCard:
    """Write how the model was judged, and its folder: artefact, card, golden rows, reference, the card for a person."""
    shown = plan.day if card.imported and isinstance(plan, TrainingPlan) else card.trained_as_of
    as_of = chain.customers.version(shown, plan.version("customers", shown))
    model = Model(candidate.pipeline, card)
    golden, reference = freeze(chain, model, candidate, as_of, plan.excluded)
    proven = with_kernel(model, chain.profile, golden)
    reasons = _reasons(chain, card, candidate, golden)
    unexplained = reasons.explainer if isinstance(reasons.explainer, Unexplainable) else None
    evidence = _evidence(chain, candidate, reasons.explainer)
    card = card.model_copy(
        update={
            "kernel": EXACT if proven.model.kernel else proven.reason,
            "reasons": unexplained.reason if unexplained else EXACT,
            "contributions": reasons.mean_absolute,
        }
    )
    figure = card_figure(candidate.churned, candidate.probability, card.importance) if len(candidate.churned) else b""
    champion, changes = _since_champion(chain, card, evidence)
    page = card_page(card, judge(evidence, chain.gates), champion, changes, picture=bool(figure))
    explainer = None if isinstance(reasons.explainer, Unexplainable) else reasons.explainer
    record_evaluation(chain, card, evidence)
    files = ModelFiles(golden, reference, page, figure, proven.model.kernel, explainer)
    return chain.registry.models.save(candidate.pipeline, card, files)


def _reasons(chain: Chain, card: ModelCard, candidate: CandidateModel, golden: pa.Table) -> Reasons:
    """What explains the model, proven on its golden rows."""
    if card.is_rules or candidate.sample is None:
        return Reasons(Unexplainable("the rules of a profile are a person's, and have no margin"))
    features = golden_features(golden, chain.profile, card.feature_parameters)
    reasons = prove_reasons(candidate.pipeline, card.feature_columns, candidate.sample, features)
    if isinstance(reasons.explainer, Unexplainable):
        logger.info("model %s gives no reasons: %s", card.model_version, reasons.explainer.reason)
    return reasons


def _evidence(chain: Chain, candidate: CandidateModel, explainer: Explainer | Unexplainable) -> Evidence:
    return with_reasons(chain, candidate.evidence, explainer, candidate.holdout)


def _kept_explainer(chain: Chain, card: ModelCard) -> Explainer | Unexplainable:
    try:
        return chain.registry.models.explainer(card)
    except ModelFault as error:  # how good its scores are can be told all the same
        return Unexplainable(str(error))


def _since_champion(chain: Chain, card: ModelCard, evidence: Evidence) -> tuple[str, list[str]]:
    try:
        champion = chain.registry.models.card(chain.registry.champion())
    except ChurnError:  # there is none, or its folder is gone
        return "", []
    return champion.model_version, changes_between(champion, card, evidence.first_reason_changed)


def make_card(
    chain: Chain, as_of: dt.date, plan: TrainingPlan | RulesPlan, candidate: CandidateModel, version: str
) -> ModelCard:
    """The card of a model as of a day, before its files are there."""
    card = ModelCard(
        model_version=version,
        trained_as_of=as_of,
        profile=chain.profile.name,
        profile_digest=chain.profile.source_digest,
        recipe=chain.recipe,
        chosen=candidate.chosen,
        selection=candidate.selection,
        leaderboard=candidate.leaderboard,
        feature_columns=candidate.columns or chain.profile.feature_columns,
        feature_parameters=dict(chain.parameters),
        feature_digest=chain.feature_digest,
        label=chain.profile.label.text,
        **_days(plan),
        inputs=plan.inputs,
        libraries=candidate.libraries or libraries_of(chain.recipe),
        code_revision=chain.code_revision,
        train_rows=candidate.train_rows,
        train_churners=candidate.train_churners,
        left_out_rows=candidate.left_out,
        metrics=candidate.evidence.metrics,
        intervals=candidate.intervals(),
        slices=candidate.evidence.slices,
        importance=candidate.importance or {},
        in_sample=False,
        out_of_fold=isinstance(candidate.pipeline, CrossFitted),
        duplicates=candidate.duplicates,
        folded=candidate.folded or {},
        day_rates=candidate.rates,
        prior=candidate.prior,
        stability=candidate.stability,
        reproducible=candidate.evidence.reproducible,
        imported=candidate.imported,
        limitations=(),
        files={},
        sample_rate=plan.sample_rate,
        form=CARD_FORM,
    )
    return card.model_copy(update={"limitations": limitations_of(card)})


def _days(plan: TrainingPlan | RulesPlan) -> dict[str, Any]:
    """What a card says of the days that a model was trained and judged on."""
    if isinstance(plan, RulesPlan):
        backtest = plan.outcomes.day if plan.outcomes else None
        days: tuple[Any, ...] = ((), backtest, (), ())
    else:
        days = (plan.served, plan.day, plan.judged, plan.skipped)
    return dict(zip(("training_dates", "backtest_date", "backtest_training_dates", "skipped_dates"), days, strict=True))
