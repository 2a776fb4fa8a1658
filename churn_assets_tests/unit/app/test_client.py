"""The client against real services: a good one, a flaky one, and none."""

import datetime as dt
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from churn_assets.app.client import (
    Refused,
    Score,
    ScoreClient,
    ScoreServiceError,
    Unavailable,
    UnknownScore,
)
from churn_assets_tests.serving import DAY, KEY, digest, make_app, publish_scores, rows_of, served

PEOPLE = {"c1": 0.9, "c2": 0.5, "a/b": 0.4, ".": 0.35, "..": 0.1, "é \n": 0.2, "\U0001f600" * 10_000: 0.3}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with a key and two days of scores."""
    data_dir = tmp_path_factory.mktemp("client")
    publish_scores(data_dir, rows_of({"c1": 0.2}, "m0"), DAY - dt.timedelta(days=1), "m0")
    publish_scores(data_dir, rows_of(PEOPLE | {f"d{number:04}": 0.05 for number in range(1500)}))
    with served(make_app(data_dir, keys={"shop": digest(KEY)})) as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[ScoreClient]:
    """A client of it that knows the key and has time."""
    with ScoreClient(url, KEY, timeout=20) as asked:
        yield asked


class Flaky:
    """A service that fails a few times before it answers: with a status, or by hanging up."""

    def __init__(self, *failures: int) -> None:
        self.failures = list(failures)
        self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Fail or answer, as an ASGI application."""
        if scope["type"] != "http":
            return
        self.asked += 1
        status = self.failures.pop(0) if self.failures else 200
        if status == 0:  # the server hangs up in the middle of its answer
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"99")]})
            return
        body = b'{"detail": "not now", "snapshots": []}' if status != 299 else b"<html>a proxy's page</html>"
        del receive
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body})


def test_a_score_is_typed(client: ScoreClient) -> None:
    """Dates are dates, and everything is there."""
    score = client.score("c1")

    version = score.score_version
    assert score == Score("c1", DAY, 0.9, "high", "offer", "m1", version, stale=False)
    assert client.score("c1", DAY - dt.timedelta(days=1)).churn_probability == 0.2


@pytest.mark.parametrize("customer", PEOPLE, ids=lambda each: ascii(each)[:10])
def test_any_text_is_an_id(client: ScoreClient, customer: str) -> None:
    """Also what no URL can carry: dots alone, and a hundred thousand bytes."""
    score = client.score(customer)

    assert (score.customer_id, score.churn_probability) == (customer, PEOPLE[customer])


def test_any_number_of_customers_is_asked_in_batches(client: ScoreClient) -> None:
    """More than a thousand ids are several questions, and each customer is there once."""
    asked = [f"d{number:04}" for number in range(1600)] + ["c1", "c1"]

    batch = client.scores(asked)

    assert list(batch.scores) == [f"d{number:04}" for number in range(1500)] + ["c1"]
    assert batch.missing == tuple(f"d{number:04}" for number in range(1500, 1600))


def test_the_customers_at_risk_come_page_by_page(client: ScoreClient) -> None:
    """All of them, the highest first, however small the page."""
    customers = [score.customer_id for score in client.at_risk(page=1)]

    assert customers == ["c1", "c2", "a/b", "."]
    assert [score.customer_id for score in client.at_risk(DAY - dt.timedelta(days=1))] == []


def test_the_days_are_listed(client: ScoreClient) -> None:
    """The newest first, typed."""
    days = client.snapshots()

    assert [(each.snapshot_date, each.model_version) for each in days] == [(DAY, "m1"), (days[1].snapshot_date, "m0")]
    assert days[0].published_at.tzinfo is not None


def test_an_unknown_customer_is_told_apart(client: ScoreClient) -> None:
    """Neither an outage nor a wrong request; and for a page it is none."""
    for customer in ("nobody", "x" * 20_000):
        with pytest.raises(UnknownScore):
            client.score(customer)
    with pytest.raises(UnknownScore, match="no scores of 2020-01-01"):
        client.score("c1", dt.date(2020, 1, 1))

    assert client.score_or_none("nobody") is None


