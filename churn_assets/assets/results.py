"""Between the stages' own functions and Dagster: results in, sentences out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from churn_assets.core.errors import ChurnError
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.storage.tables.versions import Published

__all__ = ["ACTOR_TAG", "REASON_TAG", "StageResult", "as_dagster_failure", "materialized", "run_context"]

ACTOR_TAG = "churn_assets/actor"
REASON_TAG = "churn_assets/reason"


@dataclass(frozen=True)
class StageResult:
    """A partition version that a stage made current, and what is to be seen of it."""

    asset: str
    published: Published
    rows: int
    metadata: dict[str, Any] = field(default_factory=dict)

    def event(self, partition: str) -> dg.AssetMaterialization:
        """The event of a partition that was made on the way, outside its own asset."""
        return dg.AssetMaterialization(
            self.asset,
            partition=partition,
            metadata=self.metadata,
            tags={"dagster/data_version": self.published.version},
        )


def run_context(context: dg.AssetExecutionContext, chain: Chain) -> RunContext:
    """Who runs this, by the run's tags: a person's name, the schedule's, or `dagster`; and with which code."""
    tags = context.run.tags
    actor = tags.get(ACTOR_TAG) or tags.get("user") or tags.get("dagster/schedule_name") or "dagster"
    return RunContext(actor, context.run.run_id, tags.get(REASON_TAG, ""), chain.code_revision)


def as_dagster_failure(do: Callable[[], Any]) -> Any:
    """What `do` gives; its failure becomes Dagster's, with the sentence as its description."""
    try:
        return do()
    except ChurnError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def materialized(make: Callable[[], StageResult]) -> dg.MaterializeResult:
    """The materialization of what `make` makes."""
    made: StageResult = as_dagster_failure(make)
    return dg.MaterializeResult(
        asset_key=made.asset, metadata=made.metadata, data_version=dg.DataVersion(made.published.version)
    )
