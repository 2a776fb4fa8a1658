"""Dagster's own state below `data_dir`, whatever the settings say that is; `dagster.yaml` names these classes."""

from typing import Any, Self

from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

from churn_assets.settings import load_settings
from churn_assets.storage.layout import Layout

__all__ = ["ArtifactsInDataDir", "ComputeLogsInDataDir", "SqliteInDataDir"]


class SqliteInDataDir(DagsterSqliteStorage):
    """Runs, events and schedules."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to configure: the place follows from `data_dir`."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """The storage below this process's `data_dir`."""
        del config_value
        return cls.from_local(_folder(), inst_data)


class ArtifactsInDataDir(LocalArtifactStorage):
    """Files of runs."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to configure: the place follows from `data_dir`."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """The storage below this process's `data_dir`."""
        del config_value
        return cls(_folder(), inst_data)


class ComputeLogsInDataDir(LocalComputeLogManager):
    """What runs print."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to configure: the place follows from `data_dir`."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """The storage below this process's `data_dir`."""
        del config_value
        return cls(f"{_folder()}/logs", inst_data=inst_data)


def _folder() -> str:
    return str(Layout(load_settings().data_dir).dagster)
