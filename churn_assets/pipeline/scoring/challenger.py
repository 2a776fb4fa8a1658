"""The challenger in the shadow: it scores every day into a table of its own, which no app reads."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from churn_assets.core.scoring.comparison import compare_scores
from churn_assets.core.training.sampling import sample_rate
from churn_assets.pipeline.chain import Chain, RunContext, StageResult, logger
from churn_assets.pipeline.customers.do_not_score import read_do_not_score
from churn_assets.pipeline.scoring.prior import with_corrected_prior
from churn_assets.pipeline.scoring.serving_models import open_model, resolve_input
from churn_assets.pipeline.scoring.stage import stage_scores
from churn_assets.storage.tables.sampling import sampled_rows

__all__ = ["ChallengerScores", "score_challenger"]


@dataclass(frozen=True)
class ChallengerScores(StageResult):
    """The challenger's scores of a day, what they were made of, and how they lie to the published ones."""

    model_version: str
    mean_probability: float
    details: dict[str, Any]
    comparison: dict[str, Any]


def score_challenger(chain: Chain, day: dt.date, version: str, run: RunContext) -> ChallengerScores:
    """Score the day's valid customers by `version`, unseen, and compare that with what was published.

    Raises:
        AuditFailed, ModelFault, PartitionConflict, SourceFault, UnknownVersion: the challenger's table stays as it was.
    """
    table = chain.challenger_scores
    expected = table.current(day)
    model = open_model(chain, version)
    excluded = read_do_not_score(chain)
    given = with_corrected_prior(chain, resolve_input(chain, chain.customers.version(day), model, excluded))
    scores = stage_scores(chain, table, [given], ())
    details = {**scores.details, "hindsight": model.card.trained_as_of > day}
    published = table.publish(scores.staged, expected, run.commit("challenge", version, **details))
    logger.debug("%s challenger_scores: %d rows scored by %s", day, scores.audit.rows, version)
    comparison = _compare(chain, day, version)
    mean = scores.audit.mean_probability
    return ChallengerScores(table, day, published, scores.audit.rows, version, mean, details, comparison)


def _compare(chain: Chain, day: dt.date, challenger: str) -> dict[str, Any]:
    """Record what would change if the challenger's scores were the published ones; of a long day, by a sample."""
    columns = ["customer_id", "churn_probability", "risk_tier", "action", "model_version"]
    seen, unseen = chain.scores.version(day), chain.challenger_scores.version(day)
    rate = sample_rate(seen.rows, chain.recipe.max_rows)
    published = sampled_rows(seen, "customer_id", rate, columns)
    others = pc.not_equal(published.column("model_version"), challenger)  # a canary is not compared with itself
    compared = compare_scores(published.filter(others), sampled_rows(unseen, "customer_id", rate, columns))
    champion = next(chain.scores.backwards(day)).commit.model_version
    chain.monitoring.record_comparison(
        {
            "compared_at": dt.datetime.now(dt.UTC),
            "snapshot_date": day,
            "published_version": seen.version,
            "champion": champion,
            "challenger_version": unseen.version,
            "challenger": challenger,
            **{name: value for name, value in compared.items() if not name.startswith("histogram")},
            "histogram_published": compared["histogram_before"],
            "histogram_challenger": compared["histogram_after"],
        }
    )
    return {"champion": champion} | {name: value for name, value in compared.items() if value is not None}
