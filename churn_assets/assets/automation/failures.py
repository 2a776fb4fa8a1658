"""Runs that failed, as Dagster's storage tells them; of what went wrong only sentences of ours are taken along.

The words of another library may quote a customer's value: the page of the run has them.
"""

import datetime as dt

import dagster as dg

from churn_assets.core.alerting.alerts import FailedRun

__all__ = ["JOBS", "PARTITION_TAG", "failed_runs", "failure_reason"]

JOBS = ("nightly", "training")
PARTITION_TAG = "dagster/partition"
LOOKED_BACK = dt.timedelta(days=7)
MOST_RUNS = 500


def failed_runs(instance: dg.DagsterInstance, now: dt.datetime) -> list[FailedRun]:
    """The runs of the last seven days that failed and that no later one of their job and day made good, by day."""
    failed: dict[tuple[str, str], dg.DagsterRun] = {}
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
            if run.status == dg.DagsterRunStatus.FAILURE and key[1]:
                failed[key] = run
            else:
                failed.pop(key, None)
    return [
        FailedRun(run.run_id, job, dt.date.fromisoformat(day), *_failure(instance, run.run_id))
        for (job, day), run in sorted(failed.items(), key=lambda each: each[0][1])
    ]


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
