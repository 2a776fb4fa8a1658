"""Which scores are in force: freshness, swaps under load, and trouble with the table."""

import asyncio
import datetime as dt
import json
import shutil
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import httpx
import pytest

from churn_assets.app.scores.current import CurrentScores
from churn_assets.core.days import end_of_day
from churn_assets.core.errors import LookupFault
from churn_assets.core.options import AppOptions
from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.commits import Commit
from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.serving import (
    DAY,
    NOW,
    asking,
    make_app,
    publish_scores,
    rows_of,
    scores_table,
    served,
    wait_for,
)

ROLLBACK = Commit("rollback", "tester", "why")


@pytest.mark.parametrize(
    ("day", "timezone", "end"),
    [
        (dt.date(2026, 10, 31), "UTC", "2026-11-01T00:00:00+00:00"),
        (dt.date(2026, 10, 25), "Europe/Berlin", "2026-10-25T23:00:00+00:00"),
        (dt.date(2026, 3, 29), "Europe/Berlin", "2026-03-29T22:00:00+00:00"),
        (dt.date(2026, 7, 1), "America/New_York", "2026-07-02T04:00:00+00:00"),
    ],
)
def test_a_day_ends_at_its_midnight(day: dt.date, timezone: str, end: str) -> None:
    """In the configured time zone, on days of 23 and 25 hours too."""
    ended = end_of_day(day, timezone)

    assert ended.isoformat() == end


@pytest.mark.parametrize(("late", "stale"), [(0, False), (1, True)])
def test_scores_are_stale_a_second_after_their_freshness(tmp_path: Path, late: int, *, stale: bool) -> None:
    """Up to the last second they are fresh."""
    publish_scores(tmp_path, rows_of({"c1": 0.9}))
    until = end_of_day(DAY, "Asia/Tokyo") + dt.timedelta(hours=1.5)

    with asking(make_app(tmp_path, until + dt.timedelta(seconds=late), "Asia/Tokyo", fresh_hours=1.5)) as client:
        score = client.get("/v1/scores/c1").json()

    assert score["stale"] is stale


def test_a_publish_and_a_rollback_are_served_at_once(tmp_path: Path) -> None:
    """The next day, another version of it, the version before: each is in force soon after its commit."""
    publish_scores(tmp_path, rows_of({"c1": 0.1}))
    with asking(make_app(tmp_path)) as client:
        seen = [client.get("/v1/scores/c1").json()["churn_probability"]]
        for probability in (0.2, 0.3):
            publish_scores(tmp_path, rows_of({"c1": probability}))
            wanted = probability
            wait_for(lambda: client.get("/v1/scores/c1").json()["churn_probability"] == wanted)  # noqa: B023  # asked at once
        scores_table(tmp_path).rollback(DAY, None, ROLLBACK)
        wait_for(lambda: client.get("/v1/scores/c1").json()["churn_probability"] == 0.2)
        publish_scores(tmp_path, rows_of({"c1": 0.4}), DAY + dt.timedelta(days=1))
        wait_for(lambda: client.get("/v1/scores/c1").json()["snapshot_date"] == "2026-11-01")
        metrics = client.get("/metrics").text

    assert seen == [0.1]
    assert "churn_hot_swaps_total 4.0" in metrics


def test_the_first_night_is_served_without_a_restart(tmp_path: Path) -> None:
    """A service that was started before there was anything finds the first scores by itself."""
    with asking(make_app(tmp_path)) as client:
        before = client.get("/readyz").status_code
        publish_scores(tmp_path, rows_of({"c1": 0.1}))
        wait_for(lambda: client.get("/readyz").status_code == 200)

    assert before == 503


