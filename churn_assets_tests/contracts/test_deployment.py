"""`compose.yaml`, the image and the manifests for Kubernetes fit the product and each other."""

import importlib
import re
from collections.abc import Iterator
from importlib.metadata import distribution, entry_points
from typing import Any

import pytest
import yaml

from churn_assets.settings import Settings
from churn_assets_tests.compose import COMPOSE, WORKSPACE, of_our_image
from churn_assets_tests.contracts.test_documentation import settings_keys
from churn_assets_tests.integration.installation import REPOSITORY

FILES = REPOSITORY / "docs" / "deployment"
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = of_our_image()
VARIABLES = {f"CHURN_{key.upper().replace('.', '__')}" for key in settings_keys(Settings)} | {"CHURN_CONFIG"}
DAGSTER = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
HELM: dict[str, Any] = yaml.safe_load((FILES / "helm-values.yaml").read_text())
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((FILES / "score-service.yaml").read_text()))


def texts(value: Any) -> Iterator[str]:
    """Every text within."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    else:
        yield str(value)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_pinned_watched_and_ends_in_time(name: str) -> None:
    """It has an image with a tag, a health check, time to end, and waits only for services that have a health check."""
    service = SERVICES[name]

    image, _, tag = service["image"].partition(":")
    waited_for = service.get("depends_on", {})

    assert image
    assert tag not in {"", "latest"}
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert re.fullmatch(r"\d+[sm]", service["stop_grace_period"])
    assert {each["condition"] for each in waited_for.values()} <= {"service_healthy"}
    assert waited_for.keys() <= SERVICES.keys()


def test_no_secret_has_a_default_and_no_interface_without_a_login_is_published() -> None:
    """A password, its hash and keys must be set, with a sentence; Dagster's UI is reached through the proxy alone."""
    variables = [text for text in texts(SERVICES) if "${" in text and re.search("PASSWORD|KEYS", text)]

    assert len(variables) > 5
    assert all(re.search(r"\$\{\w+:\?[^}]{20,}\}", text) for text in variables)
    assert {name for name, each in SERVICES.items() if "ports" in each} == {"proxy", "scores"}
    assert "--read-only" in SERVICES["analysts"]["command"]
    assert {name for name, each in OURS.items() if "data:/data" in each["volumes"]} == {"code-server"}


def test_the_proxy_asks_for_a_password_before_each_interface() -> None:
    """Each site of the Caddyfile has one, leads to a service on its port, and takes variables that are set."""
    text = (FILES / "Caddyfile").read_text()
    sites = re.split(r"^\}$", text, flags=re.MULTILINE)[:-1]

    targets = [re.findall(r"reverse_proxy (\S+):(\d+)", site) for site in sites]

    assert [target for [(target, _)] in targets] == ["webserver", "analysts"]
    assert all(port in SERVICES[name]["command"] for [(name, port)] in targets)
    assert all("basic_auth" in site for site in sites)
    assert set(re.findall(r"\{\$(\w+)\}", text)) == SERVICES["proxy"]["environment"].keys()


def test_the_image_holds_what_its_services_start() -> None:
    """Programs are those of the locked packages, the workspace is copied, settings are real ones."""
    programs = {each.name for each in entry_points(group="console_scripts")}
    dockerfile, admitted = (REPOSITORY / "Dockerfile").read_text(), (REPOSITORY / ".dockerignore").read_text()
    copied = {name for line in re.findall(r"^COPY (?!--)(.+)$", dockerfile, re.MULTILINE) for name in line.split()[:-1]}
    extras = set(re.findall(r"--extra (\w+)", re.findall(r'EXTRAS="(.+)"', dockerfile)[0]))
    given = {name for each in OURS.values() for name in each.get("environment", {})}

    assert {each["command"][0] for each in OURS.values()} <= programs
    assert WORKSPACE.removeprefix("/app/") in copied
    assert {f"!{name}" for name in copied} <= set(admitted.split())
    assert extras <= set(distribution("churn-assets").metadata.get_all("Provides-Extra") or ())
    assert "postgres" in extras
    assert given <= VARIABLES
    assert OURS["code-server"]["image"] == f"churn-assets:${{CHURN_IMAGE_TAG:-{distribution('churn-assets').version}}}"
    assert "churn_assets.launch.health" in dockerfile
    assert importlib.import_module("churn_assets.launch.health")


def test_the_chart_bounds_runs_as_dagster_yaml_does() -> None:
    """The chart writes a `dagster.yaml` of its own: with our classes, bounds and driver."""
    daemon = HELM["dagsterDaemon"]
    queue = daemon["runCoordinator"]["config"]["queuedRunCoordinator"]
    monitoring, retries = daemon["runMonitoring"], daemon["runRetries"]
    classes = [
        HELM["runLauncher"]["config"]["customRunLauncher"],
        HELM["computeLogManager"]["config"]["customComputeLogManager"],
    ]
    [code] = HELM["dagster-user-deployments"]["deployments"]

    assert all(hasattr(importlib.import_module(each["module"]), each["class"]) for each in classes)
    assert queue["maxConcurrentRuns"] == DAGSTER["concurrency"]["runs"]["max_concurrent_runs"]
    assert queue["tagConcurrencyLimits"] == DAGSTER["concurrency"]["runs"]["tag_concurrency_limits"]
    assert monitoring["maxRuntimeSeconds"] == DAGSTER["run_monitoring"]["max_runtime_seconds"]
    assert (retries["maxRetries"], retries["retryOnAssetOrOpFailure"]) == (DAGSTER["run_retries"]["max_retries"], False)
    assert HELM["retention"]["sensor"]["purgeAfterDays"] == DAGSTER["retention"]["sensor"]["purge_after_days"]
    assert HELM["pythonLogs"]["managedPythonLoggers"] == DAGSTER["python_logs"]["managed_python_loggers"]
    assert HELM["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"
    assert code["env"].keys() <= VARIABLES
    assert code["image"]["tag"] == distribution("churn-assets").version
    assert "password" not in {text.lower() for text in texts(HELM)}


def test_the_score_service_is_deployed_whole() -> None:
    """Deployment, Service and PodDisruptionBudget mean the same pods, which are probed where the service answers."""
    kinds = {each["kind"]: each for each in MANIFESTS}
    deployment = kinds["Deployment"]["spec"]
    pod = deployment["template"]
    [container] = pod["spec"]["containers"]
    selectors = [
        deployment["selector"]["matchLabels"],
        kinds["Service"]["spec"]["selector"],
        kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ]
    mounts = {each["name"]: each.get("readOnly", False) for each in container["volumeMounts"]}

    assert [(each["apiVersion"], each["kind"]) for each in MANIFESTS] == [
        ("apps/v1", "Deployment"),
        ("v1", "Service"),
        ("policy/v1", "PodDisruptionBudget"),
    ]
    assert all(each["metadata"]["name"] for each in MANIFESTS)
    assert all(selector.items() <= pod["metadata"]["labels"].items() for selector in selectors)
    assert container["command"] == OURS["scores"]["command"]
    assert container["image"].endswith(f"churn-assets:{distribution('churn-assets').version}")
    assert str(container["ports"][0]["containerPort"]) in container["command"]
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")]
    assert {(each["path"], each["port"]) for each in probes} == {("/healthz", container["ports"][0]["name"])}
    assert {each["name"] for each in pod["spec"]["volumes"]} == mounts.keys()
    assert mounts["data"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
