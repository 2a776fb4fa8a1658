"""What no client can do to the service: long, slow or broken heads are refused before anything else sees them."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from churn_assets.app import protocol
from churn_assets.app.protocol import HEAD_LIMIT
from churn_assets_tests.serving import make_app, publish_scores, rows_of, served

pytestmark = pytest.mark.fault("a client without a key sends what never ends")

LONG = 4 * 2**20
PATIENCE = 30


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with a score."""
    folder = tmp_path_factory.mktemp("data")
    publish_scores(folder, rows_of({"c1": 0.1}))
    with served(make_app(folder)) as address:
        yield address


def sent(url: str, content: bytes) -> tuple[bytes, dict[str, object]]:
    """The status line and the body that come back for these bytes."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        received = b""
        with contextlib.suppress(OSError):  # it may hang up in the middle
            connection.sendall(content)
        while block := _received(connection):
            received += block
    head, _, body = received.partition(b"\r\n\r\n")
    return head.splitlines()[0] if head else b"", json.loads(body) if body else {}


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    "content",
    [
        b"GET /v1/scores/" + b"x" * LONG,
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * LONG,
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X-Many: y\r\n" * (LONG // 11),
    ],
    ids=["url", "header", "headers"],
)
def test_a_head_that_is_too_long_is_refused_at_once(url: str, content: bytes) -> None:
    """However it is long, no more than the bound and one read of it is looked at; others are answered meanwhile."""
    started = time.process_time()

    status, body = sent(url, content)

    used = time.process_time() - started
    assert status in {b"HTTP/1.1 431 Request Header Fields Too Large", b""}  # the answer is lost where it is reset
    assert body.get("type") in {"urn:churn-assets:problem:head-too-large", None}
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert used < 5, "seconds of this process: it grew by the square, and took minutes"


def test_a_head_within_the_bound_is_answered(url: str) -> None:
    """A long id, percent-encoded, and a header of some size, are no attack; the next request counts anew."""
    with httpx.Client(base_url=url) as client:
        answers = [
            client.get("/v1/scores/" + "x" * (HEAD_LIMIT // 2), headers={"X-Some": "y" * (HEAD_LIMIT // 4)})
            for _ in range(3)
        ]

    assert [answer.status_code for answer in answers] == [404] * 3


def test_a_large_body_behind_a_head_is_no_long_head(url: str) -> None:
    """What follows the head is bounded as a body: also where both arrive in one piece."""
    body = json.dumps({"customer_ids": ["x" * 900 for _ in range(300)]}).encode()
    head = "POST /v1/scores:batchGet HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"

    status, answer = sent(url, head.encode() + body)

    assert len(body) > 2 * HEAD_LIMIT
    assert status == b"HTTP/1.1 200 OK"
    assert answer["missing"] == ["x" * 900]


BROKEN = [b"NONSENSE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"GET /\xff HTTP/1.1\r\n\r\n"]


@pytest.mark.parametrize("content", BROKEN)
def test_what_is_no_request_is_refused_in_the_shape_of_every_refusal(url: str, content: bytes) -> None:
    """Bytes that cannot be parsed get a problem detail, and no plain text."""
    status, body = sent(url, content)

    assert status == b"HTTP/1.1 400 Bad Request"
    assert (body["type"], body["status"]) == ("urn:churn-assets:problem:invalid-request", 400)


def test_a_head_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that sends no head, or half of one, is closed after its deadline, and says why."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    with served(make_app(tmp_path)) as url:
        answers = [sent(url, content) for content in (b"", b"GET /healthz HTTP/1.1\r\nHost:")]

    assert [status for status, _ in answers] == [b"HTTP/1.1 408 Request Timeout"] * 2
    assert {body["type"] for _, body in answers} == {"urn:churn-assets:problem:too-slow"}


def test_a_head_waits_for_the_answer_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a further request on the same connection has its time once the one before was answered, whole."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        del receive
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
            await asyncio.sleep(0.5)
            await send({"type": "http.response.body", "body": b"done"})

    half = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
    with served(slow) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
            connection.sendall(half + b"\r\n")
            time.sleep(0.2)
            connection.sendall(half)
            received = b""
            while block := _received(connection):
                received += block

    first, _, second = received.partition(b"done")
    assert first.startswith(b"HTTP/1.1 200 OK")
    assert second.startswith(b"HTTP/1.1 408 Request Timeout")


def test_connections_beyond_the_bound_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is told so, and those that are open go on."""
    monkeypatch.setattr(protocol, "CONNECTIONS_LIMIT", 2)
    with (
        served(make_app(tmp_path)) as url,
        httpx.Client(base_url=url) as first,
        httpx.Client(base_url=url) as second,
    ):
        open_ones = [each.get("/healthz").status_code for each in (first, second)]
        status, body = sent(url, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        still = first.get("/healthz").status_code

    assert (open_ones, still) == ([200, 200], 200)
    assert status == b"HTTP/1.1 503 Service Unavailable"
    assert body["type"] == "urn:churn-assets:problem:too-many-connections"


def test_half_open_requests_do_not_hold_up_the_end(tmp_path: Path) -> None:
    """Told to end while a head and a body are half sent, the process is gone within three seconds."""
    publish_scores(tmp_path / "data", rows_of({"c1": 0.1}))
    program = [str(Path(sys.executable).with_name("churn-assets")), "serve", "--port", "0"]
    environment = {"PATH": "/usr/bin:/bin", "CHURN_DATA_DIR": str(tmp_path / "data")}
    with subprocess.Popen(program, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        port = next(json.loads(line)["port"] for line in process.stderr if '"listening"' in line)
        address = ("127.0.0.1", port)
        with socket.create_connection(address) as head, socket.create_connection(address) as body:
            head.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
            body.sendall(b"POST /v1/scores:batchGet HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
            httpx.get(f"http://127.0.0.1:{port}/healthz")
            process.terminate()

            code = process.wait(3)

    assert code in {0, -15}
