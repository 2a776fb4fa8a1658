"""Commands in forks of a process that has loaded the product already: hundreds can be killed in minutes.

Each is a real process that runs the real command line on real files; it only skips the seconds of loading, in which a
command touches nothing. What is loaded starts no threads, so that a fork has all that it was forked with.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_assets_tests.integration.installation import REPOSITORY, Installation

__all__ = ["Warm", "WarmCommand", "warm_process"]

LOADED = (
    "churn_assets.cli",
    "churn_assets.core.arrow.matching_loop",
    "churn_assets.core.reasons.serialization",
    "churn_assets.core.scoring.feature_loops",
    "churn_assets.core.telling.ranking_loops",
    "churn_assets.core.trees.serialization",
    "churn_assets.launch.doctor",
    "churn_assets.launch.launcher",
    "churn_assets.launch.status",
    "churn_assets.pipeline.training.train",
    "churn_assets.profiles.subscription",
    "duckdb",
    "pyarrow.csv",
    "pyarrow.dataset",
    "sklearn.ensemble",
)
OWN_THREAD = "jemalloc_bg_thd"  # of an allocator that starts them anew in a fork
HUNG = "hung"


@dataclass
class WarmCommand:
    """A command that was started."""

    pid: int
    output: Path
    _server: "Warm"

    def kill(self) -> None:
        """End it at once, as a power cut or the kernel's out-of-memory killer would."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float = 120) -> int:
        """Its exit code, the negative signal where one ended it; it may take no longer than `timeout` seconds."""
        ended = self._server.ask({"wait": self.pid, "timeout": timeout})
        assert ended != HUNG, f"it hung:\n{self.said}"
        return int(ended)

    @property
    def said(self) -> str:
        """What it printed."""
        return self.output.read_text()


class Warm:
    """Starts commands."""

    def __init__(self, process: "subprocess.Popen[str]", outputs: Path) -> None:
        self._process = process
        self._outputs = outputs
        self._count = 0

    def start(self, installation: Installation, *words: str, before: str = "") -> WarmCommand:
        """Start `churn-assets ...` for its user; Python in `before` is run in its process first."""
        self._count += 1
        output = self._outputs / f"{self._count}.out"
        request = {
            "words": words,
            "folder": str(installation.root),
            "environment": installation.variables(),
            "output": str(output),
            "before": before,
        }
        return WarmCommand(int(self.ask(request)), output, self)

    def run(self, installation: Installation, *words: str, before: str = "") -> tuple[int, str]:
        """Exit code and output of a command that ends by itself."""
        command = self.start(installation, *words, before=before)
        return command.wait(), command.said

    def ask(self, request: dict[str, Any]) -> Any:
        """The server's answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def warm_process() -> Iterator[Warm]:
    """A process with everything loaded."""
    command = (sys.executable, "-m", "churn_assets_tests.faults.nights.warm")
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # its threads would start when NumPy is loaded
    with (
        tempfile.TemporaryDirectory() as outputs,
        subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        try:
            yield Warm(process, Path(outputs))
        finally:
            process.kill()


def _serve() -> None:
    for name in LOADED:
        importlib.import_module(name)
    threads = {(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()}
    lacking = threads - {OWN_THREAD, Path("/proc/self/comm").read_text().strip()}
    assert not lacking, f"threads run that a fork would lack: {lacking}"
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _answer(_wait(request["wait"], request["timeout"]))
        elif pid := os.fork():
            _answer(pid)
        else:
            _run(request)


def _answer(answer: object) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201  # the protocol


def _wait(pid: int, timeout: float) -> int | str:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return HUNG


def _run(request: dict[str, Any]) -> None:
    """The command, in this fork; ends the process."""
    os.setsid()
    with Path(request["output"]).open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = ["churn-assets", *request["words"]]
    exec(request["before"], {})  # noqa: S102  # the test's own
    from churn_assets.__main__ import run  # noqa: PLC0415  # nothing of it before the fork

    run()
    sys.exit(0)


if __name__ == "__main__":
    _serve()
