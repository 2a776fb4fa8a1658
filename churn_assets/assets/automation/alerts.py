"""Alerts as Dagster runs them: the asset `alerts` at the end of a night, and sensors for what no night tells.

Both sensors run by default: they start nothing, and without a configured channel they only write to the log.
"""

import datetime as dt
from collections.abc import Sequence

import dagster as dg

from churn_assets.assets.automation.failures import JOBS, day_of, failed_runs, failure_reason
from churn_assets.assets.metadata import summary
from churn_assets.core.alerting.alerts import FailedRun, run_failed, standing_alerts
from churn_assets.core.errors import ChurnError
from churn_assets.core.models.card_markdown import markdown_table
from churn_assets.pipeline.alerting.facts import standing_facts
from churn_assets.pipeline.alerting.raising import alert_of_night, raise_alerts
from churn_assets.pipeline.chain import Chain, logger

__all__ = ["alert_assets", "alert_sensors"]

HEADINGS = ("Condition", "Severity", "What", "Runbook")


def alert_assets(
    chain: Chain, partitions: dg.PartitionsDefinition[str], after: Sequence[dg.AssetKey]
) -> list[dg.AssetsDefinition]:
    """`alerts`, which looks at the day once `after` are made."""

    @dg.asset(
        partitions_def=partitions,
        deps=list(after),
        group_name="monitoring",
        kinds={"delta"},
        owners=["team:data-science"],
        description="What of the day is worth an alert: raised once a condition and day, to the log and to the "
        "configured channels.",
    )
    def alerts(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        day = dt.date.fromisoformat(context.partition_key)
        trouble = ""
        found = []
        try:
            found = alert_of_night(chain, day)
        except ChurnError as error:  # the night's scores are published: watching takes nothing from them
            trouble = str(error)
            logger.warning("%s: alerts could not be looked for: %s", day, error)
        cells = [[each.condition, each.severity, each.sentence, each.runbook] for each in found]
        return dg.MaterializeResult(
            metadata=summary(f"{len(found)} alerts of the day" if found else "nothing of the day is worth an alert")
            | {
                "alerts": dg.MetadataValue.md(markdown_table(HEADINGS, cells) if found else "Nothing is worth one."),
                "count": len(found),
                "errors": sum(each.severity == "error" for each in found),
                "trouble": trouble,
            }
        )

    return [alerts]


def alert_sensors(chain: Chain) -> list[dg.SensorDefinition]:
    """`standing_alerts` and `run_failure_alerts`."""
    return [_standing_alerts(chain), _run_failure_alerts(chain)]


def _standing_alerts(chain: Chain) -> dg.SensorDefinition:
    @dg.sensor(
        name="standing_alerts",
        minimum_interval_seconds=900,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Scores that are not fresh, an old champion, failed runs; delivers what a channel did not take.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now = dt.datetime.now(dt.UTC)
        found = standing_alerts(standing_facts(chain, now, failed_runs(context.instance, now)))
        new = raise_alerts(chain, found)
        return dg.SkipReason(f"{len(found)} conditions hold, {len(new)} of them are new; no run is ever asked for")

    return sensor


def _run_failure_alerts(chain: Chain) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="run_failure_alerts",
        monitor_all_code_locations=True,  # a run of the command line names no code location
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A night, a training or the maintenance that failed.",
    )
    def sensor(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        record = context.instance.get_run_record_by_id(run.run_id)
        day = day_of(record) if record else None
        if run.job_name not in JOBS or day is None:
            return
        failed = FailedRun(run.run_id, run.job_name, day, failure_reason(context.instance, run.run_id))
        newest = max(chain.scores.days(), default=day)
        raise_alerts(chain, [run_failed(failed)], call=day >= newest)

    return sensor
