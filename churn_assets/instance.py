"""Dagster's own state: below `data_dir`, whatever the settings say that is, and opened from outside a run.

`dagster.yaml` names the classes. Nothing of the chain is loaded here: a rollback is announced at once.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool

from churn_assets.settings import Settings, checkout, dagster_home, load_settings
from churn_assets.storage.layout import Layout

__all__ = ["ArtifactsInDataDir", "ComputeLogsInDataDir", "SqliteInDataDir", "announce", "open_instance"]


EVENTS = 1_000  # of one partition that are looked through
ENGINES = 16  # that are kept: the index's, the runs', and those of the newest run files
OF_THE_EVENT = ("summary", "changed", "previous_version", "previous_model_version", "differs_from_previous")

logger = logging.getLogger(__name__)


class _InDataDir:
    """A storage with nothing to configure: its place follows from `data_dir`."""

    below: ClassVar[str] = ""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """The empty schema of its configuration."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Any:
        """The storage below this process's `data_dir`."""
        folder = Layout(load_settings().data_dir).dagster / cls.below
        folder.mkdir(parents=True, exist_ok=True)
        return cls(base_dir=str(folder), inst_data=inst_data, **config_value)  # type: ignore[call-arg]  # a mixin


@lru_cache(maxsize=ENGINES)
def _engine(connection: str) -> Engine:
    """An engine that remembers the statements it has compiled; it keeps no connection open, so that forks may share it.

    Dagster makes one for each connection: a seventh of a small night's processor time.
    """
    waiting = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
    return create_engine(connection, poolclass=NullPool, connect_args=waiting, hide_parameters=True)


class _Events(SqliteEventLogStorage):
    """Dagster's event log, with engines that are kept."""

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = _engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection


class _Runs(SqliteRunStorage):
    """Dagster's runs, with an engine that is kept."""

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with _engine(self._conn_string).begin() as connection:
            yield connection


class SqliteInDataDir(_InDataDir, DagsterSqliteStorage):
    """Runs, events and schedules."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        history = Path(base_dir) / "history"
        self._run_storage = _Runs.from_local(str(history))
        self._event_log_storage = _Events(str(history / "runs"), inst_data=None)


class ArtifactsInDataDir(_InDataDir, LocalArtifactStorage):
    """Files of runs."""


class ComputeLogsInDataDir(_InDataDir, LocalComputeLogManager):
    """What runs print."""

    below = "logs"


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
    """The instance `DAGSTER_HOME` names, else that of this checkout, else one below `data_dir`."""
    home = dagster_home()
    if home is None and (checkout() / "dagster.yaml").is_file():
        home = checkout()
    if home is None:
        home = Layout(settings.data_dir).dagster
        home.mkdir(parents=True, exist_ok=True)
    return dg.DagsterInstance.from_config(str(home))
