"""What the service tells of why."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from churn_assets.app.client import Reason, ScoreClient
from churn_assets.app.web import schemas
from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.table import Table
from churn_assets_tests.serving import DAY, KEY, asking, digest, make_app, publish_scores, rows_of
from churn_assets_tests.storage_factories import let_expire, publish_reasons

PEOPLE = {"c1": 0.9, "c2": 0.7, "c3": 0.1, "a/é": 0.8}
WHY = {"c1": {"use": 1.5, "price": -0.5}, "c2": {"price": 2.0}, "a/é": {"use": 0.5}}
FIRST = {
    "rank": 1,
    "family": "use",
    "feature": "use_days",
    "contribution": 1.5,
    "direction": "up",
    "value": "15",
    "sentence": "use for 15 days",
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scores of a day with their reasons, and of the day before without; not to be changed."""
    folder = tmp_path_factory.mktemp("reasons")
    publish_scores(folder, rows_of(PEOPLE), DAY.replace(day=30))
    publish_reasons(folder, publish_scores(folder, rows_of(PEOPLE)).version, WHY)
    return folder


@pytest.fixture(scope="module")
def client(data_dir: Path) -> Iterator[httpx.Client]:
    """A service that knows why."""
    with asking(make_app(data_dir)) as asked:
        yield asked


def test_a_score_tells_why_where_it_is_asked(client: httpx.Client) -> None:
    """Sentences, the strongest first, with all that adds up to the log-odds; without the question nothing of it."""
    plain = client.get("/v1/scores/c1").json()
    answer = client.get("/v1/scores/c1?reasons=true")
    unexplained = client.get("/v1/scores/c3?reasons=true").json()
    before = client.get("/v1/scores/c1?reasons=true&snapshot_date=2026-10-30").json()

    assert "reasons" not in plain
    assert answer.json()["reasons"][0] == FIRST
    assert [each["family"] for each in answer.json()["reasons"]] == ["use", "price"]
    told = {name: answer.json()[name] for name in ("base_value", "other", "hidden_share")}
    assert told == {"base_value": -1.0, "other": 0.25, "hidden_share": 0.0}
    assert answer.headers["cache-control"] == "no-store"
    assert {name: answer.json()[name] for name in plain} == plain
    assert unexplained["reasons"] == []
    assert before["reasons"] is None
    assert client.get("/v1/scores/c1?reasons=false").json() == plain
    for each in (answer.json(), unexplained, before):
        schemas.ExplainedScore.model_validate(each)


def test_a_batch_tells_why_where_it_is_asked(client: httpx.Client) -> None:
    """Each customer's own reasons; what is no boolean is refused by the name of its field."""
    asked = {"customer_ids": ["a/é", "c3", "c1", "nobody"], "reasons": True}

    answer = client.post("/v1/scores:batchGet", json=asked).json()
    refused = [
        client.get("/v1/scores/c1?reasons=yes"),
        client.post("/v1/scores:batchGet", json=asked | {"reasons": "yes"}),
    ]

    schemas.Batch.model_validate(answer)
    assert [[each["family"] for each in score["reasons"]] for score in answer["scores"]] == [
        ["use"],
        [],
        ["use", "price"],
    ]
    assert answer["missing"] == ["nobody"]
    assert [each.status_code for each in refused] == [422, 422]
    assert [each.json()["errors"][0]["field"].split(".")[-1] for each in refused] == ["reasons", "reasons"]


def test_a_day_tells_what_drives_its_high_risk(client: httpx.Client) -> None:
    """Families by the share of customers at high risk whose first reason they are; none of a day without reasons."""
    answer = client.get("/v1/drivers").json()
    before = client.get("/v1/drivers?snapshot_date=2026-10-30").json()

    schemas.Drivers.model_validate(answer)
    schemas.Drivers.model_validate(before)
    assert (answer["explained"], answer["high_risk"]) == (3, 3)
    assert answer["drivers"] == [
        {"family": "use", "customers": 2, "share": 2 / 3},
        {"family": "price", "customers": 1, "share": 1 / 3},
    ]
    assert (before["explained"], before["drivers"]) == (None, [])
    assert client.get("/v1/drivers?day=2026-10-30").status_code == 422


def test_the_client_gives_reasons(data_dir: Path) -> None:
    """One score or many, typed; without the question there are none."""
    with asking(make_app(data_dir)) as asked, ScoreClient(str(asked.base_url), timeout=10) as scores:
        one = scores.score("c1", reasons=True)
        many = scores.scores(["c2", "c3"], reasons=True).scores
        plain = scores.score("c1")

    assert one.reasons is not None
    assert one.reasons[0] == Reason(**FIRST)  # type: ignore[arg-type]  # each is of its field's type
    assert [len(many[customer].reasons or ()) for customer in ("c2", "c3")] == [1, 0]
    assert plain.reasons is None


def test_why_is_for_whoever_may_read_the_score(data_dir: Path) -> None:
    """Without a key neither a customer's reasons nor the day's are told."""
    with asking(make_app(data_dir, keys={"team": digest(KEY)})) as stranger:
        refused = [
            stranger.get("/v1/scores/c1?reasons=true"),
            stranger.post("/v1/scores:batchGet", json={"customer_ids": ["c1"], "reasons": True}),
            stranger.get("/v1/drivers"),
        ]
        known = stranger.get("/v1/scores/c1?reasons=true", headers={"Authorization": f"Bearer {KEY}"})

    assert [each.status_code for each in refused] == [401, 401, 401]
    assert not any("use" in each.text for each in refused)
    assert known.json()["reasons"]


def test_a_score_whose_reasons_expired_is_told_without(tmp_path: Path) -> None:
    """Whatever an earlier release left after a rollback, a day whose reasons are gone for good has none."""
    version = publish_scores(tmp_path, rows_of(PEOPLE)).version
    reasons = publish_reasons(tmp_path, version, WHY).version
    publish_reasons(tmp_path, "other", {"c1": {"use": 2.0}})
    let_expire(Table(Layout(tmp_path).table("churn_reasons")), reasons)

    with asking(make_app(tmp_path)) as client:
        answers = [client.get("/v1/scores/c1?reasons=true"), client.get("/v1/drivers")]

    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].json()["reasons"] is None
    assert answers[1].json()["drivers"] == []


def test_reasons_that_cannot_be_read_are_a_failure(data_dir: Path, tmp_path: Path) -> None:
    """503 in words where reasons are asked for; the score alone is told as ever."""
    copy = Path(shutil.copytree(data_dir, tmp_path / "data"))
    [file] = copy.glob("tables/churn_reasons/snapshot_date=*/*/part-0.parquet")
    file.write_bytes(b"PAR1" + bytes(50) + b"PAR1")

    with asking(make_app(copy)) as client:
        answers = [client.get("/v1/scores/c1?reasons=true"), client.get("/v1/scores/c1")]

    assert [each.status_code for each in answers] == [503, 200]
    assert answers[0].json()["type"].endswith(":unreadable-reasons")
