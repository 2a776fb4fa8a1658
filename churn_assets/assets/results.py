"""Between the pipeline and Dagster: who runs, what a stage gave, and what a failure says.

Belongs here: what every asset does with a result or a failure. What is shown of a table stands in `metadata`.
"""

import datetime as dt
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg

from churn_assets.core.errors import ChurnError
from churn_assets.core.failures import refusal_of_disk, without_words
from churn_assets.pipeline.chain import Chain, RunContext, StageResult
from churn_assets.storage.run_locks import held_lock

__all__ = [
    "ACTOR_TAG",
    "KIND_TAG",
    "REASON_TAG",
    "RunResults",
    "dagster_failures",
    "materialization",
    "materialized",
    "record",
    "results_of_run",
    "run_context",
    "tag_run",
]

ACTOR_TAG = "churn_assets/actor"
REASON_TAG = "churn_assets/reason"
KIND_TAG = "churn_assets/kind"

Result = TypeVar("Result")


class RunResults:
    """What the stages of a run gave: whoever starts runs in its own process reads them when one has ended."""

    def __init__(self) -> None:
        self._results: list[object] = []

    def add(self, result: object) -> None:
        """Keep what a stage gave."""
        self._results.append(result)

    def clear(self) -> None:
        """Forget the runs before."""
        self._results.clear()

    def all(self, kind: type[Result]) -> list[Result]:
        """Every result of a kind, in the order in which they were given."""
        return [each for each in self._results if isinstance(each, kind)]

    def last(self, kind: type[Result]) -> Result:
        """The newest result of a kind; that a successful run holds it is its assets' promise."""
        return self.all(kind)[-1]


def results_of_run(results: RunResults, locks: Path) -> dg.ResourceDefinition:
    """`results` as the resource of a run, whose lock is held below `locks` from its first step to its last."""

    @dg.resource(description="What the stages of a run gave")
    def resource(context: dg.InitResourceContext) -> Iterator[RunResults]:
        with held_lock(locks, context.run.run_id) if context.run else nullcontext():
            yield results

    return resource


def record(context: dg.AssetExecutionContext, *results: object) -> None:
    """Keep what a stage gave for whoever started the run."""
    for result in results:
        context.resources.results.add(result)


def tag_run(context: dg.AssetExecutionContext, **said: str) -> None:
    """Let the list of runs tell, and be searched by, what a run did: its kind, result and model version."""
    tags = {f"churn_assets/{name}": value for name, value in said.items()}
    context.instance.add_run_tags(context.run.run_id, tags)


def run_context(context: dg.AssetExecutionContext, chain: Chain) -> RunContext:
    """Who runs this, by the run's tags: a person, a schedule or sensor by name, or `dagster`; and with which code."""
    tags = context.run.tags
    names = (tags.get(tag) for tag in (ACTOR_TAG, "user", "dagster/schedule_name", "dagster/sensor_name"))
    actor = next(filter(None, names), "dagster")
    return RunContext(actor, context.run.run_id, tags.get(REASON_TAG, ""), chain.code_revision, _began(context))


def _began(context: dg.AssetExecutionContext) -> dt.datetime:
    """When the run began, by Dagster's record of it."""
    run = context.instance.get_run_record_by_id(context.run.run_id)
    if run is None:
        return dt.datetime.now(dt.UTC)
    return dt.datetime.fromtimestamp(run.start_time, dt.UTC) if run.start_time else run.create_timestamp


@contextmanager
def dagster_failures() -> Iterator[None]:
    """Let a failure of ours be Dagster's, with the sentence as its description, and any other without its words.

    Dagster keeps the words of every cause, and those of other libraries may quote a customer's value.
    """
    try:
        yield
    except ChurnError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    except (OSError, dg.DagsterError):  # they name files, and parts of Dagster
        raise
    except Exception as error:  # noqa: BLE001  # Dagster keeps it, without its words
        if refusal := refusal_of_disk(str(error)):  # Delta's own writer tells it by an error of its own
            raise dg.Failure(
                f"{refusal}, and run the day again ({type(error).__name__})", allow_retries=False
            ) from None
        places = "".join(traceback.format_tb(error.__traceback__))
        raise dg.Failure(
            f"unexpected: {without_words(error)}; this is a fault of the program, or of the profile",
            {"places": dg.MetadataValue.md(f"```\n{places}```")},
            allow_retries=False,
        ) from None


def materialized(result: StageResult, metadata: Mapping[str, Any]) -> dg.MaterializeResult:
    """What an asset gives for the partition that its stage made."""
    return dg.MaterializeResult(
        asset_key=result.table.name, metadata=metadata, data_version=dg.DataVersion(result.published.version)
    )


def materialization(result: StageResult, metadata: Mapping[str, Any]) -> dg.AssetMaterialization:
    """The event of a partition that was made on the way, outside its own asset."""
    return dg.AssetMaterialization(
        result.table.name,
        partition=result.day.isoformat(),
        metadata=metadata,
        tags={"dagster/data_version": result.published.version},
    )
