"""The asset `night_metrics`: the last of a night, as it tells how long the others took."""

import datetime as dt
from collections.abc import Sequence

import dagster as dg

from churn_assets.assets.metadata import summary
from churn_assets.core.errors import ChurnError
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.monitoring.night_metrics import write_night_metrics

__all__ = ["metrics_assets"]


def metrics_assets(
    chain: Chain, partitions: dg.PartitionsDefinition[str], after: Sequence[dg.AssetKey]
) -> list[dg.AssetsDefinition]:
    """`night_metrics`, which is written once `after` are made."""

    @dg.asset(
        partitions_def=partitions,
        deps=list(after),
        group_name="monitoring",
        kinds={"prometheus"},
        owners=["team:data-science"],
        description="The night's figures as a text file for Prometheus: rows, seconds, drift, age of the scores.",
    )
    def night_metrics(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        day = dt.date.fromisoformat(context.partition_key)
        trouble, path = "", None
        try:
            path = write_night_metrics(chain, day, _stage_seconds(context))
        except (ChurnError, OSError) as error:  # the scores are published: watching takes nothing from them
            trouble = str(error)
            logger.warning("%s: the night's figures were not written: %s", day, error)
        told = f"not written: {trouble}" if trouble else "written" if path else "a newer day's figures stay"
        return dg.MaterializeResult(metadata=summary(told) | {"path": str(path or ""), "trouble": trouble})

    return [night_metrics]


def _stage_seconds(context: dg.AssetExecutionContext) -> dict[str, float]:
    """How long each step of the run took that has ended."""
    steps = context.instance.get_run_step_stats(context.run.run_id)
    return {step.step_key: step.end_time - step.start_time for step in steps if step.start_time and step.end_time}
