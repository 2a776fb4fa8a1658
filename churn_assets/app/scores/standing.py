"""What holds now, by the tables: conditions and verdict of `churn-assets status`, without a chain or Dagster."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from churn_assets.app.scores.monitoring import MonitoringRecord
from churn_assets.core.alerting.alerts import Alert, NightFacts, StandingFacts, night_alerts, standing_alerts
from churn_assets.core.alerting.options import RetrainingOptions
from churn_assets.core.monitoring.freshness import freshness
from churn_assets.core.monitoring.performance.calibration import MonthCalibration, calibration_by_month
from churn_assets.core.monitoring.performance.verdict import Verdict, verdict_on
from churn_assets.core.options import MonitoringBounds, Validation
from churn_assets.storage.tables.ledger import Row

__all__ = ["HOLDING_DAYS", "JudgedBy", "alerts_in_force", "champion_of", "trained_as_of", "verdict_of"]

HOLDING_DAYS = 7  # `churn-assets status` looks back as far for runs that failed


@dataclass(frozen=True)
class JudgedBy:
    """The configured bounds that figures are shown beside."""

    monitoring: MonitoringBounds = field(default_factory=MonitoringBounds)
    retraining: RetrainingOptions = field(default_factory=RetrainingOptions)
    validation: Validation = field(default_factory=Validation)


def alerts_in_force(
    record: MonitoringRecord, day: dt.date, now: dt.datetime, timezone: str, bounds: JudgedBy
) -> list[Alert]:
    """What is worth an alert now, by a record of the last `HOLDING_DAYS` up to `day`, the newest scored one.

    Of runs that failed, and of a challenger that did not score, it is what was raised: the tables cannot tell it anew.
    """
    found = night_alerts(_night_facts(record, day, bounds))
    found += standing_alerts(_standing_facts(record, day, now, timezone, bounds))
    published = {each.day: each.published_at for each in record.publications}
    return found + [
        Alert(row["condition"], row["severity"], row["snapshot_date"], row["sentence"])
        for row in record.alerts
        if row["event"] == "raised" and _holds(row, day, now, published)
    ]


def verdict_of(record: MonitoringRecord, day: dt.date, *, is_newest: bool, wanted: float | None) -> Verdict:
    """Whether a model is still good, by what is known by now of the days up to `day`, the last of the record.

    Of the newest day that is the champion, of an earlier one the model that its scores are by.
    """
    known = record.tables["realized_performance"]
    if is_newest:
        return verdict_on(champion_of(record), known, wanted)
    models = [each.commit.model_version for each in record.publications if each.day == day]
    return verdict_on(models[0] if models else None, known, wanted, "that night's model")


def champion_of(record: MonitoringRecord) -> str | None:
    """The model in force, None where none was ever promoted."""
    return record.promotions[-1]["to_version"] if record.promotions else None


def trained_as_of(version: str) -> dt.date | None:
    """The day that a model's name begins with: its card is not opened here."""
    try:
        return dt.date.fromisoformat(version.partition("-")[0])
    except ValueError:
        return None


def _holds(raised: Row, day: dt.date, now: dt.datetime, published: Mapping[dt.date, dt.datetime]) -> bool:
    """Whether what only the record tells is so still: the day's scores came since, or it is long ago."""
    if raised["condition"] == "challenger_trouble":
        return bool(raised["snapshot_date"] == day)
    long = dt.timedelta(days=HOLDING_DAYS)
    if now - raised["recorded_at"] > long:
        return False
    if raised["condition"] != "run_failed":
        return bool(raised["condition"] == "maintenance_failed")
    made_good = published.get(raised["snapshot_date"])
    known = raised["snapshot_date"] > day - long  # of days before these no publication was read
    return bool(known and (made_good is None or made_good < raised["recorded_at"]))


def _night_facts(record: MonitoringRecord, day: dt.date, bounds: JudgedBy) -> NightFacts:
    performance = [
        row for row in record.tables["realized_performance"] if row["known_on"] == day and row["arm"] == "champion"
    ]
    night = record.nights.get(day)
    quarantined = night.quarantined if night else 0
    return NightFacts(
        day,
        feature_drift=_of_day(record.tables["feature_drift"], day),
        score_drift=_of_day(record.tables["score_drift"], day),
        performance=performance,
        calibration=_month_of(record, performance[0]["snapshot_date"]) if performance else None,
        bounds=bounds.monitoring,
        raw_rows=night.customers + quarantined + (night.excluded or 0) if night else 0,
        quarantined_rows=quarantined,
        max_quarantined_share=bounds.validation.max_quarantined_share,
        min_roc_auc=bounds.retraining.min_roc_auc,
    )


def _standing_facts(
    record: MonitoringRecord, day: dt.date, now: dt.datetime, timezone: str, bounds: JudgedBy
) -> StandingFacts:
    by = bounds.monitoring.fresh_by
    champion = champion_of(record)
    trained = trained_as_of(champion) if champion else None
    return StandingFacts(
        wanted=freshness([day], now, by, timezone).wanted,
        fresh_by=f"{by} {timezone}",
        scored=day,
        champion=champion,
        champion_age_days=max(0, (day - trained).days) if trained else None,
        max_age_days=bounds.retraining.max_age_days,
    )


def _month_of(record: MonitoringRecord, day: dt.date) -> MonthCalibration | None:
    """The calibration of the month of `day`, up to it."""
    rows = record.tables["realized_performance"]
    months = calibration_by_month(row for row in rows if day.replace(day=1) <= row["snapshot_date"] <= day)
    return months[-1] if months else None


def _of_day(rows: list[Row], day: dt.date) -> list[Row]:
    return [row for row in rows if row["snapshot_date"] == day]
