"""The services of `compose.yaml` as processes on loopback: their very commands, on ports and paths of a test."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from churn_assets.launch.health import is_healthy
from churn_assets_tests.integration.installation import REPOSITORY, Installation

__all__ = ["COMPOSE", "WORKSPACE", "Services", "of_our_image", "started"]

COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
WORKSPACE = "/app/workspace.code-server.yaml"
BIN = Path(sys.executable).parent
PATIENCE = 240


def of_our_image() -> dict[str, dict[str, Any]]:
    """The services that run from the product's image, each after those that it waits for."""
    ours = {name: each for name, each in COMPOSE["services"].items() if each["image"].startswith("churn-assets:")}
    ordered: dict[str, dict[str, Any]] = {}
    while len(ordered) < len(ours):
        ready = {
            name: each
            for name, each in ours.items()
            if name not in ordered and not (each.get("depends_on", {}).keys() & ours.keys()) - ordered.keys()
        }
        assert ready, "services wait for each other"
        ordered |= ready
    return ordered


@dataclass
class Services:
    """Processes of an installation, by the names of their services."""

    installation: Installation
    ports: Mapping[str, int]
    commands: dict[str, list[str]] = field(default_factory=dict)
    processes: dict[str, "subprocess.Popen[str]"] = field(default_factory=dict)

    def url(self, service: str) -> str:
        """Where a service answers by HTTP."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def log(self, service: str) -> str:
        """What a service has printed."""
        return (self.installation.root / f"{service}.log").read_text()

    def await_healthy(self, service: str) -> None:
        """Ask as the image's HEALTHCHECK does until the service is well."""
        end = time.monotonic() + PATIENCE
        with self.installation.entered():
            while not is_healthy(self.commands[service]):
                assert self.processes[service].poll() is None, self.log(service)
                assert time.monotonic() < end, self.log(service)
                time.sleep(0.5)

    def stop(self) -> dict[str, int]:
        """Ask all to end, the last started first, as `docker compose down` does; the exit codes."""
        codes = {}
        for name, process in reversed(self.processes.items()):
            process.send_signal(signal.SIGTERM)
            codes[name] = process.wait(60)
        return codes

    def left(self) -> list[str]:
        """The command lines of processes that still work in the installation's folder."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and (folder / "cwd").readlink() == self.installation.root:
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
        return found


@contextlib.contextmanager
def started(installation: Installation, database: str) -> Iterator[Services]:
    """Start the services of our image in order, each once those that it waits for are healthy; none outlives this.

    Args:
        installation: whose folder is what `/app` and `/data` are in a container.
        database: the address of the database that `postgres` would hold.
    """
    ours = of_our_image()
    services = Services(installation, {name: _free_port() for name in ours})
    _write_home(installation.root, services.ports["code-server"])
    with contextlib.ExitStack() as stack:
        for name, service in ours.items():
            command = [_local(word, installation.root, services.ports[name]) for word in service["command"]]
            given = {key: _given(str(value), database) for key, value in service.get("environment", {}).items()}
            services.commands[name] = command
            for needed in service.get("depends_on", {}).keys() & ours.keys():
                services.await_healthy(needed)
            user = installation.having(**given)
            output = installation.root / f"{name}.log"
            services.processes[name] = stack.enter_context(user.started(BIN / command[0], *command[1:], output=output))
        for name in ours:
            services.await_healthy(name)
        yield services


def _write_home(home: Path, code_server: int) -> None:
    """What the image holds in `/app`, with the code server where the test has it."""
    shutil.copy(REPOSITORY / "dagster.yaml", home)
    text = (REPOSITORY / Path(WORKSPACE).name).read_text()
    assert "host: code-server, port: 4000" in text
    local = text.replace("host: code-server, port: 4000", f"host: 127.0.0.1, port: {code_server}")
    (home / Path(WORKSPACE).name).write_text(local)


def _local(word: str, home: Path, port: int) -> str:
    """A word of a command, as it is on loopback."""
    if re.fullmatch(r"\d{4}", word):
        return str(port)
    return {"0.0.0.0": "127.0.0.1", WORKSPACE: str(home / Path(WORKSPACE).name)}.get(word, word)  # noqa: S104  # compared


def _given(value: str, database: str) -> str:
    """An environment variable's value, with the secrets that a person would set."""
    if value.startswith("postgresql://"):
        written = re.sub(r"\$\{POSTGRES_PASSWORD:\?[^}]*\}", "PASSWORD", value)
        assert (urlsplit(written).scheme, urlsplit(written).password) == ("postgresql", "PASSWORD")
        return database
    variable = re.fullmatch(r"\$\{(\w+)[^}]*\}", value)
    return os.environ.get(variable[1], "") if variable else value


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
