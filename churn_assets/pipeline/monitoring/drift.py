"""How far a day's features and scores have moved: `feature_drift` and `score_drift`, from what its night counted.

No customer's row is read: a day of ten millions is a few kilobytes of counts beside its scores.
"""

import datetime as dt
from dataclasses import dataclass

from churn_assets.core.errors import ChurnError
from churn_assets.core.evaluation.results import Reference
from churn_assets.core.monitoring.feature_drift import FeatureDrift, drift_of_features, oddities
from churn_assets.core.monitoring.score_drift import Against, ScoreDrift, ScoresCounted, drift_of_scores
from churn_assets.core.monitoring.table_schemas import FEATURE_DRIFT, SCORE_DRIFT
from churn_assets.pipeline.chain import Chain, RunContext, StageResult, logger
from churn_assets.pipeline.monitoring.publishing import publish_rows
from churn_assets.pipeline.monitoring.scored_day import ScoredDay, scored_day

__all__ = ["FeatureDriftResult", "ScoreDriftResult", "watch_features", "watch_scores"]

WEEK = dt.timedelta(days=7)
WEEKDAYS = 3  # so many of the same weekday before tell what is usual


@dataclass(frozen=True)
class FeatureDriftResult(StageResult):
    """The published rows of `feature_drift`, what was judged, and what is odd, in words."""

    drifts: tuple[FeatureDrift, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ScoreDriftResult(StageResult):
    """The published rows of `score_drift`, and what could not be compared, in words."""

    drifts: tuple[ScoreDrift, ...]
    notes: tuple[str, ...]


def watch_features(chain: Chain, day: dt.date, run: RunContext) -> FeatureDriftResult:
    """Hold the day's features against the reference of the model that scored it, and publish how far they moved.

    Raises:
        PartitionConflict, SchemaChanged: nothing was published.
    """
    table = chain.table("feature_drift")
    notes: list[str] = []
    drifts: list[FeatureDrift] = []
    today = scored_day(chain, day)
    if today is None:
        notes.append(f"{day} has no scores: no features were counted; `churn-assets run --date {day}` scores it")
    elif today.counts is None:
        notes.append(f"no counts are kept beside the scores of {day}: rules and earlier releases count no features")
    elif (reference := _reference(chain, today, notes)) is not None:
        earlier = [each.counts for each in _weekdays_before(chain, day) if each.counts]
        drifts = drift_of_features(today.counts, reference, earlier, chain.bounds)
        notes += oddities(today.counts, reference, chain.profile.feature_columns)
    order = _out_of_order(chain, day)  # of how it came about, and no part of what is kept: again commits nothing
    _log(day, "feature_drift", [*notes, *order])
    rows = [each.row() for each in drifts]
    result = publish_rows(table, day, FEATURE_DRIFT, rows, run, **_details(today), notes=notes)
    return FeatureDriftResult(table, day, result.published, result.rows, tuple(drifts), (*notes, *order))


def watch_scores(chain: Chain, day: dt.date, run: RunContext) -> ScoreDriftResult:
    """Hold the day's scores against the model's reference, the last scored day and the same weekday last week.

    Raises:
        DamagedVersion, PartitionConflict, SchemaChanged: nothing was published.
    """
    table = chain.table("score_drift")
    notes: list[str] = []
    drifts: list[ScoreDrift] = []
    today = scored_day(chain, day)
    if today is None:
        notes.append(f"{day} has no scores to compare; `churn-assets run --date {day}` scores it")
    elif (reference := _reference(chain, today, notes)) is not None:
        drifts = _score_drifts(chain, today, reference, notes)
    _log(day, "score_drift", notes)
    result = publish_rows(table, day, SCORE_DRIFT, [each.row() for each in drifts], run, **_details(today), notes=notes)
    return ScoreDriftResult(table, day, result.published, result.rows, tuple(drifts), tuple(notes))


def _score_drifts(chain: Chain, today: ScoredDay, reference: Reference, notes: list[str]) -> list[ScoreDrift]:
    edges = reference.scores.edges
    given = today.scores(edges)
    made = ScoresCounted(reference.scores, reference.mean_score)
    weekdays = [each for each in _weekdays_before(chain, today.day) if each.models == today.models]
    kept = [(scores, made) for each in weekdays if (scores := each.kept_scores(edges))]
    drifts = [drift_of_scores(("reference", None), given, made, kept, chain.bounds)]
    last_day = max((each for each in chain.scores.days() if each < today.day), default=None)
    others: list[tuple[Against, dt.date | None]] = [("last_day", last_day), ("last_week", today.day - WEEK)]
    for against, other_day in others:
        other = scored_day(chain, other_day) if other_day else None
        if other is None:
            notes.append(f"{against} is not compared: {other_day or 'no earlier day'} has no scores")
        elif other.models != today.models:
            notes.append(f"{against} is not compared: {other_day} was scored by {_named(other)}, not {_named(today)}")
        else:
            usual = _usual(chain, weekdays, edges) if against == "last_day" else []
            drifts.append(drift_of_scores((against, other_day), given, other.scores(edges), usual, chain.bounds))
    return drifts


def _usual(
    chain: Chain, weekdays: list[ScoredDay], edges: tuple[float, ...]
) -> list[tuple[ScoresCounted, ScoresCounted]]:
    """The scores of the same weekdays before, each with those of the day before it, where both were kept."""
    pairs = []
    for each in weekdays:
        before = scored_day(chain, each.day - dt.timedelta(days=1))
        if before is None or before.models != each.models:
            continue
        then, earlier = each.kept_scores(edges), before.kept_scores(edges)
        if then and earlier:
            pairs.append((then, earlier))
    return pairs


def _weekdays_before(chain: Chain, day: dt.date) -> list[ScoredDay]:
    found = (scored_day(chain, day - back * WEEK) for back in range(1, WEEKDAYS + 1))
    return [each for each in found if each]


def _reference(chain: Chain, today: ScoredDay, notes: list[str]) -> Reference | None:
    """The reference of the model that scored the day, which may not be today's champion."""
    models = chain.registry.models
    try:
        return models.reference(models.card(today.commit.model_version))
    except ChurnError as error:  # a folder that was taken away since: the day's scores stay as they are
        notes.append(f"{today.day} is not compared with the reference of {today.commit.model_version}: {error}")
        return None


def _out_of_order(chain: Chain, day: dt.date) -> list[str]:
    later = [each for each in chain.table("feature_drift").days() if each > day]
    if not later:
        return []
    told = (
        f"{len(later)} later days, from {later[0]} on, were watched before this one: what is usual on their weekday, "
        "and their last day, were told without it; materialize their drift again where that matters"
    )
    return [told]


def _details(today: ScoredDay | None) -> dict[str, str]:
    """What the rows were made of, for the commit."""
    if today is None:
        return {}
    return {"scores_version": today.version.version, "scored_by": today.commit.model_version}


def _named(scored: ScoredDay) -> str:
    return " and ".join(sorted(scored.models))


def _log(day: dt.date, table: str, notes: list[str]) -> None:
    for note in notes:
        logger.debug("%s %s: %s", day, table, note)
