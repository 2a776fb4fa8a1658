"""A model that was made elsewhere, judged like one of ours on a day that it cannot have learnt from, and kept."""

import dataclasses
import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.arrow.hashing import stable_hash
from churn_assets.core.errors import InputError, TrainingImpossible
from churn_assets.core.evaluation.importance import permutation_importances
from churn_assets.core.evaluation.leaks import Strongest, strongest_features
from churn_assets.core.evaluation.metrics import measure
from churn_assets.core.evaluation.results import Comparison, Evidence, PriorChoice
from churn_assets.core.features import to_model_frame
from churn_assets.core.models.card import ImportedModel, model_version
from churn_assets.core.models.foreign import ForeignModel, check_classes, modules_of, wanted_columns
from churn_assets.core.models.model import predict, predict_in_blocks
from churn_assets.core.options import IMPORTED, Recipe
from churn_assets.core.scoring.drift import feature_histograms, words_of
from churn_assets.core.training.named_estimators import as_classifier
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.pipeline.libraries import installed_libraries, libraries_of, names_of_modules
from churn_assets.pipeline.training.baselines import compare_with_baseline, compare_with_rules, find_baseline
from churn_assets.pipeline.training.candidate import CandidateModel, slices_of
from churn_assets.pipeline.training.registration import TrainResult, make_card, register, train_result
from churn_assets.pipeline.training.training_data import (
    Holdout,
    TrainingData,
    TrainingPlan,
    load_judging,
    load_training_data,
    plan_judging,
    plan_training,
)

__all__ = ["import_model"]

LEAST_OF_A_KIND = 5
_SALT = "imported holdout"


def import_model(
    chain: Chain, foreign: ForeignModel, trained_as_of: dt.date, reason: str, run: RunContext
) -> TrainResult:
    """Check a foreign model's inputs, judge it, and leave it beside the others, where gates and people decide.

    It is judged on the newest day whose outcomes are known, the one by which a recipe trained today is judged: but
    never on a day before `trained_as_of`, whose outcomes it may have learnt.

    Args:
        chain: the chain; its recipe stays unused.
        foreign: the model.
        trained_as_of: nothing that became known after this day was learnt from, by its owner's word.
        reason: why it is brought; the card keeps it.
        run: who imports; its `landed` gains the partitions that are landed on the way.

    Raises:
        InputError: it cannot take the profile's features, or there is no honest day to judge it on yet.
        TrainingImpossible: too few outcomes.
        SettingsError: a model must be signed, and there is no key that signs.
    """
    chain.signing.check_signer()
    columns = wanted_columns(foreign, chain.profile.name, chain.profile.feature_columns)
    check_classes(foreign)
    day = _honest_day(chain, trained_as_of, run)
    recipe = _recipe(chain.recipe, foreign)
    chain = dataclasses.replace(chain, recipe=recipe)
    plan = plan_judging(chain, day, run)
    libraries = libraries_of(recipe) | installed_libraries(names_of_modules(modules_of(foreign.model)))
    version = model_version(
        trained_as_of,
        profile_digest=f"{chain.profile.name} {chain.profile.source_digest}",
        feature_digest=chain.feature_digest,
        label=chain.profile.label.text,
        recipe=recipe,
        inputs=plan.inputs,
        libraries=libraries,
        sample_rate=plan.sample_rate,
    )
    if version in chain.registry.models.versions():
        logger.info("%s churn_model: %s is there already", trained_as_of, version)
        return train_result(chain, chain.registry.models.card(version), created=False)
    imported = ImportedModel(file=foreign.file, kind=foreign.kind, sha256=foreign.sha256, reason=reason)
    judged = _judged(chain, plan, foreign, columns, run)
    candidate = dataclasses.replace(judged, libraries=libraries, imported=imported)
    card = make_card(chain, trained_as_of, plan, candidate, version)
    return register(chain, card, candidate, plan, created=True)


def _recipe(own: Recipe, foreign: ForeignModel) -> Recipe:
    """What stands in the card for the recipe of a foreign model: the digest of its file, and our sampling."""
    return Recipe(
        estimator=IMPORTED,
        parameters={"sha256": foreign.sha256},
        prior="none",
        window_days=own.window_days,
        max_rows=own.max_rows,
    )


