"""Failure as a contract: one shape, the right status, never 200 and never a traceback."""

import datetime as dt
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from churn_assets.app.web import schemas
from churn_assets.app.web.auth import BODY_LIMIT
from churn_assets_tests.serving import DAY, KEY, asking, digest, make_app, publish_scores, rows_of, scores_table

STALE = dt.datetime(2026, 11, 2, 12, 0, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two days of scores; not to be changed."""
    folder = tmp_path_factory.mktemp("refusals")
    publish_scores(folder, rows_of({"c1": 0.2}), DAY - dt.timedelta(days=1))
    publish_scores(folder, rows_of({"c1": 0.9}))
    return folder


@pytest.fixture(scope="module")
def client(data_dir: Path) -> Iterator[httpx.Client]:
    """A service that lets everybody in."""
    with asking(make_app(data_dir)) as asked:
        yield asked


@pytest.fixture(scope="module")
def guarded(data_dir: Path) -> Iterator[httpx.Client]:
    """A service with two keys."""
    with asking(make_app(data_dir, keys={"old": digest("an-old-key"), "shop": digest(KEY)})) as asked:
        yield asked


def problem_of(answer: Any, status: int, kind: str) -> schemas.Problem:
    """The problem that an answer tells; it must be one, of this status and class."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    problem = schemas.Problem.model_validate_json(answer.content)
    assert (problem.status, problem.type) == (status, f"urn:churn-assets:problem:{kind}")
    assert problem.instance.endswith(answer.headers["x-request-id"])
    return problem


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/scores/", "customer_id"),
        ("/v1/scores/%ff", "customer_id"),
        ("/v1/scores/%ED%A0%80", "customer_id"),
        ("/v1/scores/c1?snapshot_date=", "snapshot_date"),
        ("/v1/scores/c1?snapshot_date=yesterday", "snapshot_date"),
        ("/v1/scores/c1?snapshot_date=1604188800", "snapshot_date"),
        ("/v1/scores/c1?snapshot_date=2026-02-30", "snapshot_date"),
        ("/v1/scores/c1?snapshot_date=2026-10-31T00:00:00", "snapshot_date"),
        ("/v1/summary?snapshot_date=20261031", "snapshot_date"),
        ("/v1/customers/at-risk?limit=0", "limit"),
        ("/v1/customers/at-risk?limit=1001", "limit"),
        ("/v1/customers/at-risk?limit=many", "limit"),
        ("/v1/customers/at-risk?after=there", "after"),
        ("/v1/summary?day=2026-10-30", "day"),
        ("/v1/scores/c1?snapshotdate=2026-10-30", "snapshotdate"),
        ("/v1/history/", "customer_id"),
        ("/v1/history/c1?days=32", "days"),
    ],
)
def test_what_is_not_valid_is_refused_with_its_field(client: httpx.Client, path: str, field: str) -> None:
    """A malformed id, day, limit or cursor is 422, and the field is named."""
    answer = client.get(path)

    problem = problem_of(answer, 422, "invalid-request")

    assert problem.errors is not None
    assert [each.field for each in problem.errors] == [field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"\xff", "body"),
        (b"{}", "customer_ids"),
        (b'{"customer_ids": []}', "customer_ids"),
        (b'{"customer_ids": "c1"}', "customer_ids"),
        (b'{"customer_ids": ["c1", ""]}', "customer_ids.1"),
        (b'{"customer_ids": ["c1", 7]}', "customer_ids.1"),
        (b'{"customer_ids": ["\\ud800"]}', "customer_ids.0"),
        (b'{"customer_ids": ["c1"], "snapshot_date": 5}', "snapshot_date"),
        (b'{"customer_ids": ["c1"], "day": "2026-10-31"}', "day"),
        (json.dumps({"customer_ids": [str(number) for number in range(1001)]}).encode(), "customer_ids"),
    ],
)
def test_a_body_that_is_not_valid_is_refused_with_its_field(client: httpx.Client, body: bytes, field: str) -> None:
    """Whatever is not a list of one to a thousand ids is 422, and the field is named."""
    answer = client.post("/v1/scores:batchGet", content=body, headers={"Content-Type": "application/json"})

    problem = problem_of(answer, 422, "invalid-request")

    assert problem.errors is not None
    assert [each.field for each in problem.errors] == [field]


