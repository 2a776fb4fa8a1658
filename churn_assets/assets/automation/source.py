"""The sensor for source files that came late or were delivered again.

It is off until somebody turns it on, as the schedules are: it publishes days anew.
"""

import datetime as dt
import json
from typing import TYPE_CHECKING

import dagster as dg

from churn_assets.assets.automation.failures import failed_runs
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.customers.redelivery import Delivery, find_deliveries

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

__all__ = ["source_sensor"]


def source_sensor(chain: Chain, nightly: "UnresolvedAssetJobDefinition") -> dg.SensorDefinition:
    """Run a day again whose files are others than those it was made of; a past day by the model that scored it."""

    @dg.sensor(
        name="source_sensor",
        job=nightly,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Source files that came after their night failed, or were delivered again: the digest decides. "
        "Days that nobody tried to score are left alone.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = dt.datetime.now(dt.UTC)
        attempted = [run.day for run in failed_runs(context.instance, now) if run.job == "nightly"]
        found = find_deliveries(chain, attempted, json.loads(context.cursor or "{}"), now)
        return dg.SensorResult(
            run_requests=[_request(each) for each in found.new],
            skip_reason=None if found.new else f"no file has changed of the {len(found.seen)} days looked at",
            cursor=json.dumps(found.seen),
        )

    return sensor


def _request(delivery: Delivery) -> dg.RunRequest:
    config = {"ops": {"churn_scores": {"config": {"model_version": delivery.model_version}}}}
    return dg.RunRequest(
        run_key=f"{delivery.day}-{delivery.batch_id}",  # Dagster starts no second run for a key, ever
        partition_key=delivery.day.isoformat(),
        run_config=config if delivery.model_version else {},
    )
