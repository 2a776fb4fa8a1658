"""The storages that `dagster.yaml` names: all follow from the settings, and none has anything to configure there.

So nothing secret stands in `dagster.yaml`, nor in the arguments of the processes that Dagster starts for runs.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

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

from churn_assets.instance.postgres import open_postgres
from churn_assets.settings import load_settings
from churn_assets.storage.layout import Layout

__all__ = ["ArtifactsInDataDir", "ComputeLogsInDataDir", "SqliteInDataDir", "StorageBySettings"]

ENGINES = 16  # that are kept: the index's, the runs', and those of the newest run files


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
        folder = Layout.of(load_settings().data_dir).dagster / cls.below
        # whoever writes makes it: others may only read there
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
            if shard not in self._initialized_dbs or not Path(self.path_for_shard(shard)).exists():  # it was pruned
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


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process make the databases: what two make at once cannot be opened any more.

    Where the folder cannot be locked, whoever opens them says what is the matter.
    """
    with ExitStack() as held:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY)
            held.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class SqliteInDataDir(_InDataDir, DagsterSqliteStorage):
    """Runs, events and schedules."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        history = Path(base_dir) / "history"
        with _one_at_a_time(Path(base_dir)):
            super().__init__(base_dir, inst_data)
            self._run_storage = _Runs.from_local(str(history))
            self._event_log_storage = _Events(str(history / "runs"), inst_data=None)


class StorageBySettings(SqliteInDataDir):
    """Runs, events and schedules: in PostgreSQL where `dagster_pg_url` names one, else in SQLite below `data_dir`."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Any:
        """The one that this process's settings choose.

        Raises:
            SettingsError: PostgreSQL is named, and the package for it is not installed.
            InputError: it does not answer.
        """
        url = load_settings().dagster_pg_url.get_secret_value()
        if url:
            return open_postgres(url, inst_data)
        return SqliteInDataDir.from_config_value(inst_data, config_value)


class ArtifactsInDataDir(_InDataDir, LocalArtifactStorage):
    """Files of runs."""


class ComputeLogsInDataDir(_InDataDir, LocalComputeLogManager):
    """What runs print."""

    below = "logs"
