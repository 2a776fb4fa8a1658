"""Runs that failed, as Dagster's storage tells them; of what went wrong only sentences of ours are taken along.

The words of another library may quote a customer's value: the page of the run has them.
"""

import datetime as dt

import dagster as dg

from churn_assets.core.alerting.alerts import FailedRun

__all__ = ["JOBS", "PARTITION_TAG", "day_of", "failed_runs", "failure_reason"]

JOBS = ("nightly", "training", "maintenance")
PARTITION_TAG = "dagster/partition"
LOOKED_BACK = dt.timedelta(days=7)
MOST_RUNS = 500


def failed_runs(instance: dg.DagsterInstance, now: dt.datetime) -> list[FailedRun]:
    """The runs of the last seven days that failed and that no later one of their job and day made good, by day."""
    failed: dict[tuple[str, str], dg.RunRecord] = {}
    for job in JOBS:
        records = instance.get_run_records(
            dg.RunsFilter(
                job_name=job,
                statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS],
                created_after=now - LOOKED_BACK,
            ),
            limit=MOST_RUNS,
        )
        for record in reversed(records):  # oldest first
            run = record.dagster_run
            key = (job, run.tags.get(PARTITION_TAG, ""))
            if run.status == dg.DagsterRunStatus.FAILURE and (day_of(record) is not None):
                failed[key] = record
            else:
                failed.pop(key, None)
    found = [
        FailedRun(record.dagster_run.run_id, job, day, *_failure(instance, record.dagster_run.run_id))
        for (job, _), record in failed.items()
        if (day := day_of(record))
    ]
    return sorted(found, key=lambda each: each.day)


def day_of(record: dg.RunRecord) -> dt.date | None:
    """The day that a run is about: its partition, of `maintenance` the day on which it ran; None of any other."""
    run = record.dagster_run
    if partition := run.tags.get(PARTITION_TAG):
        return dt.date.fromisoformat(partition)
    return record.create_timestamp.date() if run.job_name == "maintenance" else None


def failure_reason(instance: dg.DagsterInstance, run_id: str) -> str:
    """The sentence of the step that failed, empty where it failed without one of ours."""
    return _failure(instance, run_id)[0]


def _failure(instance: dg.DagsterInstance, run_id: str) -> tuple[str, str]:
    """The same, and the name of the step, of the first one that has a sentence, else of the first one."""
    step = ""
    failures = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    for record in failures:
        event = record.event_log_entry.dagster_event
        told = event.step_failure_data.user_failure_data if event else None
        step = step or str((event.step_key if event else None) or "")
        if told is not None and told.description:
            return str(told.description), str(event.step_key if event else "")
    return "", step
