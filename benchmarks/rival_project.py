"""What the rival projects share: partitions, folders, the source, the model, and a run as Dagster's command makes it.

A rival is a plain Dagster project: an asset a step, an IO manager that keeps each partition of an asset as one
Parquet file, a job over all of them. It runs in one process, which is what costs it least.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import joblib

__all__ = ["DAYS", "HIGH_ABOVE", "MEDIUM_ABOVE", "REVIEW_BAND", "Business", "ParquetFolder", "project", "run_night"]

DATA_DIR = "RIVAL_DATA_DIR"
DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01")
MEDIUM_ABOVE, HIGH_ABOVE = 0.3, 0.6
REVIEW_BAND = (0.55, 0.65)
UNWATCHED = {"telemetry": {"enabled": False}, "nux": {"enabled": False}}
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


class Business(dg.ConfigurableResource):
    """Whose exports are read and whose model scores."""

    data_dir: str

    def export(self, day: str) -> Path:
        """The file that the warehouse exported of a day."""
        return Path(self.data_dir) / "source" / f"snapshot_date={day}" / "customers.parquet"

    def model(self) -> tuple[str, Any]:
        """The name of the newest model, and its pipeline."""
        path = max(Path(self.data_dir).glob("models/*/model.joblib"))
        return path.parent.name, joblib.load(path)


class ParquetFolder(dg.ConfigurableIOManager):
    """One Parquet file for each partition of an asset, in the asset's own folder."""

    data_dir: str
    project: str

    def path(self, context: dg.InputContext | dg.OutputContext) -> Path:
        """The file of a partition."""
        return (
            Path(self.data_dir) / self.project / context.asset_key.path[-1] / f"{context.asset_partition_key}.parquet"
        )

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Write a partition."""
        path = self.path(context)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.write(obj, path)

    def load_input(self, context: dg.InputContext) -> Any:
        """Read a partition."""
        return self.read(self.path(context))

    def write(self, frame: Any, path: Path) -> None:
        """Write `frame` as one file."""
        raise NotImplementedError

    def read(self, path: Path) -> Any:
        """Read what was written."""
        raise NotImplementedError


def project(name: str, assets: list[dg.AssetsDefinition], io_manager: type[ParquetFolder]) -> dg.JobDefinition:
    """The nightly job over `assets`, whose partitions lie below DATA_DIR/<name>."""
    data_dir = dg.EnvVar(DATA_DIR)
    definitions = dg.Definitions(
        assets=assets,
        jobs=[dg.define_asset_job("nightly", partitions_def=DAYS)],
        resources={"io_manager": io_manager(data_dir=data_dir, project=name), "business": Business(data_dir=data_dir)},
        executor=dg.in_process_executor,
    )
    return definitions.resolve_job_def("nightly")


def run_night(nightly: Callable[[], dg.JobDefinition]) -> None:
    """Run the job for the folder and the day of the command line, recorded in a storage of its own."""
    data_dir, day = Path(sys.argv[1]).absolute(), sys.argv[2]
    os.environ[DATA_DIR] = str(data_dir)
    home = data_dir / "rival_dagster"
    home.mkdir(exist_ok=True)
    with dg.DagsterInstance.local_temp(str(home), UNWATCHED) as instance:
        job = dg.reconstructable(nightly)  # run as by `dagster job execute`, which keeps no frame after its step
        dg.execute_job(job, instance, run_config=QUIET, tags={"dagster/partition": day}, raise_on_error=True)
