"""The score service as other programs and people rely on it: what it loads, what is written down, its command."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from churn_assets_tests.serving import KEY, asking, digest, make_app, publish_scores, rows_of, served, wait_for

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "serving.md"
HEAVY = "{'dagster', 'sklearn', 'joblib', 'pandas', 'pandera', 'matplotlib'}"
WHOLE_LIFE = f"""
import asyncio, sys, shutil
from pathlib import Path
import httpx
from churn_assets.app.server import serve
from churn_assets.app.factory import build_app
from churn_assets.core.options import AppOptions
from churn_assets.storage.layout import Layout

async def main(data_dir):
    shutil.rmtree(data_dir / "tables" / "churn_scores" / "_lookup")  # so that it is made again
    app = build_app(Layout(data_dir), AppOptions())
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
            while (await client.get("/v1/scores/klara")).status_code != 200:
                await asyncio.sleep(0.01)
            lists = ("/v1/summary", "/v1/customers/at-risk", "/v1/history/klara", "/v1/snapshots", "/v1/monitoring")
            for path in (*lists, "/metrics", "/", "/monitoring"):
                assert (await client.get(path)).status_code == 200, path

asyncio.run(main(Path(sys.argv[1])))
print({HEAVY} & sys.modules.keys() or "nothing")
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a day of scores; not to be changed."""
    folder = tmp_path_factory.mktemp("contract") / "data"
    publish_scores(folder, rows_of({"klara": 0.9, "c0000002": 0.7, "c0000003": 0.1}))
    return folder


@pytest.fixture(scope="module")
def url(data_dir: Path) -> Iterator[str]:
    """Where a service with a key answers."""
    with served(make_app(data_dir, keys={"shop": digest(KEY)})) as address:
        yield address


def variables(data_dir: Path, **more: str) -> dict[str, str]:
    """The environment of a user whose data lie there."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CHURN_")}
    return ours | {"CHURN_DATA_DIR": str(data_dir), "CHURN_CONFIG": str(ROOT / "config.yaml"), **more}


def blocks(language: str) -> list[str]:
    """The examples of the guide in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_service_loads_no_model_and_no_orchestrator(data_dir: Path, tmp_path: Path) -> None:
    """From its start, through making a lookup again, to every kind of answer, nothing heavy is imported."""
    shutil.copytree(data_dir, tmp_path / "data")

    found = subprocess.run(
        [sys.executable, "-c", WHOLE_LIFE, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    assert found.stdout.strip() == "nothing"


def test_every_endpoint_and_refusal_is_documented(data_dir: Path) -> None:
    """What the OpenAPI document names stands in the guide's tables, and so does each class of refusal."""
    guide = GUIDE.read_text()
    with asking(make_app(data_dir)) as client:
        document = client.get("/openapi.json").json()

    endpoints = {f"{method.upper()} {path}" for path, operations in document["paths"].items() for method in operations}
    sources = "".join(path.read_text() for path in (ROOT / "churn_assets" / "app").rglob("*.py"))
    kinds = set(re.findall(r'(?:Refusal|_refuse)\(\s*\d+,\s*"([a-z-]+)"', sources)) | {
        "not-found",
        "method-not-allowed",
    }
    assert endpoints | {"GET /metrics"} == set(re.findall(r"^\| `((?:GET|POST) [^`]+)` \|", guide, re.MULTILINE))
    assert kinds == set(re.findall(r"^\| [\d, ]+ \| `([a-z-]+)` \|", guide, re.MULTILINE))


def test_every_metric_is_documented(data_dir: Path) -> None:
    """A metric of ours stands in the guide."""
    with asking(make_app(data_dir)) as client:
        client.get("/v1/scores/nobody")
        text = client.get("/metrics").text

    families = [family for family in text_string_to_metric_families(text) if family.name.startswith("churn")]
    names = {sample.name for family in families for sample in family.samples}
    plain = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in names if not name.endswith("_created")}
    missing = {name for name in plain if f"`{name}`" not in GUIDE.read_text()}
    assert not missing


