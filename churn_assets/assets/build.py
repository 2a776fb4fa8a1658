"""The definitions of a chain, put together in one place: by the code location, by the command line, by tests."""

import datetime as dt
from typing import TYPE_CHECKING

import dagster as dg

from churn_assets.assets.automation.alerts import alert_assets, alert_sensors
from churn_assets.assets.automation.retraining import retraining_sensor
from churn_assets.assets.automation.source import source_sensor
from churn_assets.assets.customers import customer_assets
from churn_assets.assets.features import feature_assets
from churn_assets.assets.jobs import nightly_job, nightly_schedule, training_job, training_schedule
from churn_assets.assets.maintenance.job import maintenance_job, maintenance_schedule
from churn_assets.assets.monitoring.drift import drift_assets
from churn_assets.assets.monitoring.freshness import freshness_check, freshness_job, freshness_schedule
from churn_assets.assets.monitoring.lineage import lineage_sensors
from churn_assets.assets.monitoring.night_metrics import metrics_assets
from churn_assets.assets.monitoring.watching import watching_assets
from churn_assets.assets.partitions import snapshot_dates
from churn_assets.assets.results import RunResults, results_of_run
from churn_assets.assets.score_sink import SCORE_SINK, sink_assets
from churn_assets.assets.scoring import challenger_assets, reasons_spec, scoring_assets
from churn_assets.assets.training import promotion_assets, training_assets
from churn_assets.core.options import Schedule
from churn_assets.pipeline.chain import Chain

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

__all__ = ["build"]


def build(chain: Chain, schedule: Schedule, results: RunResults, first: dt.date | None = None) -> dg.Definitions:
    """Assets, jobs, schedules and sensors of a chain.

    Args:
        chain: the chain.
        schedule: when the jobs run, in the chain's time zone.
        results: takes what the stages of this process's runs give.
        first: the first partition; `start_date` where none is named.
    """
    partitions = snapshot_dates(first or chain.start_date, chain.timezone)
    sink = sink_assets(chain, partitions)
    nightly = nightly_job([SCORE_SINK] if sink else [])
    training = training_job()
    fresh = freshness_job()
    maintenance = maintenance_job(chain)
    watching = [*drift_assets(chain, partitions), *watching_assets(chain, partitions)]
    watched = [*scoring_assets(chain, partitions), *challenger_assets(chain, partitions), *watching]
    return dg.Definitions(
        assets=[
            *customer_assets(chain, partitions),
            *feature_assets(chain, partitions),
            *training_assets(chain, partitions),
            *promotion_assets(chain),
            reasons_spec(partitions),
            *watched,
            *sink,
            *metrics_assets(chain, partitions, after=[key for each in watching for key in each.keys]),
            *alert_assets(chain, partitions, after=[key for each in watched for key in each.keys]),
        ],
        asset_checks=[freshness_check(chain)],
        jobs=[nightly, training, fresh, maintenance],
        schedules=[
            nightly_schedule(nightly, schedule.nightly, chain.timezone),
            training_schedule(training, schedule.training, chain.timezone),
            maintenance_schedule(maintenance, schedule.maintenance, chain.timezone),
            freshness_schedule(fresh, chain),
        ],
        sensors=_sensors(chain, nightly, training),
        resources={"results": results_of_run(results, chain.layout.run_locks)},
        executor=dg.in_process_executor,
    )


def _sensors(
    chain: Chain, nightly: "UnresolvedAssetJobDefinition", training: "UnresolvedAssetJobDefinition"
) -> list[dg.SensorDefinition]:
    return [
        *lineage_sensors(chain, [nightly, training]),
        *alert_sensors(chain),
        source_sensor(chain, nightly),
        retraining_sensor(chain, training),
    ]
