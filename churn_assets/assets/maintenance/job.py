"""The weekly job that keeps an installation in order, and its schedule: an op for each thing that is done."""

import datetime as dt
from dataclasses import asdict

import dagster as dg

from churn_assets.assets.jobs import MAX_RUNTIME, ONE_AT_A_TIME
from churn_assets.assets.maintenance.integrity import expire_op, verify_op
from churn_assets.assets.maintenance.pruning import prune
from churn_assets.pipeline.chain import Chain

__all__ = ["maintenance_job", "maintenance_schedule"]


def maintenance_job(chain: Chain) -> dg.JobDefinition:
    """Everything that an installation needs now and then, in one process."""
    verify, let_expire = verify_op(chain), expire_op(chain)

    @dg.op(name="prune", description=f"Old runs, events, logs and ticks, {chain.run_history.keep_days} days after.")
    def prune_history(context: dg.OpExecutionContext) -> None:
        before = dt.datetime.now(dt.UTC) - dt.timedelta(days=chain.run_history.keep_days)
        pruned = prune(context.instance, before)
        context.log.info("Removed what ended before %s: %s", f"{before:%Y-%m-%d}", asdict(pruned))

    @dg.job(
        name="maintenance",
        executor_def=dg.in_process_executor,
        tags={**MAX_RUNTIME, ONE_AT_A_TIME: "maintenance"},
        description="Keep the installation in order: hold everything that is stored against its digest, remove what "
        "the configuration no longer keeps and what killed writers left, prune Dagster's record of old runs. Nothing "
        "that is current is touched.",
    )
    def maintenance() -> None:
        let_expire(after=verify())
        prune_history()

    return maintenance


def maintenance_schedule(job: dg.JobDefinition, cron: str, timezone: str) -> dg.ScheduleDefinition:
    """Once a week; on from the beginning, as it publishes nothing and what it removes is kept for long enough."""
    return dg.ScheduleDefinition(
        name="maintenance_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
