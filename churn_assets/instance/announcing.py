"""Events left in Dagster from outside a run, so that its UI shows what was changed there."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.event_api import PartitionKeyFilter

from churn_assets.core.errors import ChurnError
from churn_assets.instance.opening import open_instance
from churn_assets.settings import Settings

__all__ = ["announce"]

EVENTS = 1_000  # of one partition that are looked through
OF_THE_EVENT = ("summary", "changed", "previous_version", "previous_model_version", "differs_from_previous")
MADE_BY = "scored_in"

logger = logging.getLogger(__name__)


def announce(
    settings: Settings,
    asset: str,
    partition: str | None,
    metadata: Mapping[str, Any],
    repeats: str = "",
    checks: Sequence[dg.AssetCheckResult] = (),
) -> str | None:
    """Leave a materialization event in Dagster; why it could not be left, where it could not.

    Where it makes a version current that was so before, it `repeats` what was shown of that one, links its run, and
    tells the results of its checks again: else the day would have no figures, plots a gap, and no check would be
    evaluated. The results of `checks` follow, which are none of a run's.
    """
    try:
        with open_instance(settings) as instance:
            found: list[dg.AssetCheckEvaluation] = []
            if repeats and partition is not None:
                shown = _shown_of(instance, asset, partition, repeats)
                found += _checks_of(instance, asset, partition, shown)
                metadata = {"summary": "", **shown, **metadata}
            tags = {"dagster/data_version": metadata["version"]} if "version" in metadata else {}
            event = dg.AssetMaterialization(asset, partition=partition, metadata=metadata, tags=tags)
            instance.report_runless_asset_event(event)
            if found or checks:
                _tell_checks(instance, dg.AssetKey(asset), found, checks)
    except Exception as error:  # whatever keeps Dagster from answering, the change itself stands
        logger.debug("Dagster's storage could not be reached:", exc_info=True)
        if isinstance(error, ChurnError):
            return str(error)
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    return None


def _shown_of(instance: dg.DagsterInstance, asset: str, partition: str, version: str) -> Mapping[str, Any]:
    """The metadata of the newest event that made `version` current, with its run; empty where there is none."""
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[partition])
    for record in instance.fetch_materializations(wanted, limit=EVENTS).records:
        event = record.asset_materialization
        if event is None or "version" not in event.metadata or event.metadata["version"].value != version:
            continue
        shown = {name: value for name, value in event.metadata.items() if name not in OF_THE_EVENT}
        made_by = {MADE_BY: dg.MetadataValue.dagster_run(record.run_id)} if record.run_id else {}
        return {**shown, **made_by}
    return {}


def _checks_of(
    instance: dg.DagsterInstance, asset: str, partition: str, shown: Mapping[str, Any]
) -> Iterator[dg.AssetCheckEvaluation]:
    """What the run that is linked in `shown` found of the partition, where Dagster can keep it.

    It keeps one result of each check and partition that is of no run: of a day that is brought back once more, none.
    """
    run = shown.get(MADE_BY)
    if run is None or not instance.has_run(run.value):  # it was pruned
        return
    found = instance.get_records_for_run(run.value, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    for record in found.records:
        event = record.event_log_entry.dagster_event
        evaluation = event.asset_check_evaluation_data if event else None
        if evaluation and (evaluation.asset_key, evaluation.partition) == (dg.AssetKey(asset), partition):
            before = instance.event_log_storage.get_asset_check_execution_history(
                evaluation.asset_check_key, EVENTS, partition_filter=PartitionKeyFilter(key=partition)
            )
            if all(each.run_id for each in before):
                yield evaluation


def _tell_checks(
    instance: dg.DagsterInstance,
    asset: dg.AssetKey,
    found: Sequence[dg.AssetCheckEvaluation],
    checks: Sequence[dg.AssetCheckResult],
) -> None:
    """Leave results as of the newest materialization: those of another one do not count as evaluated."""
    [newest] = instance.fetch_materializations(asset, limit=1).records
    target = AssetCheckEvaluationTargetMaterializationData(
        storage_id=newest.storage_id, run_id=newest.run_id, timestamp=newest.timestamp
    )
    told: list[tuple[dg.AssetCheckEvaluation | dg.AssetCheckResult, str | None]] = [
        *((each, each.partition) for each in found),
        *((each, None) for each in checks),
    ]
    for each, partition in told:
        evaluation = dg.AssetCheckEvaluation(
            asset_key=asset,
            check_name=str(each.check_name),
            passed=each.passed,
            metadata=each.metadata,
            target_materialization_data=target,
            severity=each.severity,
            description=each.description,
            partition=partition,
        )
        instance.report_runless_asset_event(evaluation)
