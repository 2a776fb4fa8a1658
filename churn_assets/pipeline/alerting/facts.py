"""What alerts and the trigger of a training look at, read from the tables; a table that is not there tells nothing."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from churn_assets.core.alerting.alerts import FailedRun, NightFacts, StandingFacts
from churn_assets.core.alerting.retraining import RetrainingFacts
from churn_assets.core.monitoring.freshness import freshness
from churn_assets.core.monitoring.performance.calibration import MonthCalibration, calibration_by_month
from churn_assets.core.monitoring.performance.verdict import PERFORMANCE_DAYS
from churn_assets.pipeline.chain import Chain
from churn_assets.storage.tables.reading import rows_between
from churn_assets.storage.tables.table import Table

__all__ = [
    "drift_rows",
    "newest_performance",
    "night_facts",
    "performance_until",
    "retraining_facts",
    "standing_facts",
]

Row = dict[str, Any]
DRIFT_TABLES = ("feature_drift", "score_drift")


def drift_rows(chain: Chain, day: dt.date) -> list[Row]:
    """What was found of a day's drift, of features and of scores."""
    return [row for name in DRIFT_TABLES for row in rows_between(chain.table(name), day, day)]


def night_facts(chain: Chain, day: dt.date) -> NightFacts:
    """What is known of `day` once its night has run."""
    challenger = chain.registry.challenger(chain.profile.name)
    performance = _performance(chain, day)
    return NightFacts(
        day,
        feature_drift=rows_between(chain.table("feature_drift"), day, day),
        score_drift=rows_between(chain.table("score_drift"), day, day),
        performance=performance,
        calibration=_calibration(chain, day - chain.profile.label.horizon) if performance else None,
        bounds=chain.bounds,
        raw_rows=_rows(chain.raw, day),
        quarantined_rows=_rows(chain.quarantined, day),
        max_quarantined_share=chain.validation.max_quarantined_share,
        challenger=challenger,
        challenger_scored=challenger is None or _scored_by(chain.challenger_scores, day) == challenger,
        min_roc_auc=chain.retraining.min_roc_auc,
    )


def standing_facts(chain: Chain, now: dt.datetime, failed_runs: Sequence[FailedRun] = ()) -> StandingFacts:
    """How things stand at `now`, a time with a zone."""
    days = chain.scores.days()
    scored = max(days, default=None)
    champion = chain.registry.champion() if chain.registry.has_champion() else None
    trained = _trained_as_of(chain).get(champion) if champion else None
    return StandingFacts(
        wanted=freshness(days, now, chain.bounds.fresh_by, chain.timezone).wanted,
        fresh_by=f"{chain.bounds.fresh_by} {chain.timezone}",
        scored=scored,
        failed_runs=failed_runs,
        champion=champion,
        champion_age_days=max(0, (scored - trained).days) if scored and trained else None,
        max_age_days=chain.retraining.max_age_days,
    )


def retraining_facts(chain: Chain) -> RetrainingFacts | None:
    """What speaks for a training as of the newest scored day; None where there is no champion, or no day."""
    days = chain.scores.days()
    trained = _trained_as_of(chain)
    champion = chain.registry.champion() if chain.registry.has_champion() else None
    if not days or champion not in trained:
        return None
    day = days[-1]
    known = [each for each in reversed(chain.table("realized_performance").days()) if each <= day]
    return RetrainingFacts(
        day,
        champion_age_days=(day - trained[champion]).days,
        newest_age_days=(day - max(trained.values())).days,
        drift=[drift_rows(chain, each) for each in reversed(days[-(chain.retraining.drift_days or 1) :])],
        performance=_everybodys(chain, known[0], champion) if known else [],
    )


def performance_until(chain: Chain, day: dt.date, days: int = PERFORMANCE_DAYS) -> list[Row]:
    """What came true of the last scored `days` whose outcomes were known at the end of `day`."""
    table, label = chain.table("realized_performance"), chain.profile.label
    known = [each for each in table.days() if label.is_dated and each + label.horizon <= day][-days:]
    return rows_between(table, known[0], known[-1]) if known else []


def newest_performance(chain: Chain) -> Row | None:
    """What came true of the published scores on the newest day that can tell; None where no outcome is known."""
    days = chain.table("realized_performance").days()
    rows = _everybodys(chain, days[-1]) if days else []
    return rows[0] | {"snapshot_date": days[-1]} if rows else None


def _performance(chain: Chain, known: dt.date) -> list[Row]:
    """What came true of the published scores, as far as it became known on that day."""
    return _everybodys(chain, known - chain.profile.label.horizon) if chain.profile.label.is_dated else []


def _calibration(chain: Chain, day: dt.date) -> MonthCalibration | None:
    """Of the month of `day`, as far as its outcomes are known by then."""
    months = calibration_by_month(rows_between(chain.table("realized_performance"), day.replace(day=1), day))
    return months[-1] if months else None


def _everybodys(chain: Chain, day: dt.date, model_version: str | None = None) -> list[Row]:
    return [
        row
        for row in rows_between(chain.table("realized_performance"), day, day)
        if row["arm"] == "champion" and not row["slice_column"] and model_version in {None, row["model_version"]}
    ]


def _rows(table: Table, day: dt.date) -> int:
    newest = next(table.backwards(day), None)
    return newest.rows if newest else 0


def _scored_by(table: Table, day: dt.date) -> str | None:
    newest = next(table.backwards(day), None)
    return newest.commit.model_version if newest else None


def _trained_as_of(chain: Chain) -> dict[str | None, dt.date]:
    """The training day of each of the profile's models that can be read."""
    return {
        each.card.model_version: each.card.trained_as_of
        for each in chain.registry.registered([])
        if each.card.profile == chain.profile.name
    }
