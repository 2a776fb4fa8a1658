"""Dagster's own state below `data_dir`, whatever the settings say that is; `dagster.yaml` names these classes."""

from typing import Any, ClassVar

from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

from churn_assets.settings import load_settings
from churn_assets.storage.layout import Layout

__all__ = ["ArtifactsInDataDir", "ComputeLogsInDataDir", "SqliteInDataDir"]


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


class SqliteInDataDir(_InDataDir, DagsterSqliteStorage):
    """Runs, events and schedules."""


class ArtifactsInDataDir(_InDataDir, LocalArtifactStorage):
    """Files of runs."""


class ComputeLogsInDataDir(_InDataDir, LocalComputeLogManager):
    """What runs print."""

    below = "logs"
