"""What the service tells of how the model and its nights have been doing."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from churn_assets.app.web.monitoring_schemas import Monitoring
from churn_assets.core.alerting.alerts import Alert
from churn_assets.core.monitoring import table_schemas
from churn_assets.core.monitoring.night_facts import NightFacts
from churn_assets.core.table_schemas import PROMOTIONS
from churn_assets.pipeline.alerting.alert_record import AlertRecord
from churn_assets.pipeline.chain import RunContext
from churn_assets.pipeline.monitoring.publishing import publish_rows
from churn_assets.storage.layout import Layout
from churn_assets.storage.scores.night_reports import write_night_report
from churn_assets.storage.tables.ledger import Ledger
from churn_assets.storage.tables.table import Table
from churn_assets_tests.serving import DAY, KEY, NOW, asking, digest, make_app, publish_scores, rows_of
from churn_assets_tests.storage_factories import record, recording

ONE_DAY = dt.timedelta(days=1)
MODEL = "20261001-aaaaaaaa"
ALERT = Alert("feature_drift", "error", DAY, "1 of 2 features have drifted")
NIGHT: dict[str, Any] = {
    "customers_version": "c",
    "model_version": MODEL,
    "models": {MODEL: 2},
    "trained_as_of": dt.date(2026, 10, 1),
    "customers": 2,
    "tiers": {"low": 1, "high": 1},
    "actions": {"none": 2},
    "mean_probability": 0.5,
    "twentieths": [1, *[0] * 18, 1],
    "quarantined": 3,
    "faults": {"spend: not_null": 3},
}


def put(data_dir: Path, name: str, schema: pa.Schema, rows: list[dict[str, Any]], day: dt.date = DAY) -> None:
    """Publish rows of a table of the watching; what they do not name is null."""
    whole = [dict.fromkeys(schema.names) | row for row in rows]
    publish_rows(Table(Layout(data_dir).table(name)), day, schema, whole, RunContext("tester"))


def judged(day: dt.date, **changes: Any) -> dict[str, Any]:
    """A row of `realized_performance`, of a day that promised a tenth and lost a tenth of a hundred."""
    figures = {"roc_auc": 0.8, "roc_auc_low": 0.7, "roc_auc_high": 0.9, "mean_probability": 0.11, "brier": 0.1}
    counts = {"rows": 100, "churners": 10, "calibration_error": 0.01, "known_on": day + 30 * ONE_DAY}
    whose = {"model_version": MODEL, "arm": "champion", "slice_column": "", "slice_value": ""}
    return figures | counts | whose | changes


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of scores and one of everything that is watched; not to be changed."""
    folder = tmp_path_factory.mktemp("watched")
    publish_scores(folder, rows_of({"klara": 0.2, "otto": 0.1}), DAY - ONE_DAY, MODEL)
    version = publish_scores(folder, rows_of({"klara": 0.9, "otto": 0.1}), DAY, MODEL).version
    facts = NightFacts(snapshot_date=DAY, score_version=version, **NIGHT)
    write_night_report(Layout(folder).table("churn_scores"), facts, "", "")
    drifted = {"kind": "numeric", "rows": 2, "psi": 0.4, "psi_chance": 0.1, "severity": "error"}
    quiet = drifted | {"feature": "visits", "psi": float("inf"), "severity": "ok"}
    put(folder, "feature_drift", table_schemas.FEATURE_DRIFT, [drifted | {"feature": "spend"}, quiet])
    scores = {"against": "reference", "psi": 0.01, "mean_shift": 0.0, "severity": "ok"}
    put(folder, "score_drift", table_schemas.SCORE_DRIFT, [scores])
    scored = DAY - 40 * ONE_DAY
    groups = [judged(scored), judged(scored, slice_column="plan", slice_value="basic")]
    put(folder, "realized_performance", table_schemas.REALIZED_PERFORMANCE, groups, scored)
    Ledger(Layout(folder).table("promotions"), PROMOTIONS).append(recording(record(MODEL)))
    AlertRecord(Layout(folder)).record_raised(ALERT, ["webhook"])
    AlertRecord(Layout(folder)).record_delivered(ALERT, "webhook")
    return folder


@pytest.fixture(scope="module")
def client(data_dir: Path) -> Iterator[httpx.Client]:
    """A service that asks for a key, and a program that has it."""
    with asking(make_app(data_dir, keys={"team": digest(KEY)}), KEY) as asked:
        yield asked


