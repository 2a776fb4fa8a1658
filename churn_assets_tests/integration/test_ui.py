"""The Dagster UI over the installation's data, asked over HTTP."""

import datetime as dt
import json
import os
import shutil
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
from playwright.sync_api import sync_playwright

from churn_assets_tests.integration.installation import CHAIN, LAST_DAY, NIGHTS, REPOSITORY, BuildOnce, Installation

pytestmark = pytest.mark.integration

START_SECONDS = 150
RUN_SECONDS = 150
LAUNCHED = NIGHTS[-1] + dt.timedelta(days=1)  # by one test, before or after the others
AT_ONCE = "run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
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
                partitionStats { numPartitions }
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
RUNS = """
{
  runsOrError(filter: {pipelineName: "nightly"}) {
    ... on Runs {
      results { runId status repositoryOrigin { repositoryName repositoryLocationName } tags { key value } }
    }
  }
}
"""
CHECKS = """
query ($asset: AssetKeyInput!, $check: String!) {
  assetCheckExecutions(assetKey: $asset, checkName: $check, limit: 3) {
    partition
    evaluation { description metadataEntries { label ... on FloatMetadataEntry { floatValue } } }
  }
}
"""
EVENTS = """
query ($asset: AssetKeyInput!, $days: [String!]) {
  assetNodeOrError(assetKey: $asset) {
    ... on AssetNode {
      assetMaterializations(partitions: $days, limit: 9) {
        runId
        metadataEntries {
          label
          ... on TextMetadataEntry { text }
          ... on IntMetadataEntry { intValue }
          ... on FloatMetadataEntry { floatValue }
          ... on MarkdownMetadataEntry { mdStr }
          ... on PipelineRunMetadataEntry { runId }
        }
      }
    }
  }
}
"""
LAUNCH = """
mutation ($config: RunConfigData!, $day: String!, $assets: [AssetKeyInput!]) {
  launchPipelineExecution(executionParams: {
    mode: "default"
    selector: {
      repositoryLocationName: "churn_assets", repositoryName: "__repository__", pipelineName: "nightly"
      assetSelection: $assets
    }
    runConfigData: $config
    executionMetadata: { tags: [{ key: "dagster/partition", value: $day }] }
  }) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
RUN = """
query ($run: ID!) { runOrError(runId: $run) { ... on Run { status tags { key value } } } }
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


@pytest.fixture(scope="session")
def taken_back(build_once: BuildOnce, installed: Installation) -> Installation:
    """The installation after a day was scored again, with another bound of the high tier, and taken back."""

    def build(new: Installation) -> None:
        installed.copy_to(new.root)
        again = new.having(CHURN_DECISIONS__HIGH_ABOVE="0.58").run("run", "--date", str(NIGHTS[-1]))
        assert again.exit_code == 0, again.stderr
        back = new.run("rollback", "--date", str(NIGHTS[-1]), "--reason", "tried")
        assert back.exit_code == 0, back.stderr

    return build_once("taken_back", build)


