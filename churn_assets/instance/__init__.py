"""Dagster's own state: where it lies, by the settings of whoever opens it, and opened from outside a run.

`dagster.yaml` names the classes. Nothing of the chain is loaded here: a rollback is announced at once.
"""

from churn_assets.instance.announcing import announce
from churn_assets.instance.opening import open_instance
from churn_assets.instance.storage import ArtifactsInDataDir, ComputeLogsInDataDir, SqliteInDataDir, StorageBySettings

__all__ = [
    "ArtifactsInDataDir",
    "ComputeLogsInDataDir",
    "SqliteInDataDir",
    "StorageBySettings",
    "announce",
    "open_instance",
]