@pytest.mark.parametrize("day", ["0", "1795564800", "1795564800.0", "true", '"0"', '"20261031"'])
def test_a_day_is_a_date_and_no_number(client: httpx.Client, day: str) -> None:
    """A number is not taken for seconds since 1970: the day of a batch is written as a day."""
    body = b'{"customer_ids": ["c1"], "snapshot_date": ' + day.encode() + b"}"

    refused = client.post("/v1/scores:batchGet", content=body, headers={"Content-Type": "application/json"})

    assert refused.status_code == 422
    assert [each["field"] for each in refused.json()["errors"]] == ["snapshot_date"]


def test_a_thousand_ids_are_answered(client: httpx.Client) -> None:
    """The limit itself is within the limit."""
    body = {"customer_ids": [f"c{number}" for number in range(1000)]}

    answer = client.post("/v1/scores:batchGet", json=body)

    assert (len(answer.json()["scores"]), len(answer.json()["missing"])) == (1, 999)


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(client: httpx.Client, *, declared: bool) -> None:
    """More than the limit is 413, also where its length is not told beforehand."""
    content: Any = b"x" * (BODY_LIMIT + 1) if declared else iter([b"x" * BODY_LIMIT, b"x", b"x" * BODY_LIMIT])

    answer = client.post("/v1/scores:batchGet", content=content)

    problem_of(answer, 413, "too-large")


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/scores/nobody", 404, "unknown-customer"),
        ("GET", "/v1/scores/c1?snapshot_date=2020-01-01", 404, "unknown-snapshot"),
        ("GET", "/v1/summary?snapshot_date=9999-12-31", 404, "unknown-snapshot"),
        ("GET", "/nothing", 404, "not-found"),
        ("GET", "/v1/scores", 404, "not-found"),
        ("GET", "/docs", 404, "not-found"),
        ("DELETE", "/v1/snapshots", 405, "method-not-allowed"),
        ("POST", "/v1/scores/c1", 405, "method-not-allowed"),
        ("GET", "/v1/scores:batchGet", 405, "method-not-allowed"),
    ],
)
def test_what_is_not_there_is_refused(client: httpx.Client, method: str, path: str, status: int, kind: str) -> None:
    """Unknown customers, days, addresses and methods are told apart."""
    answer = client.request(method, path)

    problem_of(answer, status, kind)


def test_another_method_is_told_which_there_are(client: httpx.Client) -> None:
    """405 says in `Allow` what is allowed: HEAD wherever GET is."""
    allowed = {path: client.delete(path).headers["allow"] for path in ("/v1/snapshots", "/", "/v1/scores:batchGet")}

    assert allowed == {"/v1/snapshots": "GET, HEAD", "/": "GET, HEAD", "/v1/scores:batchGet": "POST"}


ENDPOINTS = ["/v1/scores/c1", "/v1/summary", "/v1/customers/at-risk", "/v1/snapshots", "/v1/history/c1", "/readyz"]


@pytest.mark.parametrize("path", ENDPOINTS)
def test_before_the_first_night_there_is_nothing_to_answer(tmp_path: Path, path: str) -> None:
    """Without scores everything is 503 and says when to come back; the process is alive."""
    with asking(make_app(tmp_path)) as client:
        answer = client.get(path)
        alive = client.get("/healthz").json()

    problem = problem_of(answer, 503, "no-scores")
    assert answer.headers["retry-after"] == "60"
    assert "no scores have been published yet" in problem.detail
    assert alive == {"status": "alive"}