def test_one_answer_tells_how_things_stand(client: httpx.Client) -> None:
    """Every part of it, from tables as they are; of everybody and no group, no customer, and no number JSON lacks."""
    answer = client.get("/v1/monitoring")
    told = answer.json()

    assert answer.status_code == 200
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("application/json", "no-store")
    assert Monitoring.model_validate(told).until == DAY
    assert (told["since"], told["newest"], told["stale"]) == (str(DAY - 29 * ONE_DAY), str(DAY), False)
    assert (told["model"]["model_version"], told["model"]["trained_as_of"]) == (MODEL, "2026-10-01")
    drift = [(row["feature"], row["psi"], row["severity"]) for row in told["feature_drift"]]
    assert drift == [("spend", 0.4, "error"), ("visits", None, "ok")]
    assert [row["against"] for row in told["score_drift"]] == ["reference"]
    assert [(row["roc_auc"], row["arm"]) for row in told["realized_performance"]] == [(0.8, "champion")]
    [month] = told["calibration"]
    assert (month["month"], month["churn_rate"], month["gap"]) == ("2026-09-01", 0.1, pytest.approx(0.1))
    assert [(row["quarantined"], row["faults"]) for row in told["quarantine"]] == [(3, {"spend: not_null": 3})]
    assert [(row["condition"], row["delivered"]) for row in told["alerts"]] == [("feature_drift", ["webhook"])]
    newest, before = told["publications"]
    assert (newest["snapshot_date"], newest["actor"], newest["high_share"]) == (str(DAY), "tester", 0.5)
    assert before["high_share"] is None
    assert (newest["audited"], newest["beyond"], before["audited"]) == (None, [], None)
    assert [(row["to_version"], row["reason"]) for row in told["promotions"]] == [(MODEL, "because")]
    assert told["verdict"]["sentence"].startswith(f"yes, the champion {MODEL}: ROC-AUC 0.800 (0.700 to 0.900) on ")
    assert (month["severity"], month["models"], told["timezone"]) == ("ok", [MODEL], "UTC")
    assert (told["bounds"]["psi_warning"], told["bounds"]["min_roc_auc"]) == (0.1, 0.6)
    assert [row["condition"] for row in told["alerts_in_force"]] == ["feature_drift", "quarantine_near_bound"]
    assert told["fresh_until"] == "2026-11-02T08:00:00Z"
    assert {note["table"] for note in told["notes"]} == {"estimated_performance"}
    assert not any(name in answer.text for name in ("klara", "otto"))


def test_a_window_is_told_by_its_last_day_and_its_length(client: httpx.Client) -> None:
    """What lies outside of it is left out, and a sentence says from when to when there is something."""
    short = client.get("/v1/monitoring", params={"days": 1, "until": str(DAY - ONE_DAY)}).json()
    dawn = client.get("/v1/monitoring", params={"until": "0001-01-01"}).json()

    notes = {note["table"]: note["sentence"] for note in short["notes"]}
    assert (short["since"], short["until"], short["newest"]) == (*[str(DAY - ONE_DAY)] * 2, str(DAY))
    assert [each["snapshot_date"] for each in short["publications"]] == [str(DAY - ONE_DAY)]
    assert short["feature_drift"] == short["alerts"] == []
    assert notes["feature_drift"] == f"Nothing of {DAY - ONE_DAY} to {DAY - ONE_DAY}; there is of {DAY} to {DAY}."
    assert len(short["realized_performance"]) == 1  # performance reaches further back
    assert dawn["publications"] == []
    assert "No day from 0001-01-01 to 0001-01-01 has scores." in [note["sentence"] for note in dawn["notes"]]


def test_what_holds_now_is_apart_from_what_was_raised(tmp_path: Path) -> None:
    """A retired model's outcomes are no verdict on the champion; they are one on the night that it scored."""
    champion, eve, scored = "20261030-bbbbbbbb", DAY - ONE_DAY, DAY - 30 * ONE_DAY
    publish_scores(tmp_path, rows_of({"klara": 0.2}), eve, MODEL)
    publish_scores(tmp_path, rows_of({"klara": 0.2}), DAY, champion)
    for day in (scored - ONE_DAY, scored):
        put(
            tmp_path,
            "realized_performance",
            table_schemas.REALIZED_PERFORMANCE,
            [judged(day, mean_probability=0.3)],
            day,
        )
    promotions = Ledger(Layout(tmp_path).table("promotions"), PROMOTIONS)
    for version in (MODEL, champion):
        promotions.append(recording(record(version)))
    for raised in (ALERT, Alert("run_failed", "error", DAY + ONE_DAY, "the nightly run failed")):
        AlertRecord(Layout(tmp_path)).record_raised(raised, [])

    with asking(make_app(tmp_path, now=NOW + 3 * ONE_DAY)) as client:
        now, then = (client.get("/v1/monitoring", params=day).json() for day in ({}, {"until": str(eve)}))

    holding = {row["condition"]: row for row in now["alerts_in_force"]}
    assert holding.keys() == {"calibration", "stale_scores", "run_failed"}
    assert f"predictions of {MODEL} run high by 200.0%" in holding["calibration"]["sentence"]
    assert {row["condition"] for row in now["alerts"]} == {"feature_drift", "run_failed"}
    assert [month["severity"] for month in now["calibration"]] == ["error", "error"]
    assert (now["verdict"]["answer"], now["verdict"]["model_version"]) == ("not known yet", champion)
    assert (then["verdict"]["answer"], then["verdict"]["model_version"]) == ("yes", MODEL)
    assert then["alerts_in_force"] == now["alerts_in_force"]


