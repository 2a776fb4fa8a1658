"""The assets of the watching as one step of the night: a step costs as much as what a small night does in it.

Each can be materialized by itself. What they do stands in `pipeline.monitoring`, what they show in the modules beside.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg

from churn_assets.assets.monitoring.outcomes import (
    calibration_check,
    outcome_specs,
    tell_outcomes,
    tell_performance,
)
from churn_assets.assets.monitoring.scores import score_specs, tell_estimate, tell_summary
from churn_assets.pipeline.chain import Chain

__all__ = ["WATCHING", "watching_assets"]

WATCHING = {  # in the order in which they rest on one another
    "estimated_performance": tell_estimate,
    "score_summary": tell_summary,
    "churn_outcomes": tell_outcomes,
    "realized_performance": tell_performance,
}


def watching_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`estimated_performance`, `score_summary`, `churn_outcomes` and `realized_performance`."""

    @dg.multi_asset(
        name="watching",
        specs=[*score_specs(), *outcome_specs(chain)],
        check_specs=[calibration_check(partitions)],
        partitions_def=partitions,
        can_subset=True,
        required_resource_keys={"results"},
    )
    def watching(context: dg.AssetExecutionContext) -> Iterator[Any]:
        night = dt.date.fromisoformat(context.partition_key)
        for name, tell in WATCHING.items():
            if dg.AssetKey(name) in context.selected_asset_keys:
                yield from tell(context, chain, night)

    return [watching]