@pytest.fixture(scope="module")
def url(taken_back: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A `dagster-webserver` as `make ui` starts one, on a port of its own, over a copy of the installation."""
    copy = taken_back.copy_to(tmp_path_factory.mktemp("ui") / "installation")
    home = copy.root / "dagster-home"
    home.mkdir()
    told = (REPOSITORY / "dagster.yaml").read_text().splitlines()
    kept = [line for line in told if not line.startswith("concurrency:")]  # a queue waits for a daemon
    (home / "dagster.yaml").write_text("\n".join([*kept, AT_ONCE]) + "\n")
    port = _free_port()
    log = copy.root / "webserver.log"
    program = Path(sys.executable).with_name("dagster-webserver")
    words = ["--host", "127.0.0.1", "--port", str(port), "--workspace", str(REPOSITORY / "workspace.yaml")]
    with log.open("w") as output:
        server = subprocess.Popen(
            [str(program), *words],
            cwd=copy.root,
            env={**copy.variables(), "DAGSTER_HOME": str(home)},
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
        "churn_reasons",
        "alerts",
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
    events = [each for each in node["assetMaterializations"] if each["partition"] != str(LAUNCHED)]
    assert node["partitionStats"]["numMaterialized"] >= len(NIGHTS)
    assert {each["partition"] for each in events} == set(map(str, NIGHTS))
    with_runs = [each["partition"] for each in events if each["runId"]]
    assert sorted(with_runs) == sorted([*map(str, NIGHTS), str(NIGHTS[-1])])


def test_partitions_begin_with_the_first_day_there_is(url: str) -> None:
    """There are as many as the source has days up to the last, and those up to today: none before the first."""
    told = ask(url, OVERVIEW)

    (entry,) = told["workspaceOrError"]["locationEntries"]
    nodes = entry["locationOrLoadError"]["repositories"][0]["assetNodes"]
    counted = {node["partitionStats"]["numPartitions"] for node in nodes if node["isPartitioned"]}
    first = LAST_DAY - dt.timedelta(days=89)
    assert len(counted) == 1
    assert abs(counted.pop() - (dt.datetime.now(dt.UTC).date() - first).days) <= 1


def test_runs_of_the_command_line_stand_where_those_of_the_daemon_do(url: str) -> None:
    """Each belongs to the code location, by which the timeline and the job's page find it, and tells what it did."""
    told = ask(url, RUNS)

    runs = told["runsOrError"]["results"]
    assert {tuple(run["repositoryOrigin"].values()) for run in runs} == {("__repository__", "churn_assets")}
    tags = [{tag["key"]: tag["value"] for tag in run["tags"]} for run in runs]
    tags = [each for each in tags if each["dagster/partition"] != str(LAUNCHED)]
    kinds = [(each["churn_assets/kind"], each["churn_assets/result"]) for each in tags]
    assert kinds == [("again", "published"), *[("night", "published")] * len(NIGHTS)]
    assert all(each["churn_assets/model_version"] for each in tags)


def test_a_check_is_of_its_day(url: str) -> None:
    """It has the partition, figures as numbers, bounds that are not plotted, and a sentence."""
    told = ask(url, CHECKS, asset={"path": ["churn_scores"]}, check="no_shift")

    newest = next(each for each in told["assetCheckExecutions"] if each["partition"] != str(LAUNCHED))
    assert newest["partition"] == str(NIGHTS[-1])
    figures = {entry["label"]: entry.get("floatValue") for entry in newest["evaluation"]["metadataEntries"]}
    assert {"psi_last_day", "mean_shift", "share_high", "bounds"} <= figures.keys()
    assert [name for name, value in figures.items() if not isinstance(value, float)] == ["bounds"]
    assert newest["evaluation"]["description"].startswith("all ")


def test_a_night_opens_with_what_a_person_reads(url: str) -> None:
    """A sentence and the report with its picture come first, and every other asset has a sentence too."""
    opened = {}
    for asset in (*CHAIN, "churn_model"):
        node = ask(url, EVENTS, asset={"path": [asset]}, days=None)["assetNodeOrError"]
        opened[asset] = node["assetMaterializations"][-1]["metadataEntries"]

    assert {asset: entries[0]["label"] for asset, entries in opened.items()} == dict.fromkeys(opened, "summary")
    assert "customers scored" in opened["churn_scores"][0]["text"]
    report = opened["churn_scores"][1]
    assert report["label"] == "report"
    assert report["mdStr"].startswith(f"# Night of {NIGHTS[0]}")
    assert "(data:image/svg+xml;base64," in report["mdStr"]


def test_a_day_that_was_taken_back_keeps_its_figures(url: str) -> None:
    """The rollback's event repeats those of the version that it brings back, and links the run that made it."""
    node = ask(url, EVENTS, asset={"path": ["churn_scores"]}, days=[str(NIGHTS[-1])])["assetNodeOrError"]

    back, again, first = [
        {entry["label"]: entry for entry in event["metadataEntries"]} for event in node["assetMaterializations"]
    ]
    assert back["summary"]["text"].startswith("rolled back by ")
    assert back["version"]["text"] == first["version"]["text"] != again["version"]["text"]
    for name in ("high_risk", "mean_probability", "report", "tiers", "audit"):
        assert back[name] == first[name]
    assert back["scored_in"]["runId"] == node["assetMaterializations"][-1]["runId"]


def test_a_partition_is_scored_from_the_launchpad_by_the_model_that_is_asked_for(url: str) -> None:
    """A run with `model_version` in its config, in a process of its own, lands, scores and publishes the day."""
    node = ask(url, EVENTS, asset={"path": ["churn_scores"]}, days=[str(NIGHTS[0])])["assetNodeOrError"]
    [model] = [
        entry["text"]
        for entry in node["assetMaterializations"][0]["metadataEntries"]
        if entry["label"] == "model_version"
    ]

    launched = ask(
        url,
        LAUNCH,
        config={"ops": {"churn_scores": {"config": {"model_version": model}}}},
        day=str(LAUNCHED),
        assets=[{"path": [name]} for name in CHAIN],
    )["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run = _ended(url, launched["run"]["runId"])

    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert run["status"] == "SUCCESS"
    assert (tags["churn_assets/result"], tags["churn_assets/model_version"]) == ("published", model)
    day = ask(url, EVENTS, asset={"path": ["churn_scores"]}, days=[str(LAUNCHED)])["assetNodeOrError"]
    [event] = day["assetMaterializations"]
    assert event["runId"] == launched["run"]["runId"]
    assert event["metadataEntries"][1]["mdStr"].startswith(f"# Night of {LAUNCHED}")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here; `make browser-test` installs it")
def test_a_person_finds_last_night_in_a_browser(url: str) -> None:
    """Nights of the command line stand in the timeline; a day taken back shows its figures, and opens its report."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(1000 * START_SECONDS)

        page.goto(f"{url}/overview/activity/timeline")
        page.get_by_role("link", name="nightly").first.wait_for()
        page.goto(f"{url}/assets/churn_scores?view=partitions&partition={NIGHTS[-1]}")
        page.get_by_text("Show Markdown").first.click()
        page.get_by_role("heading", name=f"Night of {NIGHTS[-1]}").wait_for()
        shown = page.inner_text("body")
        browser.close()

    assert "rolled back by " in shown
    assert "high_risk" in shown
    assert "Mean probability" in shown


def _ended(url: str, run_id: str) -> dict[str, Any]:
    end = time.monotonic() + RUN_SECONDS
    while time.monotonic() < end:
        run: dict[str, Any] = ask(url, RUN, run=run_id)["runOrError"]
        if run["status"] in {"SUCCESS", "FAILURE", "CANCELED"}:
            return run
        time.sleep(0.5)
    pytest.fail(f"run {run_id} did not end within {RUN_SECONDS} seconds")


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