def test_a_long_horizon_takes_no_verdict_and_no_month(tmp_path: Path) -> None:
    """Outcomes of a quarter become known a quarter late: those of the last judged days are told, as `status` has it."""
    publish_scores(tmp_path, rows_of({"klara": 0.2}), DAY, MODEL)
    for back in (97, 94, 91):
        scored = DAY - back * ONE_DAY
        rows = [judged(scored, known_on=scored + 90 * ONE_DAY)]
        put(tmp_path, "realized_performance", table_schemas.REALIZED_PERFORMANCE, rows, scored)
    Ledger(Layout(tmp_path).table("promotions"), PROMOTIONS).append(recording(record(MODEL)))

    with asking(make_app(tmp_path)) as client:
        told, short = (client.get("/v1/monitoring", params={"days": days}).json() for days in (30, 1))

    assert told["performance_since"] == str(DAY - 97 * ONE_DAY)
    assert (told["verdict"]["answer"], len(told["realized_performance"])) == ("yes", 3)
    assert sum(month["days"] for month in told["calibration"]) == 3
    assert short["verdict"] == told["verdict"]


def test_a_failed_run_is_in_force_until_it_is_made_good_or_long_ago(tmp_path: Path) -> None:
    """The scores of its day came after it; maintenance has none, and is told for a week, as is a day without scores."""
    now = dt.datetime.now(dt.UTC)
    alerts = AlertRecord(Layout(tmp_path))
    for day in (DAY - 7 * ONE_DAY, DAY - ONE_DAY, DAY + ONE_DAY):
        alerts.record_raised(Alert("run_failed", "error", day, f"the run of {day} failed"), [])
    alerts.record_raised(Alert("maintenance_failed", "error", DAY - ONE_DAY, "the maintenance run failed"), [])
    for day in (DAY - 7 * ONE_DAY, DAY - ONE_DAY, DAY):
        publish_scores(tmp_path, rows_of({"klara": 0.2}), day, MODEL)
    alerts.record_raised(Alert("run_failed", "error", DAY, f"the run of {DAY} failed"), [])

    def holding(at: dt.datetime, days: int) -> set[str]:
        with asking(make_app(tmp_path, now=at)) as client:
            rows = client.get("/v1/monitoring", params={"days": days}).json()["alerts_in_force"]
        return {row["sentence"] for row in rows if row["condition"].endswith("_failed")}

    failed = {f"the run of {day} failed" for day in (DAY, DAY + ONE_DAY)}
    assert holding(now, 30) == holding(now, 1) == {*failed, "the maintenance run failed"}
    assert holding(now + 8 * ONE_DAY, 30) == set()


def test_without_a_key_or_with_another_question_nothing_is_told(client: httpx.Client) -> None:
    """The page itself is for everybody, and holds no figure; the figures ask for a key and a question that is valid."""
    page = client.get("/monitoring", headers={"Authorization": ""})
    nobody = client.get("/v1/monitoring", headers={"Authorization": ""})
    wrong = [client.get(f"/v1/monitoring?{query}") for query in ("days=0", "days=93", "until=soon", "day=2026-10-31")]

    assert (page.status_code, nobody.status_code) == (200, 401)
    assert "spend" not in page.text
    assert [answer.status_code for answer in wrong] == [422] * 4
    assert [answer.json()["errors"][0]["field"] for answer in wrong] == ["days", "days", "until", "day"]


def test_what_is_absent_or_damaged_is_a_sentence_and_takes_nothing_from_the_rest(tmp_path: Path) -> None:
    """Scores alone are enough; a table that cannot be read is named; without scores it is 503 as everywhere."""
    with asking(make_app(tmp_path / "empty")) as client:
        nothing = client.get("/v1/monitoring")
    publish_scores(tmp_path, rows_of({"klara": 0.9}), DAY, "m1")
    put(tmp_path, "score_drift", table_schemas.SCORE_DRIFT, [{"against": "reference", "severity": "ok"}])
    [part] = Layout(tmp_path).table("score_drift").path.glob("snapshot_date=*/*/part-0.parquet")
    part.write_bytes(part.read_bytes()[:-20])

    with asking(make_app(tmp_path)) as client:
        told = client.get("/v1/monitoring").json()

    notes = {note["table"]: note["sentence"] for note in told["notes"]}
    assert (nothing.status_code, nothing.json()["type"].rsplit(":")[-1]) == (503, "no-scores")
    assert len(told["publications"]) == 1
    assert (told["model"], told["score_drift"], told["quarantine"]) == (None, [], [])
    assert notes.pop("score_drift") == "score_drift cannot be read at the moment; the service's log says why."
    assert notes.keys() == {
        *("feature_drift", "realized_performance", "estimated_performance", "quarantine", "alerts", "promotions"),
    }
    assert "klara" not in json.dumps(told)