def test_the_examples_in_python_run(url: str, data_dir: Path, tmp_path: Path) -> None:
    """What the guide shows of the client and of the table works as it stands."""
    shutil.copytree(data_dir, tmp_path / "data")
    examples = [block.replace("http://127.0.0.1:8000", url) for block in blocks("python")]
    program = "\n".join(example for example in examples if "duckdb" not in example)
    table = next(example for example in examples if "read_scores" in example).replace("import duckdb", "")
    table = re.sub(r"duckdb\.sql\(.*\)", "", table)

    ran = subprocess.run(
        [sys.executable, "-c", f"{program}\n{table}\nprint(len(frame))"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=variables(tmp_path / "data", SCORES_KEY=KEY),
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "3"
    assert [ast.parse(block) for block in blocks("python")]


def test_the_example_for_node_runs(url: str, tmp_path: Path) -> None:
    """What the guide shows for Node.js reads a score."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node.js here")
    [example] = blocks("js")
    script = tmp_path / "reader.mjs"
    program = example.replace("http://127.0.0.1:8000", url)
    script.write_text(f"const customerId = 'klara';\n{program}\nconsole.log(JSON.stringify(score));\n")

    ran = subprocess.run(
        [node, str(script)], capture_output=True, text=True, check=True, env=os.environ | {"SCORES_KEY": KEY}
    )

    assert json.loads(ran.stdout)["churn_probability"] == 0.9


def serve(data_dir: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    """`churn-assets serve` as its user starts it."""
    program = Path(sys.executable).with_name("churn-assets")
    command = [str(program), "serve", *options]
    return subprocess.Popen(
        command, env=variables(data_dir, **environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.integration
def test_the_command_serves_until_it_is_told_to_end(data_dir: Path) -> None:
    """It says loudly that there are no keys, where it listens, answers, and ends in peace on SIGTERM."""
    process = serve(data_dir, "--port", "0")
    assert process.stderr is not None
    lines: list[dict[str, Any]] = [json.loads(process.stderr.readline()) for _ in range(2)]
    try:
        address = f"http://{lines[1]['host']}:{lines[1]['port']}"
        wait_for(lambda: httpx.get(f"{address}/v1/scores/klara", timeout=20).status_code == 200)
    finally:
        process.terminate()
    told, rest = process.communicate(timeout=20)

    assert "NO KEYS ARE SET" in lines[0]["event"]
    assert lines[1]["event"] == "listening"
    assert told.startswith(f"{address} has the scores, {address}/monitoring ")
    assert process.returncode in {0, -15}
    assert [json.loads(line) for line in rest.splitlines()]
    assert "klara" not in rest


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])  # noqa: S104  # it is refused
def test_nothing_is_served_to_elsewhere_without_keys(data_dir: Path, host: str) -> None:
    """Another host than loopback without keys is one sentence and exit code 2; nothing listens."""
    process = serve(data_dir, "--host", host)

    _, output = process.communicate(timeout=60)

    assert process.returncode == 2
    assert output.count("\n") == 1
    assert output.startswith(f"error: --host {host} can be reached from elsewhere and app.keys is empty")


def test_a_port_that_is_taken_is_an_error_in_words(data_dir: Path, url: str) -> None:
    """It is named in one sentence, and the exit code is 2."""
    port = url.rsplit(":", 1)[1]
    process = serve(data_dir, "--port", port)

    _, output = process.communicate(timeout=60)

    assert process.returncode == 2
    assert f"--port {port} cannot be listened on" in output
    assert "Traceback" not in output


@pytest.mark.fault("no key, or another")
@pytest.mark.parametrize("digest_given", ["secret", "A" * 64, "a" * 63])
def test_a_key_that_is_no_digest_is_refused(data_dir: Path, digest_given: str) -> None:
    """A key that was put into the configuration as it is, unhashed, stops the start and is named by its key."""
    process = serve(data_dir, CHURN_APP__KEYS=json.dumps({"shop": digest_given}))

    _, output = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "app.keys.shop" in output