def _honest_day(chain: Chain, trained_as_of: dt.date, run: RunContext) -> dt.date:
    """The newest day from `trained_as_of` on whose outcomes are known.

    Raises:
        InputError: there is none yet.
    """
    today = run.began.astimezone(ZoneInfo(chain.timezone)).date()
    horizon = chain.profile.label.horizon
    there = {day for day in {*chain.raw.days(), *chain.source.days()} if chain.start_date <= day < today}
    if not chain.source.dated and chain.source.has(trained_as_of):
        there.add(trained_as_of)
    honest = [day for day in there if day >= trained_as_of and day + horizon in there]
    if honest:
        return max(honest)
    raise InputError(
        f"--trained-as-of {trained_as_of}: the model may know every outcome up to that day, and is judged on a "
        f"snapshot of that day or later, with the one of {horizon.days} days after it; no such two are there: "
        f"the newest day is {max(there, default='none')}; wait, or import one that was trained as of an earlier day"
    )


def _judged(
    chain: Chain, plan: TrainingPlan, foreign: ForeignModel, columns: tuple[str, ...], run: RunContext
) -> CandidateModel:
    model = as_classifier(foreign.model)
    holdout = load_judging(chain, plan)
    rows = holdout.rows
    probability = _probability(model, holdout, columns)
    frame = to_model_frame(rows.features, columns)
    importance = permutation_importances(model, frame, rows.churned, chain.recipe.seed)
    strongest = _strongest(holdout, columns, importance)
    comparison, uncompared = _compared(chain, plan, holdout, model, columns, run)
    evidence = Evidence(
        metrics=measure(rows.churned, probability),
        slices=slices_of(chain, holdout, probability),
        strongest_feature=strongest.feature,
        strongest_roc_auc=strongest.roc_auc,
        strongest_pair=strongest.pair,
        strongest_pair_roc_auc=strongest.pair_roc_auc,
        comparison=comparison,
        uncompared=uncompared,
        high_above=chain.decisions.high_above,
        rules=compare_with_rules(chain, plan.day, holdout, probability),
    )
    return CandidateModel(
        pipeline=model,
        chosen=chain.recipe,
        selection="a model that was made elsewhere",
        evidence=evidence,
        churned=rows.churned,
        probability=probability,
        importance=importance,
        features=feature_histograms(frame),
        words=words_of(frame),
        prior=PriorChoice(reason="what an imported model learnt from is not known here"),
        columns=columns,
        sample=rows.features,
    )


def _probability(model: object, holdout: Holdout, columns: tuple[str, ...]) -> NDArray[np.float64]:
    return predict_in_blocks(lambda block: predict(model, block, columns), holdout.rows.features)


def _strongest(holdout: Holdout, columns: tuple[str, ...], importance: dict[str, float]) -> Strongest:
    """What knows the outcome best: learnt from one half of the customers, measured on the other."""
    first = stable_hash(holdout.rows.ids, _SALT) % 2 == 0
    taught, shown = holdout.rows.keep(first), holdout.rows.keep(~first)
    kinds = [count for half in (taught, shown) for count in (half.churned.sum(), (~half.churned).sum())]
    if min(kinds) < LEAST_OF_A_KIND:
        raise TrainingImpossible(
            f"of the {len(first)} customers that an imported model is judged on {holdout.rows.churned.sum()} churned: "
            f"about {4 * LEAST_OF_A_KIND} of each kind are needed; export more of that day's customers"
        )
    frames = [to_model_frame(half.features, columns) for half in (taught, shown)]
    return strongest_features(frames[0], taught.churned, frames[1], shown.churned, importance)


def _compared(
    chain: Chain, plan: TrainingPlan, holdout: Holdout, model: object, columns: tuple[str, ...], run: RunContext
) -> tuple[Comparison | None, str]:
    """The model beside what it must not fall behind; the champion's recipe needs the history that it learns from."""
    baseline = find_baseline(chain, plan.day)
    if baseline is None or baseline.kind != "champion":
        data = TrainingData(holdout.rows, holdout.rows, holdout, 0)
        return compare_with_baseline(chain, plan, data, baseline, _probability(model, holdout, columns))
    try:
        training = plan_training(chain, plan.day + chain.profile.label.horizon, run)
        data = load_training_data(chain, training)
    except TrainingImpossible as error:
        return None, f"not compared with champion {baseline.version}: {error}"
    return compare_with_baseline(chain, training, data, baseline, _probability(model, data.holdout, columns))
