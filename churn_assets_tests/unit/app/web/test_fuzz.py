"""The OpenAPI document held against a running service: whatever is asked, the answer is one it promises."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from churn_assets_tests.serving import KEY, asking, digest, make_app, publish_scores, rows_of, served

PATHS = [
    "/v1/scores/{customer_id}",
    "/v1/scores:batchGet",
    "/v1/history/{customer_id}",
    "/v1/snapshots",
    "/v1/customers/at-risk",
    "/v1/summary",
    "/v1/drivers",
    "/v1/monitoring",
    "/healthz",
    "/readyz",
]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with scores of a few customers of short names, which a generator may hit."""
    folder = tmp_path_factory.mktemp("fuzz")
    publish_scores(folder, rows_of({name: (at + 1) / 10 for at, name in enumerate(["0", "00", "a", "é", "null"])}))
    return folder


@pytest.fixture(scope="module")
def guarded(data_dir: Path) -> Iterator[str]:
    """Where a service answers that asks for a key."""
    with served(make_app(data_dir, keys={"shop": digest(KEY)})) as address:
        yield address


@pytest.fixture(scope="module")
def url(data_dir: Path) -> Iterator[str]:
    """Where a service answers that lets everybody in."""
    with served(make_app(data_dir)) as address:
        yield address


@pytest.mark.parametrize("path", PATHS)
def test_no_answer_to_a_valid_request_lies_outside_the_document(guarded: str, path: str) -> None:
    """No 5xx, and no status, content type or body that the document does not tell; and a key is asked for."""
    fuzz(guarded, path, GenerationMode.POSITIVE, {"Authorization": f"Bearer {KEY}"})


@pytest.mark.parametrize("path", [path for path in PATHS if path not in {"/healthz", "/readyz", "/v1/snapshots"}])
def test_no_answer_to_an_invalid_request_lies_outside_the_document(url: str, path: str) -> None:
    """The same for what violates the document, and none of it is accepted."""
    fuzz(url, path, GenerationMode.NEGATIVE, {})


def fuzz(url: str, path: str, mode: GenerationMode, headers: dict[str, str]) -> None:
    """Ask one endpoint what the document allows, or what it does not, and hold the answers against it."""
    document = schemathesis.openapi.from_url(f"{url}/openapi.json")
    [operation] = [each.ok() for each in document.include(path=path).get_all_operations() if isinstance(each, Ok)]
    # that a cursor is one which a page gave is nothing that a schema can say
    unknowable: list[Any] = []
    if "at-risk" in path:
        unknowable.append(schemathesis.checks.CHECKS.get_one("positive_data_acceptance"))
    asked = []

    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        asked.append(case.call_and_validate(headers=headers, excluded_checks=unknowable))

    ask()

    assert asked


def test_the_document_names_every_endpoint_and_its_refusals(data_dir: Path) -> None:
    """What is fuzzed is all there is, and refusals are problem details throughout."""
    with asking(make_app(data_dir, keys={"shop": digest(KEY)})) as client:
        document = client.get("/openapi.json").json()

    refusals = {
        (path, status): list(answer["content"])
        for path, operations in document["paths"].items()
        for operation in operations.values()
        for status, answer in operation["responses"].items()
        if int(status) >= 400
    }
    assert sorted(document["paths"]) == sorted(PATHS)
    assert {kind for kinds in refusals.values() for kind in kinds} == {"application/problem+json"}
    assert ("/v1/scores/{customer_id}", "401") in refusals
    assert ("/healthz", "401") not in refusals
