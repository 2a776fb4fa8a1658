"""Dagster's instance, opened from outside a run: to leave an event, or to run the chain in this process."""

import logging
from collections.abc import Mapping
from typing import Any

import dagster as dg

from churn_assets.core.errors import ChurnError, InputError
from churn_assets.settings import Settings, checkout, dagster_home
from churn_assets.storage.layout import Layout

__all__ = ["announce", "open_instance"]


EVENTS = 1_000  # of one partition that are looked through
OF_THE_EVENT = ("summary", "changed", "previous_version", "previous_model_version", "differs_from_previous")

logger = logging.getLogger(__name__)


def announce(
    settings: Settings, asset: str, partition: str | None, metadata: Mapping[str, Any], repeats: str = ""
) -> str | None:
    """Leave a materialization event in Dagster; why it could not be left, where it could not.

    Where it makes a version current that was so before, it `repeats` what was shown of that one, and links its run:
    else the day would have no figures, and plots a gap.
    """
    try:
        with open_instance(settings) as instance:
            if repeats and partition is not None:
                metadata = {"summary": "", **_shown_of(instance, asset, partition, repeats), **metadata}
            tags = {"dagster/data_version": metadata["version"]} if "version" in metadata else {}
            event = dg.AssetMaterialization(asset, partition=partition, metadata=metadata, tags=tags)
            instance.report_runless_asset_event(event)
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
        made_by = {"scored_in": dg.MetadataValue.dagster_run(record.run_id)} if record.run_id else {}
        return {**shown, **made_by}
    return {}


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance `DAGSTER_HOME` names, else that of this checkout, else one below `data_dir`.

    Raises:
        InputError: it cannot be opened.
    """
    home = dagster_home()
    if home is None and (checkout() / "dagster.yaml").is_file():
        home = checkout()
    if home is None:
        home = Layout.of(settings.data_dir).dagster
        home.mkdir(parents=True, exist_ok=True)
    try:
        return dg.DagsterInstance.from_config(str(home))
    except ChurnError:
        raise
    except Exception as error:  # a path that is not there, a broken dagster.yaml, a storage that does not answer
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"Dagster's storage cannot be opened ({reason}); see dagster.yaml and data_dir") from error
