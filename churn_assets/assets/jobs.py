"""Jobs and schedules: what runs by itself, and when."""

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

__all__ = ["MAX_RUNTIME", "ONE_AT_A_TIME", "nightly_job", "nightly_schedule", "training_job", "training_schedule"]

MAX_RUNTIME = {"dagster/max_runtime": "21600"}  # seconds; nobody notices a dead worker of Dagster's own launcher
WHOLE_AGAIN = {"dagster/retry_strategy": "ALL_STEPS"}  # a run that died: what it did already gives the same bytes
ONE_AT_A_TIME = "churn_assets/one_at_a_time"  # the queue's limit in `dagster.yaml`, for each value
BEFORE_BACKFILLS = {"dagster/priority": "10"}  # in the run queue, where a backfill's runs have 0
CHAIN = (
    "raw_customers",
    "customers",
    "quarantined_customers",
    "customer_features",
    "churn_scores",
    "challenger_scores",
    "feature_drift",
    "score_drift",
    "estimated_performance",
    "score_summary",
    "churn_outcomes",
    "realized_performance",
    "night_metrics",
    "alerts",
)


def nightly_job() -> "UnresolvedAssetJobDefinition":
    """A day's customers to its published scores, in one process."""
    return dg.define_asset_job(
        "nightly",
        selection=dg.AssetSelection.assets(*CHAIN),
        executor_def=dg.in_process_executor,
        tags={**MAX_RUNTIME, **WHOLE_AGAIN},
        description="Land, validate, featurize, score, audit and publish one snapshot date; then the challenger, "
        "unseen, and the watching: how far features and scores moved, what the scores promise, what became of those "
        "whose outcomes are known by then, and what of all that is worth an alert.",
    )


def training_job() -> "UnresolvedAssetJobDefinition":
    """A model version as of a day; the first that passes its gates becomes champion."""
    return dg.define_asset_job(
        "training",
        selection=dg.AssetSelection.assets("churn_model", "champion"),
        executor_def=dg.in_process_executor,
        tags={**MAX_RUNTIME, **WHOLE_AGAIN, ONE_AT_A_TIME: "training"},
        description="Train and judge a model as of one snapshot date; the history it needs lands on the way.",
    )


def nightly_schedule(job: "UnresolvedAssetJobDefinition", cron: str, timezone: str) -> dg.ScheduleDefinition:
    """Each night, the day that has just ended."""
    return _day_before(job, cron, timezone, "nightly_schedule")


def training_schedule(job: "UnresolvedAssetJobDefinition", cron: str, timezone: str) -> dg.ScheduleDefinition:
    """On training days, a model as of the day that has just ended."""
    return _day_before(job, cron, timezone, "training_schedule")


def _day_before(job: "UnresolvedAssetJobDefinition", cron: str, timezone: str, name: str) -> dg.ScheduleDefinition:
    """A tick on D + 1, by the wall clock of `timezone`, asks for D: also where a day has 23 or 25 hours."""

    def request(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        tick = context.scheduled_execution_time.astimezone(ZoneInfo(timezone))
        day = (tick.date() - dt.timedelta(days=1)).isoformat()
        yield dg.RunRequest(run_key=day, partition_key=day, tags=BEFORE_BACKFILLS)

    return dg.ScheduleDefinition(
        name=name, job=job, cron_schedule=cron, execution_timezone=timezone, execution_fn=request
    )