def test_a_wrong_key_is_refused_at_once(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is tried again, what the service said is there, and a page goes on with a warning in the log."""
    slept: list[float] = []
    with ScoreClient(url, "wrong", timeout=20, sleep=slept.append) as client:
        with pytest.raises(Refused, match="the key is wrong") as refusal:
            client.score("c1")
        with caplog.at_level(logging.WARNING):
            nothing = client.score_or_none("c1")

    assert refusal.value.problem["type"] == "urn:churn-assets:problem:unauthorized"
    assert (nothing, slept) == (None, [])
    assert "the key is wrong" in caplog.text
    assert "c1" not in caplog.text


def test_half_a_surrogate_pair_is_refused(client: ScoreClient) -> None:
    """What is no text is a wrong request, and none for a page."""
    with pytest.raises(Refused):
        client.score("\ud800")

    assert client.score_or_none("\ud800") is None


@pytest.mark.parametrize("failures", [(503,), (502, 500), (0, 429), (504, 0)])
def test_what_may_pass_is_tried_again(failures: tuple[int, ...]) -> None:
    """After a few failures the answer comes, and the pauses grow."""
    flaky = Flaky(*failures)
    slept: list[float] = []

    with served(flaky) as address, ScoreClient(address, timeout=20, backoff=1, sleep=slept.append) as client:
        days = client.snapshots()

    assert (list(days), flaky.asked) == ([], len(failures) + 1)
    assert all(0.5 * 2**at <= pause <= 1.5 * 2**at for at, pause in enumerate(slept))
    assert len(slept) == len(failures)


@pytest.mark.parametrize(("failures", "message"), [((503,) * 9, "not now"), ((0,) * 9, "cannot be"), ((299,), "read")])
def test_what_does_not_pass_is_an_outage(failures: tuple[int, ...], message: str) -> None:
    """After the last retry, or where what answers is no score service, it is unavailable; for a page none."""
    flaky = Flaky(*failures)

    with served(flaky) as address, ScoreClient(address, timeout=20, sleep=lambda _: None) as client:
        with pytest.raises(Unavailable, match=message):
            client.snapshots()
        asked = flaky.asked
        nothing = client.score_or_none("c1") if len(failures) > 1 else None

    assert asked == min(3, len(failures))
    assert nothing is None


def test_where_nobody_listens_it_is_an_outage() -> None:
    """A refused connection is unavailable after every retry."""
    slept: list[float] = []
    with (
        ScoreClient("http://127.0.0.1:9", retries=3, sleep=slept.append) as client,
        pytest.raises(ScoreServiceError, match="cannot be reached: ConnectError"),
    ):
        client.score("c1")

    assert len(slept) == 3


def test_a_slow_service_is_not_waited_for() -> None:
    """An attempt ends with its timeout, and a page gets none."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with ScoreClient(address, timeout=0.05, retries=1, backoff=0) as client:
            nothing = client.score_or_none("c1")

    assert nothing is None


def test_a_wrong_address_is_no_unknown_customer(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Where the service knows no such address the client is told, and a page's log too: it would be silent for ever."""
    with ScoreClient(f"{url}/elsewhere", KEY, timeout=20) as client:
        with pytest.raises(Refused, match="there is nothing here"):
            client.score("c1")
        with caplog.at_level(logging.WARNING):
            nothing = client.score_or_none("c1")

    assert nothing is None
    assert "there is nothing here" in caplog.text


@pytest.mark.parametrize("body", [b"{}", b'{"scores": 1}', b'{"scores": [{}], "missing": []}', b'{"snapshots": [[]]}'])
def test_an_answer_of_another_shape_is_an_outage(body: bytes) -> None:
    """What a proxy says in JSON of its own is no score, and no fault of the page that asked."""

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        del receive
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

    with served(proxy) as address, ScoreClient(address, timeout=20) as client:
        questions: list[Callable[[], object]] = [
            lambda: client.score("c1"),
            lambda: client.scores(["c1"]),
            lambda: list(client.at_risk()),
            client.snapshots,
        ]
        for ask in questions:
            with pytest.raises(Unavailable, match="of another shape"):
                ask()
        assert client.score_or_none("c1") is None


def test_an_answer_that_cannot_be_unpacked_is_an_outage() -> None:
    """Bytes that are not compressed as they say are unavailable after every retry, and none for a page."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        del receive
        if scope["type"] == "http":
            headers = [(b"content-encoding", b"gzip")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"no gzip"})

    with served(broken) as address, ScoreClient(address, timeout=20, sleep=lambda _: None) as client:
        with pytest.raises(Unavailable, match="DecodingError"):
            client.score("c1")
        assert client.score_or_none("c1") is None


@pytest.mark.parametrize("customer", ["\ud800" * 900, "x" * 3000 + "\udfff"])
def test_a_long_id_that_is_no_text_is_refused(client: ScoreClient, customer: str) -> None:
    """It goes into a body, and what is no text there is a wrong request as in a path."""
    with pytest.raises(Refused):
        client.score(customer)

    assert client.score_or_none(customer) is None
