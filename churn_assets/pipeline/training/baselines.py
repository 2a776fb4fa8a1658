"""What a model is held against: the scores that were really published then, the champion's recipe, the rules."""

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.arrow.conversion import rows_of
from churn_assets.core.errors import ChurnError, ModelFault, UnknownVersion
from churn_assets.core.evaluation.gates import judge
from churn_assets.core.evaluation.metrics import compare
from churn_assets.core.evaluation.results import Comparison, Evidence
from churn_assets.core.models.card import ModelCard
from churn_assets.core.models.model import apply_rules, predict, predict_in_blocks
from churn_assets.core.training.fitting import fit
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.training.training_data import Holdout, TrainingData, TrainingPlan, load_training_data
from churn_assets.storage.tables.ledger import Row
from churn_assets.storage.tables.sampling import sampled_rows

__all__ = ["Baseline", "compare_with_baseline", "compare_with_rules", "find_baseline", "record_evaluation"]


@dataclass(frozen=True)
class Baseline:
    """Whose probabilities a model must not fall behind: published scores, or the champion's recipe."""

    kind: Literal["published", "champion"]
    version: str


def find_baseline(chain: Chain, day: dt.date) -> Baseline | None:
    """The scores published on the backtest's `day` by a model that knew no more; else the champion's recipe.

    None where there is neither, or where the champion's recipe is the one in force.
    """
    if chain.profile.label.is_dated:
        for event in chain.scores.backwards(day):
            if not event.commit.details.get("hindsight", True):
                with suppress(UnknownVersion):  # vacuumed since
                    chain.scores.version(day, event.version)
                    return Baseline("published", event.version)
    with suppress(ChurnError):  # no champion, or one whose folder cannot be read
        champion = chain.registry.models.card(chain.registry.champion())
        same = (champion.recipe.making, champion.feature_digest) == (chain.recipe.making, chain.feature_digest)
        if champion.profile == chain.profile.name and not champion.is_rules and not same:
            return Baseline("champion", champion.model_version)
    return None


def compare_with_baseline(
    chain: Chain, plan: TrainingPlan, data: TrainingData, baseline: Baseline | None, probability: NDArray[np.float64]
) -> tuple[Comparison | None, str]:
    """`probability` of the hold-out (n) against the baseline's, on the customers that both know.

    Returns:
        The comparison, or why there is none: no comparison can fail a training.
    """
    if baseline is None:
        champion = "the champion's recipe is the same" if chain.registry.has_champion() else "there is no champion yet"
        return None, f"nothing to compare with: that day was not scored, and {champion}"
    try:
        if baseline.kind == "champion":
            champion_card = chain.registry.models.card(baseline.version)
            other = _champion_then(chain, plan, data, champion_card)
            comparison = compare("champion", baseline.version, data.holdout.rows.churned, probability, other)
        else:
            comparison = _with_published(chain, plan, data.holdout, baseline.version, probability)
    except ChurnError as error:
        logger.warning("churn_model: not compared with %s %s: %s", baseline.kind, baseline.version, error)
        return None, f"not compared with {baseline.kind} {baseline.version}: {error}"
    return comparison, ""


def _with_published(
    chain: Chain, plan: TrainingPlan, holdout: Holdout, version: str, probability: NDArray[np.float64]
) -> Comparison:
    then = chain.scores.version(plan.day, version)
    scores = sampled_rows(then, "customer_id", plan.sample_rate, ["customer_id", "churn_probability"])
    both, known = rows_of(holdout.rows.ids, scores)
    published = known.column("churn_probability").to_numpy()
    return compare("published", version, holdout.rows.churned[both], probability[both], published)


def _champion_then(chain: Chain, plan: TrainingPlan, data: TrainingData, champion: ModelCard) -> NDArray[np.float64]:
    """What the champion's recipe, trained as of the backtest's day, gives the hold-out.

    It learns from the days at hand that lie in its own window, with its own feature parameters. One that was imported
    cannot learn again: it is asked itself, where it knew no more than the backtest's day.

    Raises:
        ModelFault: it was imported, and knew more.
    """
    if chain.profile.feature_digest(champion.feature_parameters) != chain.feature_digest:
        data = load_training_data(chain, plan, champion.feature_parameters)
    if champion.imported:
        if champion.trained_as_of > plan.day:
            raise ModelFault(f"it was imported, and as of {champion.trained_as_of} knew more than {plan.day} did")
        own, _ = chain.registry.models.load(champion.model_version)
        return predict_in_blocks(
            lambda block: predict(own, block, champion.feature_columns), data.holdout.rows.features
        )
    rows = data.judged
    oldest = rows.days.max() - np.timedelta64(champion.chosen.window_days, "D")
    columns = tuple(name for name in champion.feature_columns if name in chain.profile.feature_columns)
    pipeline = fit(rows.keep(rows.days >= oldest), champion.chosen, columns)
    return predict_in_blocks(lambda block: predict(pipeline, block, columns), data.holdout.rows.features)


def compare_with_rules(
    chain: Chain, backtest: dt.date, holdout: Holdout, probability: NDArray[np.float64]
) -> Comparison | None:
    """`probability` of the hold-out (n) beside what the profile's rules give it; None where it has none."""
    if chain.profile.rules is None:
        return None
    with_rules = predict_in_blocks(lambda block: apply_rules(chain.profile, block, backtest), holdout.customers)
    return compare("rules", chain.profile.name, holdout.rows.churned, probability, with_rules)


def record_evaluation(chain: Chain, card: ModelCard, evidence: Evidence) -> None:
    """Keep how the model was judged; an evaluation beside the same probabilities is not kept twice."""
    gates = judge(evidence, chain.gates)
    missed = [gate.finding for gate in gates if not gate.passed]
    metrics, comparison = evidence.metrics, evidence.comparison
    published = comparison if comparison and comparison.kind == "published" else None
    row: Row = {
        "evaluated_at": dt.datetime.now(dt.UTC),
        "model_version": card.model_version,
        "backtest_date": card.backtest_date,
        "rows": metrics.rows if metrics else 0,
        "base_rate": metrics.base_rate if metrics else None,
        "roc_auc": metrics.roc_auc if metrics else None,
        "average_precision": metrics.average_precision if metrics else None,
        "brier": metrics.brier if metrics else None,
        "calibration_error": metrics.calibration_error if metrics else None,
        "published_version": published.version if published else None,
        "published_roc_auc": published.roc_auc if published else None,
        "passed": not missed,
        "missed": "; ".join(missed),
        "compared_with": comparison.kind if comparison else None,
        "compared_version": comparison.version if comparison else None,
        "roc_auc_difference": comparison.difference if comparison else None,
        "difference_low": comparison.interval.low if comparison else None,
        "difference_high": comparison.interval.high if comparison else None,
        "evidence": evidence.model_dump_json(),
        "first_reason_changed": evidence.first_reason_changed,
    }
    chain.registry.evaluations.append(lambda rows: None if _is_there(rows, row) else row)


def _is_there(rows: list[Row], row: Row) -> bool:
    recorded = [each for each in rows if each["model_version"] == row["model_version"]]
    return bool(recorded) and recorded[-1]["evidence"] == row["evidence"]
