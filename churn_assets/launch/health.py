"""Whether the process that a container is for does its work: the image's HEALTHCHECK, whichever process it is.

`python -m churn_assets.launch.health` ends with 0 where it does. A command that ends by itself is well while it runs.
"""

import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

__all__ = ["is_healthy"]

FIRST_PROCESS = Path("/proc/1/cmdline")
SECONDS = 50  # on a busy machine a program of Dagster takes half a minute to load
PORTS = {"dagster-webserver": "3000", "serve": "8000", "code-server": "4000"}
PAGES = {"dagster-webserver": "server_info", "serve": "healthz"}
PORT_OPTIONS = ("-p", "--port")


def is_healthy(command: Sequence[str]) -> bool:
    """Ask the process that was started by these words, on this machine, the way that is meant for its kind."""
    names = [Path(word).name for word in command]
    port = next((command[names.index(each) + 1] for each in PORT_OPTIONS if each in names), "")
    for name, page in PAGES.items():
        if name in names:
            return _answers(f"http://127.0.0.1:{port or PORTS[name]}/{page}")
    programs = Path(sys.executable).parent
    if "code-server" in names:
        return _succeeds(programs / "dagster", "api", "grpc-health-check", "-p", port or PORTS["code-server"])
    if "dagster-daemon" in names:
        return _succeeds(programs / "dagster-daemon", "liveness-check")
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS):  # noqa: S310  # http, on this machine
            return True
    except OSError:
        return False


def _succeeds(*command: str | Path) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False).returncode == 0  # noqa: S603  # our own words
    except subprocess.TimeoutExpired:
        return False


if __name__ == "__main__":
    words = FIRST_PROCESS.read_text().rstrip("\0").split("\0")
    sys.exit(0 if is_healthy(words) else 1)