def test_stale_scores_are_served_as_such(data_dir: Path) -> None:
    """Beyond the configured freshness answers say `stale: true`, and have another ETag; the service is not ready."""
    with asking(make_app(data_dir, STALE)) as late, asking(make_app(data_dir)) as early:
        answers_late = [late.get(path).json() for path in ("/v1/scores/c1", "/v1/summary", "/v1/customers/at-risk")]
        etags = [client.get("/v1/scores/c1").headers["etag"] for client in (late, early)]
        ready = late.get("/readyz")

    assert [each["stale"] for each in answers_late] == [True, True, True]
    assert etags[0] != etags[1]
    assert "fresh until 2026-11-02 08:00 UTC" in problem_of(ready, 503, "stale-scores").detail


def test_stale_scores_are_refused_where_the_settings_say_so(data_dir: Path) -> None:
    """With `refuse_stale` the newest scores are 503 once too old; a day that is named is served all the same."""
    with asking(make_app(data_dir, STALE, refuse_stale=True)) as client:
        refused = [client.get(path) for path in ("/v1/scores/c1", "/v1/summary", "/v1/history/c1")]
        named = client.get("/v1/scores/c1?snapshot_date=2026-10-31")

    for answer in refused:
        problem_of(answer, 503, "stale-scores")
        assert answer.headers["retry-after"] == "60"
    assert (named.status_code, named.json()["stale"]) == (200, True)


@pytest.mark.fault("no key, or another")
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", f"Basic {KEY}", KEY, "Bearer \u00e9"])
@pytest.mark.parametrize("path", ["/v1/scores/c1", "/v1/snapshots", "/metrics", "/v1/nothing"])
def test_without_the_right_key_nobody_comes_in(guarded: httpx.Client, path: str, header: str | None) -> None:
    """A missing or wrong key is 401 before anything else is looked at."""
    headers = {} if header is None else {b"Authorization": header.encode("latin-1")}

    answer = guarded.get(path, headers=headers)

    problem_of(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("key", [KEY, "an-old-key"])
def test_each_of_several_keys_opens(guarded: httpx.Client, key: str) -> None:
    """While keys are rotated the old and the new one are valid."""
    answer = guarded.get("/v1/scores/c1", headers={"Authorization": f"bearer {key}"})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/openapi.json"])
def test_what_tells_no_scores_asks_for_no_key(guarded: httpx.Client, path: str) -> None:
    """Probes, the page's frame and the document are open."""
    answer = guarded.get(path)

    assert answer.status_code == 200


def test_a_fault_of_the_service_is_told_without_its_insides(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An accident in the code is 500 in the same shape; the log has its class, its place and the request id."""

    def broken(*_: object) -> None:
        message = "c1 is a secret"
        raise ZeroDivisionError(message)

    monkeypatch.setattr("churn_assets.storage.lookup.reader.Lookup.find", broken)
    with asking(make_app(data_dir)) as client, caplog.at_level(logging.ERROR):
        answer = client.get("/v1/scores/c1", headers={"X-Request-ID": "req-7"})
        headed = client.head("/v1/scores/c1", headers={"X-Request-ID": "req-7"})

    problem = problem_of(answer, 500, "internal")
    assert "secret" not in answer.text
    assert (headed.status_code, headed.content) == (500, b"")
    assert headed.headers["content-length"] == answer.headers["content-length"]
    assert problem.instance == "urn:churn-assets:request:req-7"
    assert caplog.records[-1].exc_info is not None


def test_scores_that_became_unreadable_are_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An old day whose lookup is gone and whose table is broken is 503 with a log line, never a wrong score."""
    before = DAY - dt.timedelta(days=1)
    publish_scores(tmp_path, rows_of({"c1": 0.2}), before)
    publish_scores(tmp_path, rows_of({"c1": 0.9}))
    table = scores_table(tmp_path)
    version = table.version(before)
    for path in (*version.files, *(table.root / "_lookup" / f"snapshot_date={before}").rglob("*.arrow")):
        path.write_bytes(b"broken")
    with asking(make_app(tmp_path)) as client:
        answer = client.get(f"/v1/scores/c1?snapshot_date={before}")
        newest = client.get("/v1/scores/c1")

    problem_of(answer, 503, "unreadable-scores")
    assert newest.json()["churn_probability"] == 0.9
    assert "scores cannot be read" in caplog.text
