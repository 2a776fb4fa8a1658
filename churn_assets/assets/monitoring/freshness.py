"""The check `is_fresh` of `churn_scores`, and the schedule that asks for it when nothing else has run.

It looks at the newest scored day in the table: neither an old day that was made up for, nor a run that never came,
looks like fresh scores to it.
"""

import datetime as dt
from typing import TYPE_CHECKING

import dagster as dg

from churn_assets.core.monitoring.advice import ADVICE
from churn_assets.core.monitoring.freshness import freshness
from churn_assets.pipeline.chain import Chain

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

__all__ = ["FRESH", "freshness_check", "freshness_job", "freshness_schedule"]

FRESH = dg.AssetCheckKey(dg.AssetKey("churn_scores"), "is_fresh")


def freshness_check(chain: Chain) -> dg.AssetChecksDefinition:
    """`is_fresh`."""

    @dg.asset_check(
        asset="churn_scores",
        name=FRESH.name,
        description=f"From {chain.bounds.fresh_by} on, {chain.timezone}, yesterday has scores",
    )
    def is_fresh() -> dg.AssetCheckResult:
        now = dt.datetime.now(dt.UTC)
        found = freshness(chain.scores.days(), now, chain.bounds.fresh_by, chain.timezone)
        advice = ADVICE[FRESH.name]
        newest = f"the newest scores are those of {found.newest}" if found.newest else "no scores were ever published"
        told = f"{newest}, those of {found.wanted} were wanted by {chain.bounds.fresh_by} {chain.timezone}"
        return dg.AssetCheckResult(
            passed=found.is_fresh,
            severity=dg.AssetCheckSeverity.ERROR,
            description=told if found.is_fresh else f"{told}. {advice.what_to_do}",
            metadata={
                "number": found.days_late,
                "bounds": {"number": 0},
                "newest_day": str(found.newest or "none"),
                "wanted_day": str(found.wanted),
                "what_to_do": advice.what_to_do,
                "runbook": advice.runbook,
            },
        )

    return is_fresh


def freshness_job() -> "UnresolvedAssetJobDefinition":
    """The check alone, in one process."""
    return dg.define_asset_job(
        "freshness",
        selection=dg.AssetSelection.checks(FRESH),
        executor_def=dg.in_process_executor,
        description="Look whether the newest scores are those that should be there by now.",
    )


def freshness_schedule(job: "UnresolvedAssetJobDefinition", chain: Chain) -> dg.ScheduleDefinition:
    """Each day at the hour by which scores are wanted; on from the beginning, as it publishes nothing."""
    hour, minute = chain.bounds.fresh_by.split(":")
    return dg.ScheduleDefinition(
        name="freshness_schedule",
        job=job,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone=chain.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