@pytest.mark.fault("versions are swapped under readers")
@pytest.mark.parametrize("swaps", [50, pytest.param(400, marks=pytest.mark.campaign)])
def test_no_answer_fails_or_is_torn_while_versions_are_swapped(tmp_path: Path, tally: Tally, swaps: int) -> None:
    """Publishes and rollbacks under load: each answer is 200, and each batch is of one version, whole."""
    people = [f"c{number}" for number in range(200)]
    for version in (1, 2):
        publish_scores(tmp_path, rows_of(dict.fromkeys(people, version / 100), f"m{version}"))
    ended = threading.Event()
    torn: list[str] = []
    statuses: dict[int, int] = {}

    def ask(url: str) -> None:
        with httpx.Client(base_url=url, timeout=20) as client:
            while not ended.is_set():
                answers = [
                    client.post("/v1/scores:batchGet", json={"customer_ids": people}),
                    client.get("/v1/scores/c7"),
                    client.get("/v1/customers/at-risk?limit=20"),
                ]
                for answer in answers:
                    statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                batch = answers[0].json()
                values = {(row["model_version"], row["churn_probability"]) for row in batch["scores"]}
                versions = {row["score_version"] for row in batch["scores"]} | {batch["score_version"]}
                if len(values) != 1 or len(versions) != 1 or batch["missing"]:
                    torn.append(json.dumps(batch)[:300])

    with served(make_app(tmp_path, poll_seconds=0.005)) as url:
        threads = [threading.Thread(target=ask, args=(url,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        table = scores_table(tmp_path)
        for number in range(swaps):
            if number % 2:
                table.rollback(DAY, None, ROLLBACK)
            else:
                publish_scores(tmp_path, rows_of(dict.fromkeys(people, (number + 3) / 100), f"m{number + 3}"))
        ended.set()
        for thread in threads:
            thread.join(20)
        hot_swaps = float(httpx.get(f"{url}/metrics").text.split("\nchurn_hot_swaps_total ")[1].split()[0])

    tally.tried(sum(statuses.values()))
    tally.found(lost=sum(statuses.values()) - statuses[200], wrong=len(torn))
    assert not torn
    assert statuses.keys() == {200}
    assert hot_swaps > swaps / 5  # what came and went between two looks was never in force


@pytest.mark.fault("the table goes away under its readers")
def test_trouble_with_the_table_leaves_the_scores_in_force(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A commit that cannot be read is counted and logged once, with its traceback; what was in force stays."""
    publish_scores(tmp_path, rows_of({"c1": 0.1}))
    log = scores_table(tmp_path).root / "_delta_log" / f"{2:020}.json"
    with asking(make_app(tmp_path)) as client:
        log.write_bytes(b"{ no json\n")
        wait_for(lambda: "\nchurn_refresh_failures_total 0.0" not in client.get("/metrics").text)
        during = client.get("/v1/scores/c1")
        log.unlink()
        publish_scores(tmp_path, rows_of({"c1": 0.3}))
        wait_for(lambda: client.get("/v1/scores/c1").json()["churn_probability"] == 0.3)

    assert during.json()["churn_probability"] == 0.1
    [failure] = [record for record in caplog.records if record.getMessage() == "scores cannot be followed"]
    assert failure.exc_info is not None
    assert failure.exc_info[2] is not None


def follow_until(current: CurrentScores, holds: Callable[[], bool]) -> None:
    """Follow the table until something holds, and no longer: what the caller moves then is moved between two looks."""

    async def follow() -> None:
        follower = asyncio.create_task(current.follow())
        try:
            await asyncio.to_thread(wait_for, holds)
        finally:
            follower.cancel()

    asyncio.run(follow())


def test_a_service_that_cannot_follow_for_long_is_not_ready(tmp_path: Path) -> None:
    """Half a minute after its table was last read the probe says why; scores are served all the same, marked stale."""
    data, away = tmp_path / "data", tmp_path / "away"
    publish_scores(data, rows_of({"c1": 0.1}))
    now = [NOW]
    with closing(CurrentScores(Layout(data), AppOptions(poll_seconds=0.001), "UTC", lambda: now[0])) as current:
        current.refresh()
        before, ready_before = current.newest(), current.unready()

        data.rename(away)
        follow_until(current, lambda: current.failures > 0)
        during, ready_at_once = current.newest(), current.unready()
        now[0] += dt.timedelta(seconds=31)
        refusal = current.unready()
        away.rename(data)
        follow_until(current, lambda: not current.newest()[1])
        ready_after = current.unready()

    assert (before[1], during) == (False, (before[0], True))
    assert (ready_before, ready_at_once, ready_after) == (None, None, None)
    assert refusal is not None
    assert (refusal.status, refusal.kind) == (503, "unreadable-scores")
    assert "the table could not be read since 2026-11-01 06:00:00 UTC" in refusal.detail


def test_a_mount_that_hangs_is_not_ready(tmp_path: Path) -> None:
    """Where reading the table neither succeeds nor fails, its silence is trouble: stale, and not ready."""
    publish_scores(tmp_path, rows_of({"c1": 0.1}))
    now = [NOW]
    with closing(CurrentScores(Layout(tmp_path), AppOptions(), "UTC", lambda: now[0])) as current:
        current.refresh()
        before = current.newest()[1], current.unready()
        now[0] += dt.timedelta(seconds=31)

        after = current.newest()[1], current.unready()

    assert before == (False, None)
    assert after[0] is True
    assert after[1] is not None
    assert after[1].kind == "unreadable-scores"


@pytest.fixture
def rotten_newest(tmp_path: Path) -> Path:
    """Three days, of which the newest can be read by nobody, and the first has two versions."""
    for more in range(3):
        day = DAY - dt.timedelta(days=more)
        publish_scores(tmp_path, rows_of({"c1": 0.1 + more / 10}), day)
    publish_scores(tmp_path, rows_of({"c1": 0.9}), DAY - dt.timedelta(days=2))
    table = scores_table(tmp_path)
    shutil.rmtree(table.root / "_lookup" / f"snapshot_date={DAY}")
    [part] = table.version(DAY).files
    part.write_bytes(part.read_bytes()[:-9])
    return tmp_path


def test_an_unreadable_newest_day_holds_up_no_other(rotten_newest: Path) -> None:
    """Whoever names another day gets its scores as they are now, also from a service that was just started."""
    with asking(make_app(rotten_newest)) as client:
        wait_for(lambda: "\nchurn_refresh_failures_total 0.0" not in client.get("/metrics").text)
        first = client.get(f"/v1/scores/c1?snapshot_date={DAY - dt.timedelta(days=2)}").json()
        newest = client.get("/v1/scores/c1")
        scores_table(rotten_newest).rollback(DAY - dt.timedelta(days=2), None, ROLLBACK)
        wait_for(
            lambda: (
                client.get(f"/v1/scores/c1?snapshot_date={DAY - dt.timedelta(days=2)}").json()["churn_probability"]
                == pytest.approx(0.3)
            )
        )

    assert (first["churn_probability"], first["stale"]) == (0.9, True)
    assert newest.status_code == 503
    assert "cannot be read; the log says why" in newest.json()["detail"]


def test_an_unreadable_day_is_not_read_again_and_again(rotten_newest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a day's scores are read to make its lookup: after a failure that waits, whatever else is published."""
    with closing(CurrentScores(Layout(rotten_newest), AppOptions(), "UTC", lambda: NOW)) as current:
        opened = Mock(wraps=current._newest_lookups.get)
        monkeypatch.setattr(current._newest_lookups, "get", opened)

        for _ in range(3):
            with pytest.raises(LookupFault, match="is damaged"):
                current.refresh()

    assert opened.call_count == 1
