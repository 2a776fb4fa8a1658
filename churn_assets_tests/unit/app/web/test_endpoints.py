"""What the endpoints answer."""

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from churn_assets.app.web import schemas
from churn_assets_tests.serving import DAY, asking, make_app, publish_scores, rows_of, scores_table

ODD = [
    "a/b",
    "/",
    "//",
    "a b",
    "?x=1",
    "#",
    "%",
    "%2F",
    "é",
    "e\u0301",
    "\U0001f600",
    "a\0b",
    "\0",
    "x" * 10_000,
    "\U0001f600" * 10_000,  # too long for a client's URL, not for a batch
    "...",
    ":batchGet",
    "\ufffd",
    '"\\\n',
    "at-risk",
]
PEOPLE = {customer: (number + 1) / 100 for number, customer in enumerate(ODD)} | {"c1": 0.9, "c2": 0.5, "c3": 0.1}


@pytest.fixture(scope="module")
def versions() -> dict[str, str]:
    """The versions that `client` was given, by name."""
    return {}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, versions: dict[str, str]) -> Iterator[httpx.Client]:
    """A service with two days of scores."""
    data_dir = tmp_path_factory.mktemp("api")
    before = DAY - dt.timedelta(days=1)
    versions["before"] = publish_scores(data_dir, rows_of({"c1": 0.2, "gone": 0.4}, "m0"), before, "m0").version
    versions["newest"] = publish_scores(data_dir, rows_of(PEOPLE)).version
    with asking(make_app(data_dir)) as asked:
        yield asked


def score_path(customer: str) -> str:
    """Where a customer's score is."""
    return "/v1/scores/" + quote(customer, safe="")


def test_a_score_is_told_with_all_that_the_app_needs(client: httpx.Client, versions: dict[str, str]) -> None:
    """The row of the newest day with its version, whether it is stale, and how caches are to treat it."""
    answer = client.get("/v1/scores/c1")

    assert answer.status_code == 200
    assert answer.json() == {
        "customer_id": "c1",
        "snapshot_date": "2026-10-31",
        "churn_probability": 0.9,
        "risk_tier": "high",
        "action": "offer",
        "model_version": "m1",
        "score_version": versions["newest"],
        "stale": False,
    }
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "customer", [each for each in ODD if len(quote(each)) < 60_000], ids=lambda each: ascii(each)[:20]
)
def test_any_text_is_an_id(client: httpx.Client, customer: str) -> None:
    """Slashes, NUL, other scripts and ten thousand characters find their customer, and no other."""
    answer = client.get(score_path(customer))
    other = client.get(score_path(customer + "x"))

    assert (answer.json()["customer_id"], answer.json()["churn_probability"]) == (customer, PEOPLE[customer])
    assert other.status_code == 404


def test_another_day_is_told_by_its_date(client: httpx.Client, versions: dict[str, str]) -> None:
    """`snapshot_date` asks for a day; a customer of that day alone is found on it alone."""
    answer = client.get("/v1/scores/c1", params={"snapshot_date": "2026-10-30"})

    assert (answer.json()["churn_probability"], answer.json()["score_version"]) == (0.2, versions["before"])
    assert client.get("/v1/scores/gone?snapshot_date=2026-10-30").status_code == 200
    assert client.get("/v1/scores/gone").status_code == 404


def test_scores_that_did_not_change_are_not_sent_again(client: httpx.Client) -> None:
    """With their ETag in `If-None-Match` the answer is 304 and empty; another day's ETag is not theirs."""
    etag = client.get("/v1/scores/c1").headers["etag"]
    other = client.get("/v1/scores/c1?snapshot_date=2026-10-30").headers["etag"]

    given = [etag, f'"x", W/{etag}', "*", other, '"x"']
    answers = [client.get("/v1/scores/c1", headers={"If-None-Match": each}) for each in given]

    assert [each.status_code for each in answers] == [304, 304, 304, 200, 200]
    assert [answers[0].content, answers[0].headers["etag"]] == [b"", etag]


def test_a_batch_tells_who_was_found_and_who_is_missing(client: httpx.Client, versions: dict[str, str]) -> None:
    """Scores in the order asked, each once; those without one by name; all of one version."""
    asked = ["c2", "nobody", *ODD, "c1", "c2", "\U0001f600nobody"]

    batch = client.post("/v1/scores:batchGet", json={"customer_ids": asked}).json()

    assert [score["customer_id"] for score in batch["scores"]] == ["c2", *ODD, "c1"]
    assert batch["missing"] == ["nobody", "\U0001f600nobody"]
    assert {score["score_version"] for score in batch["scores"]} == {versions["newest"]} == {batch["score_version"]}
    assert batch["scores"][0] == client.get("/v1/scores/c2").json()


def test_a_batch_of_another_day(client: httpx.Client) -> None:
    """`snapshot_date` in the body asks for a day."""
    body = {"customer_ids": ["c1", "c2"], "snapshot_date": "2026-10-30"}

    batch = client.post("/v1/scores:batchGet", json=body).json()

    assert (batch["snapshot_date"], [each["customer_id"] for each in batch["scores"]], batch["missing"]) == (
        "2026-10-30",
        ["c1"],
        ["c2"],
    )


