"""The code location: everything Dagster loads, composed from the settings."""

import dagster as dg

from churn_assets.assets.jobs import nightly_job, nightly_schedule, training_job, training_schedule
from churn_assets.assets.partitions import snapshot_dates
from churn_assets.assets.training import training_assets
from churn_assets.composition import build_chain
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.customers.validate import customer_assets
from churn_assets.pipeline.features import feature_assets
from churn_assets.pipeline.score_quality import quality_assets
from churn_assets.pipeline.scoring.challenger import challenger_assets
from churn_assets.pipeline.scoring.score import scoring_assets
from churn_assets.pipeline.training.promote import promotion_assets
from churn_assets.settings import Settings, load_settings

__all__ = ["build_definitions", "compose", "defs"]


def build_definitions(settings: Settings) -> dg.Definitions:
    """Assets, jobs and schedules for `settings`."""
    return compose(build_chain(settings), settings)


def compose(chain: Chain, settings: Settings) -> dg.Definitions:
    """The definitions of a chain that is built already."""
    partitions = snapshot_dates(chain.start_date, chain.timezone)
    nightly = nightly_job()
    training = training_job()
    return dg.Definitions(
        assets=[
            *customer_assets(chain, partitions),
            *feature_assets(chain, partitions),
            *training_assets(chain, partitions),
            *promotion_assets(chain),
            *scoring_assets(chain, partitions),
            *challenger_assets(chain, partitions),
            *quality_assets(chain, partitions),
        ],
        jobs=[nightly, training],
        schedules=[
            nightly_schedule(nightly, settings.schedule.nightly, settings.timezone),
            training_schedule(training, settings.schedule.training, settings.timezone),
        ],
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `workspace.yaml` points Dagster at."""
    return build_definitions(load_settings())
