"""The Dagster UI over the installation's data, asked over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from churn_assets_tests.integration.installation import CHAIN, NIGHTS, REPOSITORY, Installation

pytestmark = pytest.mark.integration

START_SECONDS = 150
OVERVIEW = """
{
  workspaceOrError {
    ... on Workspace {
      locationEntries {
        name
        locationOrLoadError {
          ... on RepositoryLocation {
            repositories {
              name
              jobs { name }
              schedules { name cronSchedule executionTimezone }
              assetNodes {
                assetKey { path } groupName isPartitioned description kinds owners { ... on TeamAssetOwner { team } }
              }
            }
          }
          ... on PythonError { message }
        }
      }
    }
    ... on PythonError { message }
  }
}
"""
PARTITIONS = """
query ($asset: AssetKeyInput!) {
  assetNodeOrError(assetKey: $asset) {
    ... on AssetNode {
      partitionStats { numMaterialized }
      assetMaterializations(limit: 20) { partition runId }
    }
  }
}
"""


@pytest.fixture(scope="module")
def url(installed: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A `dagster-webserver` as `make ui` starts one, on a port of its own, over a copy of the installation."""
    copy = installed.copy_to(tmp_path_factory.mktemp("ui") / "installation")
    port = _free_port()
    log = copy.root / "webserver.log"
    program = Path(sys.executable).with_name("dagster-webserver")
    words = ["--host", "127.0.0.1", "--port", str(port), "--workspace", str(REPOSITORY / "workspace.yaml")]
    with log.open("w") as output:
        server = subprocess.Popen(
            [str(program), *words],
            cwd=copy.root,
            env={**copy.variables(), "DAGSTER_HOME": str(REPOSITORY)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # its code servers end with it
        )
        try:
            _wait(server, f"http://127.0.0.1:{port}/server_info", log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(server)


def test_the_server_answers(url: str) -> None:
    """The server tells its versions."""
    with urllib.request.urlopen(f"{url}/server_info", timeout=30) as answer:  # noqa: S310  # http, on this machine
        told = json.load(answer)

    assert answer.status == 200
    assert {"dagster_version", "dagster_webserver_version"} <= told.keys()


def test_the_page_is_served(url: str) -> None:
    """A browser gets the application."""
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  # http, on this machine
        page = answer.read().decode()

    assert answer.headers.get_content_type() == "text/html"
    assert page.endswith("</html>")


def test_the_code_location_loads(url: str) -> None:
    """`workspace.yaml` loads without an error, and lists the assets, jobs and schedules."""
    told = ask(url, OVERVIEW)

    (entry,) = told["workspaceOrError"]["locationEntries"]
    assert "message" not in entry["locationOrLoadError"], entry
    (repository,) = entry["locationOrLoadError"]["repositories"]
    assets = {"/".join(node["assetKey"]["path"]): node for node in repository["assetNodes"]}
    assert {*CHAIN, "churn_model", "champion"} <= assets.keys()
    assert {"nightly", "training"} <= {job["name"] for job in repository["jobs"]}
    assert {schedule["name"]: schedule["executionTimezone"] for schedule in repository["schedules"]}.items() >= {
        ("nightly_schedule", "UTC")
    }
    assert {name for name, node in assets.items() if node["isPartitioned"]} == {
        *CHAIN,
        "churn_model",
        "challenger_scores",
        "feature_drift",
        "score_drift",
        "night_metrics",
        "estimated_performance",
        "score_summary",
        "churn_outcomes",
        "realized_performance",
    }


def test_each_asset_says_what_it_is(url: str) -> None:
    """Description, owner, kind and group are on every asset."""
    told = ask(url, OVERVIEW)

    (entry,) = told["workspaceOrError"]["locationEntries"]
    for node in entry["locationOrLoadError"]["repositories"][0]["assetNodes"]:
        assert node["description"], node
        assert node["owners"], node
        assert node["kinds"], node
        assert node["groupName"] in {"customers", "features", "training", "scoring", "monitoring"}, node


def test_the_nights_are_seen(url: str) -> None:
    """The partitions that the command line published are materialized ones of the UI, each with its run."""
    told = ask(url, PARTITIONS, asset={"path": ["churn_scores"]})

    node = told["assetNodeOrError"]
    assert node["partitionStats"]["numMaterialized"] == len(NIGHTS)
    assert {each["partition"] for each in node["assetMaterializations"]} == set(map(str, NIGHTS))
    assert all(each["runId"] for each in node["assetMaterializations"])


def ask(url: str, query: str, **variables: Any) -> dict[str, Any]:
    """The data that a GraphQL query gives."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(  # noqa: S310  # http, on this machine
        f"{url}/graphql", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # as above
        told = json.load(answer)
    assert "errors" not in told, told
    data: dict[str, Any] = told["data"]
    return data


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # http, on this machine
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    pytest.fail(f"no answer within {START_SECONDS} seconds: {log.read_text()}")


def _stop(server: "subprocess.Popen[bytes]") -> None:
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
