"""The asset `score_sink`: a day's published scores in a database of the company's, where one is configured.

What it does stands in `pipeline.scoring.sink`. It comes after the publish and nothing waits for it: a database that is
down fails this asset, and takes nothing from the night.
"""

import datetime as dt

import dagster as dg

from churn_assets.assets.metadata import summary
from churn_assets.assets.results import dagster_failures, record
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.scoring.sink import sink_scores

__all__ = ["SCORE_SINK", "sink_assets"]

SCORE_SINK = "score_sink"


def sink_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`score_sink`, where a sink is configured."""
    sink = chain.sink
    if sink is None:
        return []

    @dg.asset(
        name=SCORE_SINK,
        partitions_def=partitions,
        deps=["churn_scores"],
        group_name="scoring",
        kinds={"sql"},
        owners=["team:data-science"],
        description="The published scores of the day in the configured database: the day's rows are replaced in one "
        "transaction. Materialized again, it brings what the tables hold now.",
        required_resource_keys={"results"},
    )
    def score_sink(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        day = dt.date.fromisoformat(context.partition_key)
        with dagster_failures():
            sunk = sink_scores(sink, chain.scores, day)
        record(context, sunk)
        told = summary(f"{sunk.rows:,} scores of version {sunk.version} are in {sunk.where}")
        return dg.MaterializeResult(
            metadata=told | {"dagster/partition_row_count": sunk.rows, "version": sunk.version, "sink": sunk.where},
            data_version=dg.DataVersion(sunk.version),
        )

    return [score_sink]
