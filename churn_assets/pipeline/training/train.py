"""A model as of a day, from what was known on that day, judged by a backtest, named and kept.

Whoever imports this loads scikit-learn, which takes a second and 80 MiB: only those who train do.
"""

import dataclasses
import datetime as dt

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.models.card import model_version
from churn_assets.core.options import Recipe
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.pipeline.libraries import libraries_of
from churn_assets.pipeline.training.baselines import Baseline, find_baseline
from churn_assets.pipeline.training.candidate import rules_candidate, train_candidate
from churn_assets.pipeline.training.registration import TrainResult, make_card, register, train_result
from churn_assets.pipeline.training.training_data import RulesPlan, TrainingPlan, plan_rules, plan_training

__all__ = ["TrainResult", "train_model", "train_or_fall_back", "with_rules"]


def train_model(chain: Chain, as_of: dt.date, run: RunContext) -> TrainResult:
    """Train the recipe as of `as_of`, unless the same data, code and configuration made that version before.

    It is judged anew where what it must not fall behind has changed since: then only the record grows.

    Args:
        chain: the chain.
        as_of: nothing that was not known at the end of this day is learnt from.
        run: who trains; its `landed` gains the partitions that are landed on the way.

    Raises:
        TrainingImpossible: too little history, or too few outcomes.
        SettingsError: a model must be signed, and there is no key that signs.
    """
    chain.signing.check_signer()
    plan = plan_rules(chain, as_of, run) if chain.recipe.is_rules else plan_training(chain, as_of, run)
    version = _version(chain, as_of, plan)
    baseline = find_baseline(chain, plan.day) if isinstance(plan, TrainingPlan) else None
    created = version not in chain.registry.models.versions()
    if not created:
        logger.info("%s churn_model: %s is there already, made of the same data, code and settings", as_of, version)
        if _is_judged(chain, version, baseline):
            return train_result(chain, chain.registry.models.card(version), created=False)
    if isinstance(plan, TrainingPlan):
        candidate = train_candidate(chain, plan, baseline)
    else:
        candidate = rules_candidate(chain, plan)
    card = make_card(chain, as_of, plan, candidate, version)
    return register(chain, card, candidate, plan, created=created)


def _version(chain: Chain, as_of: dt.date, plan: TrainingPlan | RulesPlan) -> str:
    return model_version(
        as_of,
        profile_digest=f"{chain.profile.name} {chain.profile.source_digest}",
        feature_digest=chain.feature_digest,
        label=chain.profile.label.text,
        recipe=chain.recipe,
        inputs=plan.inputs,
        libraries=libraries_of(chain.recipe),
        sample_rate=plan.sample_rate,
    )


def _is_judged(chain: Chain, version: str, baseline: Baseline | None) -> bool:
    """Whether the newest evaluation stands: by these thresholds, and against what a model must not fall behind now."""
    evidence, last = chain.registry.evidence_of(version), chain.registry.last_evaluation(version)
    if evidence is None or last is None or evidence.high_above not in {None, chain.decisions.high_above}:
        return False
    compared = (last["compared_with"], last["compared_version"])
    return baseline is None or compared == (baseline.kind, baseline.version)


def with_rules(chain: Chain) -> Chain:
    """The same chain with the profile's rules as its recipe."""
    given = chain.recipe
    recipe = Recipe(estimator="rules", window_days=given.window_days, max_rows=given.max_rows)
    return dataclasses.replace(chain, recipe=recipe)


def train_or_fall_back(chain: Chain, as_of: dt.date, run: RunContext) -> TrainResult:
    """A trained model; where the history allows none and a fallback is configured, the rules."""
    try:
        return train_model(chain, as_of, run)
    except TrainingImpossible as error:
        if chain.gates.fallback == "none":
            raise
        logger.warning("%s churn_model: the rules take its place: %s", as_of, error)
        return dataclasses.replace(train_model(with_rules(chain), as_of, run), fallback=str(error))
