"""What every benchmark does: run a command as a whole process, and say on which machine."""

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["ARROWS_OWN", "CHURN_ASSETS", "Run", "machine", "run", "self_told"]

CHURN_ASSETS = str(Path(sys.executable).parent / "churn-assets")
ARROWS_OWN = {"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}  # what a rival gets, who has not loaded this package
LIBRARIES = ("numpy", "pandas", "polars", "pyarrow", "scikit-learn", "numba", "dagster")


@dataclass(frozen=True)
class Run:
    """A process that ended well: seconds, processor seconds and peak MiB of all of it, and what it printed."""

    seconds: float
    cpu: float
    peak: float
    printed: str

    @property
    def told(self) -> dict[str, Any]:
        """What a measured step said of itself, in the last line."""
        told: dict[str, Any] = json.loads(self.printed.splitlines()[-1])
        return told


def run(command: list[str], **environment: str) -> Run:
    """Run `command` to its end, with more `environment`."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    printed = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"{command} failed")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed)


def self_told(started: float, rows: int) -> str:
    """What a measured step prints of itself: its seconds since `started`, without the start of Python, and its rows."""
    return json.dumps({"seconds": time.perf_counter() - started, "rows": rows})


def machine() -> str:
    """Processor, cores, Python and the libraries that matter."""
    names = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    processor = names[0] if names else platform.machine()
    return f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}, {libraries}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []
