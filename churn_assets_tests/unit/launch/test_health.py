"""The health check of a container."""

import socket
import subprocess
import sys

import pytest
from fastapi import FastAPI

from churn_assets.launch.health import is_healthy
from churn_assets_tests.serving import served


@pytest.fixture
def nobody() -> str:
    """A port on which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def test_a_service_is_asked_where_it_answers(nobody: str) -> None:
    """By its own page, on the port of its command, behind whatever starts it."""
    app = FastAPI()
    for page in ("/healthz", "/server_info"):
        app.get(page)(lambda: "well")
    with served(app) as url:
        port = url.rpartition(":")[2]

        assert is_healthy(["/sbin/docker-init", "--", "/opt/churn/bin/churn-assets", "serve", "--port", port])
        assert is_healthy(["dagster-webserver", "--read-only", "-h", "0.0.0.0", "-p", port])  # noqa: S104  # compared
    assert not is_healthy(["churn-assets", "serve", "--port", nobody])
    assert not is_healthy(["dagster-webserver", "-p", nobody])


def test_a_command_that_ends_by_itself_is_well() -> None:
    """A night by hand, whose container has no port; asked as the image does, of this machine's first process."""
    asked = subprocess.run([sys.executable, "-m", "churn_assets.launch.health"], check=False)

    assert is_healthy(["churn-assets", "run", "--date", "2026-01-01"])
    assert asked.returncode == 0
