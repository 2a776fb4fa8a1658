"""The check `is_fresh` of `churn_scores`, and the schedule that asks for it when nothing else has run.

It looks at the newest scored day in the table: neither an old day that was made up for, nor a run that never came,
looks like fresh scores to it.
"""

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.core.monitoring.advice import ADVICE
from churn_assets.core.monitoring.freshness import freshness

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

    from churn_assets.pipeline.chain import Chain

__all__ = ["FRESH", "fresh_result", "freshness_check", "freshness_job", "freshness_schedule"]

FRESH = dg.AssetCheckKey(dg.AssetKey("churn_scores"), "is_fresh")


def freshness_check(chain: "Chain") -> dg.AssetChecksDefinition:
    """`is_fresh`."""

    @dg.asset_check(
        asset="churn_scores",
        name=FRESH.name,
        description=f"From {chain.bounds.fresh_by} on, {chain.timezone}, yesterday has scores",
    )
    def is_fresh() -> dg.AssetCheckResult:
        return fresh_result(chain.scores.days(), dt.datetime.now(dt.UTC), chain.bounds.fresh_by, chain.timezone)

    return is_fresh


def fresh_result(days: Sequence[dt.date], now: dt.datetime, fresh_by: str, timezone: str) -> dg.AssetCheckResult:
    """The result of the check at `now`, as `freshness` takes the rest."""
    found = freshness(days, now, fresh_by, timezone)
    newest = f"the newest scores are those of {found.newest}" if found.newest else "no scores were ever published"
    told = f"{newest}, those of {found.wanted} were wanted by {fresh_by} {timezone}"
    metadata: dict[str, Any] = {
        "number": found.days_late,
        "bounds": {"number": 0},
        "newest_day": str(found.newest or "none"),
        "wanted_day": str(found.wanted),
    }
    advice = ADVICE[FRESH.name]
    if not found.is_fresh:
        told = f"{told}. {advice.what_to_do}"
        metadata["what_to_do"] = advice.what_to_do
    return dg.AssetCheckResult(
        asset_key=FRESH.asset_key,
        check_name=FRESH.name,
        passed=found.is_fresh,
        severity=dg.AssetCheckSeverity.ERROR,
        description=told,
        metadata=metadata | {"runbook": advice.runbook},
    )


def freshness_job() -> "UnresolvedAssetJobDefinition":
    """The check alone, in one process."""
    return dg.define_asset_job(
        "freshness",
        selection=dg.AssetSelection.checks(FRESH),
        executor_def=dg.in_process_executor,
        description="Look whether the newest scores are those that should be there by now.",
    )


def freshness_schedule(job: "UnresolvedAssetJobDefinition", chain: "Chain") -> dg.ScheduleDefinition:
    """Each day at the hour by which scores are wanted; on from the beginning, as it publishes nothing."""
    hour, minute = chain.bounds.fresh_by.split(":")
    return dg.ScheduleDefinition(
        name="freshness_schedule",
        job=job,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone=chain.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
