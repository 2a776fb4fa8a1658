"""`GET /v1/monitoring`: how the model and its nights have been doing, for people who look and programs that draw."""

import asyncio
import datetime as dt
from typing import Annotated, Any

from fastapi import FastAPI, Query, Response

from churn_assets.app.scores.current import CurrentScores
from churn_assets.app.scores.monitoring import MonitoringRecord, MonitoringTables, Window
from churn_assets.app.scores.standing import HOLDING_DAYS, JudgedBy, alerts_in_force, trained_as_of, verdict_of
from churn_assets.app.web.monitoring_schemas import (
    AlertInForce,
    Bounds,
    EstimatedDay,
    FeatureDay,
    ModelInForce,
    Monitoring,
    MonthOfCalibration,
    Note,
    Promotion,
    Publication,
    Quarantine,
    RaisedAlert,
    RealizedDay,
    ScoreDriftDay,
    VerdictOnModel,
)
from churn_assets.app.web.schemas import Day, Problem
from churn_assets.core.alerting.alerts import Alert
from churn_assets.core.monitoring.night_facts import NightFacts
from churn_assets.core.monitoring.performance.calibration import calibration_by_month
from churn_assets.core.options import MonitoringBounds
from churn_assets.storage.tables.commits import Event
from churn_assets.storage.tables.ledger import Row

__all__ = ["add_monitoring"]

DAYS, MOST_DAYS = 30, 92
ALERT = ("condition", "severity", "sentence", "runbook")


def add_monitoring(app: FastAPI, current: CurrentScores, tables: MonitoringTables, bounds: JudgedBy) -> None:
    """The endpoint that the monitoring page is drawn from."""

    @app.get(
        "/v1/monitoring",
        response_model=Monitoring,
        responses={
            422: {"model": Problem, "description": "The request is not valid; `errors` names the fields"},
            503: {"model": Problem, "description": "There are no scores"},
        },
        summary="Is the model still good: drift, performance, calibration, quarantine, alerts, and who published what",
    )
    async def monitoring(
        days: Annotated[int, Query(ge=1, le=MOST_DAYS, description="How many days, the last one included")] = DAYS,
        until: Annotated[
            Day | None, Query(description="The last day; the newest scored one where none is named")
        ] = None,
    ) -> Response:
        newest = current.served.newest
        if newest is None:
            newest, _ = current.newest()  # it says why there is none
        last = until or newest.day
        window = Window.ending(last, days)
        record = await asyncio.to_thread(tables.read, window)
        present = record
        if last != newest.day or days < HOLDING_DAYS:
            present = await asyncio.to_thread(tables.read, Window.ending(newest.day, HOLDING_DAYS))
        verdict = verdict_of(record, last, is_newest=last == newest.day, wanted=bounds.retraining.min_roc_auc)
        in_force = alerts_in_force(present, newest.day, current.clock(), current.timezone, bounds)
        answer = Monitoring(
            **window._asdict(),
            performance_since=record.performance_since,
            newest=newest.day,
            published_at=newest.published.published_at,
            fresh_until=newest.fresh_until,
            stale=current.is_stale(newest),
            timezone=current.timezone,
            verdict=VerdictOnModel.model_validate(verdict, from_attributes=True),
            bounds=_bounds(bounds),
            **_told(record, bounds.monitoring),
            alerts=_alerts(record.alerts, window.since, until),
            alerts_in_force=[_in_force(each) for each in in_force],
        )
        return Response(answer.model_dump_json(), 200, {"Cache-Control": "no-store"}, "application/json")


def _bounds(bounds: JudgedBy) -> Bounds:
    names = Bounds.model_fields.keys() - {"min_roc_auc"}
    return Bounds(**bounds.monitoring.model_dump(include=names), min_roc_auc=bounds.retraining.min_roc_auc)


def _in_force(alert: Alert) -> AlertInForce:
    return AlertInForce(snapshot_date=alert.day, **{name: getattr(alert, name) for name in ALERT})


def _told(record: MonitoringRecord, bounds: MonitoringBounds) -> dict[str, Any]:
    realized = record.tables["realized_performance"]
    return {
        "model": _model(record.promotions),
        "publications": [_publication(each, record.nights.get(each.day)) for each in record.publications],
        "feature_drift": [FeatureDay.model_validate(row) for row in record.tables["feature_drift"]],
        "score_drift": [ScoreDriftDay.model_validate(row) for row in record.tables["score_drift"]],
        "realized_performance": [RealizedDay.model_validate(row) for row in realized],
        "estimated_performance": [EstimatedDay.model_validate(row) for row in record.tables["estimated_performance"]],
        "calibration": [
            MonthOfCalibration(**vars(month), gap=month.gap, severity=month.severity(bounds))
            for month in calibration_by_month(realized)
        ],
        "quarantine": [
            Quarantine.model_validate(night, from_attributes=True) for _, night in sorted(record.nights.items())
        ],
        "promotions": [Promotion.model_validate(row) for row in reversed(record.promotions)],
        "notes": [Note(table=table, sentence=sentence) for table, sentence in record.notes.items()],
    }


def _model(promotions: list[Row]) -> ModelInForce | None:
    if not promotions:
        return None
    newest = promotions[-1]
    return ModelInForce(
        model_version=newest["to_version"],
        since=newest["promoted_at"],
        trained_as_of=trained_as_of(newest["to_version"]),
        **{name: newest[name] for name in ("actor", "reason", "forced")},
    )


def _publication(event: Event, night: NightFacts | None) -> Publication:
    return Publication(
        snapshot_date=event.day,
        score_version=event.version,
        model_version=event.commit.model_version,
        rows=event.rows,
        kind=event.commit.kind,
        published_at=event.published_at,
        actor=event.commit.actor,
        reason=event.commit.reason,
        mean_probability=night.mean_probability if night else None,
        high_share=night.high_share if night else None,
        audited=night.audited if night else None,
        beyond=list(night.beyond) if night else [],
    )


def _alerts(rows: list[Row], since: dt.date, until: dt.date | None) -> list[RaisedAlert]:
    """What was raised of these days, the newest first; without `until` also of days that are not scored yet."""
    reached: dict[tuple[str, dt.date], list[str]] = {}
    for row in rows:
        if row["event"] == "delivered":
            reached.setdefault((row["condition"], row["snapshot_date"]), []).extend(row["channels"])
    raised = [
        RaisedAlert.model_validate(row | {"delivered": reached.get((row["condition"], row["snapshot_date"]), [])})
        for row in rows
        if row["event"] == "raised" and row["snapshot_date"] >= since
    ]
    told = [each for each in raised if until is None or each.snapshot_date <= until]
    return sorted(told, key=lambda each: (each.snapshot_date, each.recorded_at), reverse=True)