def test_the_days_are_listed(client: httpx.Client, versions: dict[str, str]) -> None:
    """Every day with its version, rows and model, the newest first."""
    days = client.get("/v1/snapshots").json()["snapshots"]

    named = [(each["snapshot_date"], each["score_version"], each["rows"], each["model_version"]) for each in days]
    assert named == [
        ("2026-10-31", versions["newest"], len(PEOPLE), "m1"),
        ("2026-10-30", versions["before"], 2, "m0"),
    ]


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_the_customers_at_risk_are_paged(client: httpx.Client, limit: int) -> None:
    """Page after page gives everybody at risk once, the highest first, and the last page leads nowhere."""
    seen: list[tuple[str, float]] = []
    after = None
    while True:
        params = {"limit": limit} | ({"after": after} if after else {})
        page = client.get("/v1/customers/at-risk", params=params).json()
        seen += [(score["customer_id"], score["churn_probability"]) for score in page["scores"]]
        after = page["next"]
        if after is None:
            break

    assert seen == [("c1", 0.9), ("c2", 0.5)]


def test_a_summary_tells_the_day(client: httpx.Client) -> None:
    """Rows, mean, tiers, actions, models and histogram of the newest day, and until when they are fresh."""
    summary = client.get("/v1/summary").json()

    assert (summary["rows"], summary["tiers"]["high"], summary["models"]) == (len(PEOPLE), 1, {"m1": len(PEOPLE)})
    assert sum(summary["histogram"]) == len(PEOPLE)
    assert summary["fresh_until"] == "2026-11-02T08:00:00+00:00"


def test_a_history_tells_one_customer_over_the_days(client: httpx.Client) -> None:
    """The scores of the last days, the newest first; days without one are left out."""
    history = client.get("/v1/history/c1").json()
    short = client.get("/v1/history/c1?days=1").json()
    gone = client.get("/v1/history/gone").json()

    assert [(each["snapshot_date"], each["churn_probability"]) for each in history["scores"]] == [
        ("2026-10-31", 0.9),
        ("2026-10-30", 0.2),
    ]
    assert [len(short["scores"]), len(gone["scores"])] == [1, 1]
    assert client.get("/v1/history/nobody").status_code == 404


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/scores/c1", schemas.Score),
        ("/v1/snapshots", schemas.Snapshots),
        ("/v1/customers/at-risk", schemas.AtRiskPage),
        ("/v1/summary", schemas.Summary),
        ("/v1/history/c1", schemas.History),
        ("/healthz", schemas.Health),
        ("/readyz", schemas.Readiness),
        ("/v1/scores/nobody", schemas.Problem),
    ],
)
def test_answers_are_what_the_document_says(client: httpx.Client, path: str, model: Any) -> None:
    """An answer has the fields of its type and no others."""
    answer = client.get(path).json()

    parsed = model.model_validate_json(json.dumps(answer))

    assert parsed.model_dump(mode="json", exclude_none="type" in answer).keys() == answer.keys()


def test_metrics_tell_requests_scores_and_their_age(client: httpx.Client, versions: dict[str, str]) -> None:
    """Counts by route and status, latency, errors by class, the version in force and how old its day is."""
    for path in ("/v1/scores/c1", "/v1/scores/nobody", "/nothing"):
        client.get(path)

    text = client.get("/metrics").text

    assert 'churn_requests_total{method="GET",route="/v1/scores/{customer_id}",status="404"}' in text
    assert 'churn_request_seconds_bucket{le="0.001",route="/v1/scores/{customer_id}"}' in text
    assert 'churn_errors_total{kind="unknown-customer"}' in text
    assert "churn_score_age_seconds 21600.0" in text
    assert f'score_version="{versions["newest"]}",snapshot_date="2026-10-31"' in text
    assert "churn_hot_swaps_total" in text
    assert "process_resident_memory_bytes" in text


def test_head_is_get_without_the_body_everywhere(client: httpx.Client) -> None:
    """Every address that answers or refuses GET does so to HEAD, with the same status and headers, and is counted."""
    operations = client.get("/openapi.json").json()["paths"]
    documented = [path.replace("{customer_id}", "c1") for path, methods in operations.items() if "get" in methods]
    pages = ["/", "/page.js", "/reasons.js", "/page.css", "/favicon.svg", "/openapi.json", "/metrics"]
    refused = ["/v1/scores/nobody", "/nowhere", "/v1/history/c1?days=99", "/v1/scores/%ff", "/v1/scores:batchGet"]

    answers = {path: (client.get(path), client.head(path)) for path in [*documented, *pages, *refused]}

    for path, (got, headed) in answers.items():
        volatile = {"x-request-id", "date"} | ({"content-length"} if path == "/metrics" else set())  # it counts itself
        headers = [[each for each in answer.headers.items() if each[0] not in volatile] for answer in (got, headed)]
        assert (headed.status_code, headed.content, headers[1]) == (got.status_code, b"", headers[0]), path
        assert "content-length" in headed.headers, path
    counted = client.get("/metrics").text
    for path, methods in operations.items():
        line = f'churn_requests_total{{method="HEAD",route="{path}",status="200"}}'
        assert (line in counted) == ("get" in methods), path


def test_a_history_leaves_out_a_day_that_cannot_be_read(tmp_path: Path) -> None:
    """One damaged old day takes nothing from the others, and is named."""
    days = [DAY - dt.timedelta(days=back) for back in (0, 1, 2)]
    for day in days:
        publish_scores(tmp_path, rows_of({"c1": 0.1}), day)
    table = scores_table(tmp_path)
    shutil.rmtree(table.root / "_lookup" / f"snapshot_date={days[1]}")
    table.version(days[1]).files[0].write_bytes(b"rot")

    with asking(make_app(tmp_path)) as client:
        history = client.get("/v1/history/c1").json()

    assert [row["snapshot_date"] for row in history["scores"]] == [str(days[0]), str(days[2])]
    assert history["unreadable"] == [str(days[1])]
