"""One installation of the product in a folder, used from outside: its command line, its files, its Dagster storage."""

import contextlib
import datetime as dt
import hashlib
import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from dagster._core.definitions.sensor_definition import SensorExecutionData
from deltalake import DeltaTable

from churn_assets import cli
from churn_assets.definitions import build_definitions
from churn_assets.settings import load_settings

__all__ = [
    "CHAIN",
    "FIRST_NIGHT",
    "LAST_DAY",
    "NIGHTS",
    "REPOSITORY",
    "RETRAINED_AS_OF",
    "BuildOnce",
    "Installation",
    "Outcome",
    "clean",
]

REPOSITORY = Path(__file__).parents[2]
CHAIN = ("raw_customers", "customers", "quarantined_customers", "customer_features", "churn_scores")
LAST_DAY = dt.date(2025, 6, 30)
FIRST_NIGHT = dt.date(2025, 6, 20)
NIGHTS = [FIRST_NIGHT + dt.timedelta(days=more) for more in range(3)]
RETRAINED_AS_OF = FIRST_NIGHT + dt.timedelta(days=7)
SHELL_SECONDS = 180


@dataclass(frozen=True)
class Outcome:
    """What a command gave its user."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.stdout)

    @property
    def errors(self) -> list[str]:
        """The sentences that say why it failed."""
        return [line.removeprefix("error: ") for line in self.stderr.splitlines() if line.startswith("error: ")]

    def error(self, exit_code: int) -> str:
        """The one sentence of a command that failed as it should: with this exit code, and without a traceback."""
        told = f"exit code {self.exit_code}\n{self.stdout}\n{self.stderr}"
        assert self.exit_code == exit_code, told
        assert "Traceback" not in self.stdout + self.stderr, told
        assert len(self.errors) == 1, told
        assert self.stderr.splitlines()[-1].startswith("error: "), told
        return self.errors[0]


@contextlib.contextmanager
def _log_left_as_it_was() -> Iterator[None]:
    """`--debug` holds for the rest of a process: here, of a command."""
    log = logging.getLogger("churn_assets")
    level, handlers = log.level, list(log.handlers)
    try:
        yield
    finally:
        log.setLevel(level)
        log.handlers[:] = handlers


@dataclass(frozen=True)
class Installation:
    """A folder with `config.yaml` and `data/`, and the environment variables of who uses it."""

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """Its `data_dir`."""
        return self.root / "data"

    def configure(self, text: str) -> None:
        """Write its `config.yaml`."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "config.yaml").write_text(text)

    def having(self, **environment: str) -> "Installation":
        """The same one, used with more environment variables."""
        return Installation(self.root, {**self.environment, **environment})

    def copy_to(self, folder: Path) -> "Installation":
        """A copy that a test may change."""
        shutil.copytree(self.root, folder)
        return Installation(folder, self.environment)

    # --- its users

    def run(self, *words: str) -> Outcome:
        """`churn-assets ...` in this process: an interpreter with Dagster takes seconds to start."""
        out, err = io.StringIO(), io.StringIO()
        code = 0
        with (
            self.entered(),
            _log_left_as_it_was(),
            mock.patch.object(sys, "argv", ["churn-assets", *words]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                cli.main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
            except BaseException:  # noqa: BLE001  # what a user would see of it
                traceback.print_exc()
                code = 1
        return Outcome(code, out.getvalue(), err.getvalue())

    def shell(self, *words: str) -> Outcome:
        """`churn-assets ...` as its user types it."""
        program = Path(sys.executable).with_name("churn-assets")
        done = subprocess.run(
            [str(program), *words],
            cwd=self.root,
            env=self.variables(),
            capture_output=True,
            text=True,
            timeout=SHELL_SECONDS,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def started(self, *command: str | Path, output: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """A process of its user, killed at the end at the latest; its output in a pipe or file."""
        with (
            contextlib.ExitStack() as files,
            subprocess.Popen(  # in a group of its own: the daemon has code servers, and they have runs
                [str(word) for word in command],
                cwd=self.root,
                env=self.variables(),
                stdout=files.enter_context(output.open("w")) if output else subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            ) as process,
        ):
            try:
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def variables(self) -> dict[str, str]:
        """The environment of its processes: nothing of this one's settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CHURN_", "DAGSTER_"))}
        return {**kept, "CHURN_DATA_DIR": str(self.data), **self.environment}

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """This process in the installation's folder and environment."""
        with contextlib.chdir(self.root), mock.patch.dict(os.environ, self.variables(), clear=True):
            yield

    @contextlib.contextmanager
    def dagster(self) -> Iterator[dg.DagsterInstance]:
        """Its Dagster instance, as `dagster dev` in the checkout opens it."""
        with self.entered(), dg.DagsterInstance.from_config(str(REPOSITORY)) as instance:
            yield instance

    def materialize(self, day: dt.date, *assets: str, job: str = "nightly", **ops: Any) -> dg.ExecuteInProcessResult:
        """A partition of `job` run as from the launchpad: `ops` is the run configuration of assets, by name."""
        with self.dagster() as instance:
            definitions = build_definitions(load_settings())
            return definitions.resolve_job_def(job).execute_in_process(
                instance=instance,
                partition_key=day.isoformat(),
                asset_selection=[dg.AssetKey(name) for name in assets] if assets else None,
                run_config={
                    "ops": {name: {"config": config} for name, config in ops.items()},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
                raise_on_error=False,
            )

    def tick(self, sensor: str, cursor: str | None = None) -> SensorExecutionData:
        """What a sensor asks for at a tick of the daemon."""
        with self.dagster() as instance:
            code = build_definitions(load_settings()).get_repository_def()
            context = dg.build_sensor_context(instance=instance, repository_def=code, cursor=cursor)
            return code.get_sensor_def(sensor).evaluate_tick(context)

    # --- its files

    def source(self, day: dt.date) -> Path:
        """The source file of a day."""
        return self.data / "source" / f"snapshot_date={day}" / "customers.parquet"

    def table(self, name: str) -> DeltaTable:
        """A table, as any reader opens it."""
        return DeltaTable(self.data / "tables" / name)

    def rows(self, name: str, day: dt.date) -> pa.Table:
        """The rows of a day, read through Delta as the documentation tells readers to."""
        files = [uri.removeprefix("file://") for uri in self.current(name, day)]
        return pa.concat_tables(pq.ParquetFile(path).read() for path in files)

    def current(self, name: str, day: dt.date) -> list[str]:
        """The files of a day's current version."""
        if not (self.data / "tables" / name / "_delta_log").is_dir():
            return []
        return sorted(self.table(name).file_uris(file_pruning_predicate=[("snapshot_date", "=", day.isoformat())]))

    def published(self, *names: str) -> dict[str, list[str]]:
        """The files of every current version of every day, and how many commits led to them, by table."""
        found = names or tuple(path.name for path in sorted((self.data / "tables").iterdir()))
        return {
            name: [f"commit {self.table(name).version()}", *sorted(self.table(name).file_uris())]
            for name in found
            if (self.data / "tables" / name / "_delta_log").is_dir()
        }

    def digests(self, under: str = "tables") -> dict[str, str]:
        """The SHA-256 of every data file, by its path."""
        return {
            str(path.relative_to(self.data)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.data / under).rglob("*.parquet"))
            if "_delta_log" not in path.parts
        }

    def score_bytes(self, day: dt.date) -> list[bytes]:
        """The current score files of a day."""
        return [Path(uri.removeprefix("file://")).read_bytes() for uri in self.current("churn_scores", day)]


BuildOnce = Callable[[str, Callable[[Installation], None]], Installation]


def clean(customers: pd.DataFrame) -> pd.DataFrame:
    """The sample's rows without those that it breaks on purpose."""
    sound = (
        (customers["spend"] >= 0)
        & (customers["plan"] != "unknown")
        & customers["days_since_login"].notna()
        & (customers["signup_date"] <= pd.Timestamp(LAST_DAY))
        & ~customers["customer_id"].duplicated(keep=False)
    )
    kept = customers[sound].reset_index(drop=True)
    return kept.assign(plan=kept["plan"].cat.remove_unused_categories())
