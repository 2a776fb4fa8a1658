"""Reasons are found for the very scores that they explain, and go back with them."""

from pathlib import Path
from typing import Any

import pytest

from churn_assets.core.errors import DamagedVersion
from churn_assets.storage.layout import Layout
from churn_assets.storage.reasons.published import PublishedReasons
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.tables import parquet
from churn_assets.storage.tables.table import Table
from churn_assets_tests.storage_factories import (
    DAY,
    delta_version,
    let_expire,
    publish,
    publish_reasons,
    score_rows,
)

MANY = {f"c{number:05d}": {"use": 1.0 + number, "price": -0.5} for number in range(700)}


def reasons_table(data_dir: Path) -> Table:
    """`churn_reasons`."""
    return Table(Layout(data_dir).table("churn_reasons"))


def scored(data_dir: Path, model: str) -> str:
    """A new version of the day's scores."""
    return publish(PublishedScores(Layout(data_dir)).table, score_rows(5, model), model_version=model).version


def told(data_dir: Path, score_version: str, customer: str) -> Any:
    """The families of a customer in the reasons of a version of scores; None where there are none of these scores."""
    found = PublishedReasons(Layout(data_dir)).day(DAY, score_version)
    return None if found is None else [row["family"] for row in found.of([customer]).get(customer, [])]


def test_a_customer_is_found_in_any_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the ends of groups and across two of them, whole and in order; who is not explained has no reason."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 99)
    publish_reasons(tmp_path, "v1", {"": {"use": 1.0}, "\U0001f600": {"use": 2.0}, **MANY})

    found = PublishedReasons(Layout(tmp_path)).day(DAY, "v1")
    assert found is not None
    rows = found.of([*MANY, "", "\U0001f600", "c99999", "a", "\uffff"])

    assert rows.keys() == {*MANY, "", "\U0001f600"}
    assert all([row["rank"] for row in rows[customer]] == [1, 2] for customer in MANY)
    assert {row["contribution"] for row in rows["c00049"]} == {50.0, -0.5}
    assert told(tmp_path, "v1", "c99999") == []


def test_reasons_go_back_with_their_scores(tmp_path: Path) -> None:
    """A rollback of scores makes the reasons of the restored version current; no reader meets those of others."""
    scores, reasons = PublishedScores(Layout(tmp_path)), reasons_table(tmp_path)
    unexplained = scored(tmp_path, "m0")
    first = scored(tmp_path, "m1")
    before = publish_reasons(tmp_path, first, {"c0000001": {"use": 1.0}}).version
    second = scored(tmp_path, "m2")
    publish_reasons(tmp_path, second, {"c0000001": {"price": 1.0}})

    scores.rollback([DAY], None, "ana", "why")
    current = reasons.current(DAY)
    newest = next(reasons.backwards(DAY)).commit
    scores.rollback([DAY], unexplained, "ana", "further back")

    assert current == before
    assert (newest.kind, newest.actor, newest.details["score_version"]) == ("rollback", "ana", first)
    assert reasons.version(DAY).rows == 0  # of scores that have no reasons
    assert told(tmp_path, unexplained, "c0000001") is None
    assert told(tmp_path, first, "c0000001") == ["use"]
    assert told(tmp_path, second, "c0000001") == ["price"]
    assert [row["family"] for row in scores.show("c0000001", None, reasons=True).get("reasons") or []] == []


def test_scores_go_back_without_reasons_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Damaged reasons keep nobody from taking scores back, and are warned of; where there are none, none are made."""
    scores, reasons = PublishedScores(Layout(tmp_path)), reasons_table(tmp_path)
    first = scored(tmp_path, "m1")
    scored(tmp_path, "m2")
    scores.rollback([DAY], None, "ana", "why")
    never = reasons.root.exists()
    publish_reasons(tmp_path, first, {"c0000001": {"use": 1.0}})
    second = scored(tmp_path, "m3")
    publish_reasons(tmp_path, second, {"c0000001": {"price": 1.0}})
    [file] = reasons.version(
        DAY, next(e.version for e in reasons.history(DAY) if e.commit.details["score_version"] == first)
    ).files
    file.write_bytes(file.read_bytes()[:-100] + bytes(100))

    [moved] = scores.rollback([DAY], first, "ana", "why")

    assert not never
    assert moved["to"] == scores.table.current(DAY) == first
    assert "the scores are rolled back, their reasons are not" in caplog.text
    with pytest.raises(DamagedVersion, match="churn_reasons 2026-10-31"):
        told(tmp_path, first, "c0000001")


def test_scores_whose_reasons_expired_go_back_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Their reasons are withdrawn and no reader meets those of others; when they expired is told before and after."""
    scores, reasons = PublishedScores(Layout(tmp_path)), reasons_table(tmp_path)
    first = scored(tmp_path, "m1")
    let_go = publish_reasons(tmp_path, first, {"c0000001": {"use": 1.0}}).version
    second = scored(tmp_path, "m2")
    publish_reasons(tmp_path, second, {"c0000001": {"price": 1.0}})
    never = PublishedReasons(Layout(tmp_path)).expired(DAY, first)
    let_expire(reasons, let_go)

    before = told(tmp_path, first, "c0000001"), PublishedReasons(Layout(tmp_path)).expired(DAY, first)
    scores.rollback([DAY], None, "ana", "back")
    shown = scores.show("c0000001", DAY, reasons=True)
    withdrawn = reasons.version(DAY).rows
    scores.rollback([DAY], second, "ana", "forth")

    assert never is None
    assert before[0] is None
    assert (shown["score_version"], withdrawn, shown["reasons"]) == (first, 0, None)
    assert shown["reasons_expired"] == before[1] is not None
    assert f"without reasons: churn_reasons {DAY}: version {let_go} expired" in caplog.text
    assert told(tmp_path, second, "c0000001") == ["price"]


def test_a_rollback_that_finds_the_same_rows_commits_once(tmp_path: Path) -> None:
    """Two versions of scores may have the same reasons: going back moves nothing that is there already."""
    scores, reasons = PublishedScores(Layout(tmp_path)), reasons_table(tmp_path)
    for model in ("m1", "m2"):
        publish_reasons(tmp_path, scored(tmp_path, model), {"c0000001": {"use": 1.0}})
    before = delta_version(reasons)

    [moved] = scores.rollback([DAY], None, "ana", "why")

    assert delta_version(reasons) == before
    assert told(tmp_path, moved["to"], "c0000001") == ["use"]
