"""The sensor that asks for a training outside its schedule; off until somebody turns it on, as the schedules are."""

from typing import TYPE_CHECKING

import dagster as dg

from churn_assets.core.alerting.retraining import retraining_reason
from churn_assets.pipeline.alerting.facts import retraining_facts
from churn_assets.pipeline.chain import Chain, logger

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

__all__ = ["retraining_sensor"]


def retraining_sensor(chain: Chain, training: "UnresolvedAssetJobDefinition") -> dg.SensorDefinition:
    """Train as of the newest scored day where drift, realized performance or the champion's age speak for it."""

    @dg.sensor(
        name="retraining_sensor",
        job=training,
        minimum_interval_seconds=3600,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="A training when the scores drift for days, realized performance lies under its bound, or the "
        "champion is old: the settings `retraining`.",
    )
    def sensor() -> dg.RunRequest | dg.SkipReason:
        facts = retraining_facts(chain)
        reason = retraining_reason(facts, chain.retraining) if facts else None
        if facts is None or reason is None:
            return dg.SkipReason("nothing speaks for a training")
        logger.info("a training as of %s is asked for: %s", facts.day, reason)
        day = facts.day.isoformat()
        return dg.RunRequest(run_key=f"retraining-{day}", partition_key=day, tags={"churn_assets/reason": reason})

    return sensor
