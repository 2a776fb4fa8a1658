"""Runs of the chain's jobs as OpenLineage sees them, and the sensors that tell of those that Dagster launched.

A run of the command line is told by the process that executes it, also where no daemon runs: it carries its own run
id in a tag, by which the sensors pass over it. (A run that Dagster repeats carries that of the first.)
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg

from churn_assets.core.monitoring.openlineage import EventType, LineageRun, WrittenTable
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.monitoring.lineage import tell_lineage

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

__all__ = ["TOLD_TAG", "lineage_sensors", "tell_of_end", "tell_of_start"]

Assets = Collection[dg.AssetKey]
TOLD_TAG = "churn_assets/openlineage"
PARTITION_TAG = "dagster/partition"
PLANNED, MADE = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, dg.DagsterEventType.ASSET_MATERIALIZATION
KINDS: dict[dg.DagsterRunStatus, EventType] = {
    dg.DagsterRunStatus.STARTED: "START",
    dg.DagsterRunStatus.SUCCESS: "COMPLETE",
    dg.DagsterRunStatus.FAILURE: "FAIL",
    dg.DagsterRunStatus.CANCELED: "ABORT",
}
PLACES = {"churn_model": "models", "champion": "tables/promotions"}


def lineage_sensors(chain: Chain, jobs: "Sequence[UnresolvedAssetJobDefinition]") -> list[dg.SensorDefinition]:
    """One for each event of a run; none where no server is configured."""
    return [_sensor(chain, jobs, status, kind) for status, kind in KINDS.items()] if chain.openlineage.url else []


def _sensor(
    chain: Chain, jobs: "Sequence[UnresolvedAssetJobDefinition]", status: dg.DagsterRunStatus, kind: EventType
) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=f"openlineage_{kind.lower()}",
        monitored_jobs=jobs,
        default_status=dg.DefaultSensorStatus.RUNNING,  # who sets openlineage.url wants them, and they start nothing
        description=f"Posts the {kind} event of a run to openlineage.url.",
    )
    def sensor(context: dg.RunStatusSensorContext) -> None:
        run = context.dagster_run
        if run.tags.get(TOLD_TAG) == run.run_id or context.repository_def is None:
            return
        if kind == "START":
            logs = context.instance.all_logs(run.run_id, of_type=PLANNED)
            planned = [key for each in logs if each.dagster_event and (key := each.dagster_event.asset_key)]
            partition = run.tags.get(PARTITION_TAG)
            tell_of_start(chain, context.repository_def, run.run_id, run.job_name, partition, planned)
        else:
            tell_of_end(chain, context.instance, context.repository_def, run, kind)

    return sensor


def tell_of_start(
    chain: Chain, code: dg.RepositoryDefinition, run_id: str, job: str, partition: str | None, planned: Assets
) -> None:
    """Post that a run begins, which is to make `planned`."""
    outputs = {key: WrittenTable(_place(chain, key)) for key in planned}
    run = _lineage_run(chain, code, run_id, job, partition, outputs)
    tell_lineage(chain.openlineage.url, "START", run, dt.datetime.now(dt.UTC))


def tell_of_end(
    chain: Chain, instance: dg.DagsterInstance, code: dg.RepositoryDefinition, run: dg.DagsterRun, kind: EventType
) -> None:
    """Post that a run has ended, with what it made."""
    events = [each.dagster_event for each in instance.all_logs(run.run_id, of_type=MADE) if each.dagster_event]
    outputs = {event.asset_key: _written(chain, event.asset_key, event) for event in events if event.asset_key}
    told = _lineage_run(chain, code, run.run_id, run.job_name, run.tags.get(PARTITION_TAG), outputs)
    error = _failure(instance, run.run_id) if kind == "FAIL" else ""
    tell_lineage(chain.openlineage.url, kind, replace(told, error=error), dt.datetime.now(dt.UTC))


def _lineage_run(
    chain: Chain,
    code: dg.RepositoryDefinition,
    run_id: str,
    job: str,
    partition: str | None,
    outputs: Mapping[dg.AssetKey, WrittenTable],
) -> LineageRun:
    return LineageRun(
        run_id=run_id,
        job=job,
        namespace=chain.profile.name,
        day=dt.date.fromisoformat(partition) if partition else None,
        inputs=_inputs(chain, code, outputs),
        outputs=[outputs[key] for key in sorted(outputs)],
    )


def _inputs(chain: Chain, code: dg.RepositoryDefinition, outputs: Assets) -> list[str]:
    """What a run reads that it does not write: other tables, and the source where it lands customers."""
    parents = {parent for key in outputs for parent in code.asset_graph.get(key).parent_keys}
    read = [_place(chain, key) for key in sorted(parents - set(outputs))]
    return [chain.source.template, *read] if dg.AssetKey("raw_customers") in outputs else read


def _written(chain: Chain, key: dg.AssetKey, event: dg.DagsterEvent) -> WrittenTable:
    made = event.step_materialization_data.materialization
    rows = made.metadata.get("dagster/partition_row_count")
    version = (made.tags or {}).get("dagster/data_version", "")
    return WrittenTable(_place(chain, key), version, rows.value if isinstance(rows, dg.IntMetadataValue) else None)


def _place(chain: Chain, key: dg.AssetKey) -> str:
    name = key.to_user_string()
    if name == "night_metrics":  # on this machine, wherever the tables lie
        return str(chain.layout.metrics)
    return str(chain.layout.folder.below(PLACES.get(name, f"tables/{name}")))


def _failure(instance: dg.DagsterInstance, run_id: str) -> str:
    """The sentence of the step that failed; of what was not foreseen no more than its kind, as it may quote a value."""
    for each in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        data = each.dagster_event.step_failure_data if each.dagster_event else None
        if data and data.user_failure_data and data.user_failure_data.description:
            return str(data.user_failure_data.description)
        if data and data.error:
            return f"{each.step_key}: {data.error.cls_name or 'failed'}"
    return "the run failed outside its steps"
