"""What Dagster does by itself: who is told of what, and which days are run again."""

import contextlib
import datetime as dt
import os
from collections.abc import Iterator

import dagster as dg
import pyarrow.parquet as pq
import pytest

from churn_assets.definitions import build_definitions
from churn_assets.settings import load_settings
from churn_assets_tests.integration.installation import NIGHTS, REPOSITORY, Installation
from churn_assets_tests.receivers import web_server

pytestmark = pytest.mark.integration

ONE_DAY = dt.timedelta(days=1)
AN_HOUR_AGO = dt.datetime.now(dt.UTC).timestamp() - 3600


@contextlib.contextmanager
def sensors(installation: Installation) -> Iterator[tuple[dg.DagsterInstance, dg.RepositoryDefinition]]:
    """Its code location, and the storage that sensors look at."""
    with installation.dagster() as instance:
        yield instance, build_definitions(load_settings()).get_repository_def()


def alerts_of(installation: Installation) -> list[tuple[str, str]]:
    """Condition and day of every alert that was raised."""
    if not (installation.data / "tables/alerts").is_dir():
        return []
    rows = installation.table("alerts").to_pyarrow_table().sort_by("record").to_pylist()
    return [(row["condition"], str(row["snapshot_date"])) for row in rows if row["event"] == "raised"]


def test_what_starts_runs_is_off_and_what_only_tells_is_on(installed: Installation) -> None:
    """Somebody who looks around with `dagster dev` publishes nothing, and is told all the same."""
    with installed.entered():
        code = build_definitions(load_settings()).get_repository_def()

    on = {each.name for each in code.sensor_defs if each.default_status == dg.DefaultSensorStatus.RUNNING}
    off = {each.name for each in code.sensor_defs} - on
    scheduled = {each.name for each in code.schedule_defs if each.default_status == dg.DefaultScheduleStatus.STOPPED}
    with dg.DagsterInstance.from_config(str(REPOSITORY)) as instance:
        freed_after = instance.run_monitoring_settings["free_slots_after_run_end_seconds"]

    assert on == {"standing_alerts", "run_failure_alerts"}
    assert off == {"source_sensor", "retraining_sensor"}
    assert scheduled == {"nightly_schedule", "training_schedule"}
    assert freed_after == 60


def test_a_redelivered_day_is_run_again_by_the_model_that_scored_it(retrained: Installation) -> None:
    """The digest stands in the run's key, the first champion in its configuration; other days are left alone."""
    day = NIGHTS[1]
    first_model = retrained.rows("churn_scores", day).column("model_version")[0].as_py()
    quiet = retrained.tick("source_sensor")
    source = retrained.source(day)
    pq.write_table(pq.read_table(source).slice(3), source)
    os.utime(source, (AN_HOUR_AGO, AN_HOUR_AGO))

    found = retrained.tick("source_sensor", quiet.cursor)
    again = retrained.tick("source_sensor", found.cursor)
    [request] = found.run_requests or []
    config = request.run_config["ops"]["churn_scores"]["config"]
    result = retrained.materialize(day, churn_scores=config)

    assert not quiet.run_requests
    assert not again.run_requests
    assert request.partition_key == str(day)
    assert request.run_key is not None
    assert request.run_key.startswith(f"{day}-")
    assert config == {"model_version": first_model}
    assert result.success
    rows = retrained.rows("churn_scores", day)
    assert set(rows.column("model_version").to_pylist()) == {first_model}


def test_a_failed_night_is_told_once_and_made_good_by_the_late_file(installation: Installation) -> None:
    """The failure sensor and the standing one tell it together once; a webhook that is down loses nothing."""
    day = NIGHTS[-1] + ONE_DAY
    source = installation.source(day)
    content = source.read_bytes()
    source.unlink()
    failed = installation.materialize(day)
    with web_server(500) as posts:
        posting = installation.having(CHURN_ALERTS__WEBHOOK__URL=posts.url)
        with sensors(posting) as (instance, code):
            [event] = instance.get_records_for_run(failed.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
            run = instance.get_run_by_id(failed.run_id)
            assert run is not None
            assert event.event_log_entry.dagster_event is not None
            context = dg.build_run_status_sensor_context(
                "run_failure_alerts",
                event.event_log_entry.dagster_event,
                instance,
                run,
            ).for_run_failure()
            code.get_sensor_def("run_failure_alerts")(context)
        told = posting.run("status", "--json").json
        posts.answers, tried = [200], len(posts.bodies)
        posting.tick("standing_alerts")
        posting.tick("standing_alerts")
    source.write_bytes(content)
    os.utime(source, (AN_HOUR_AGO, AN_HOUR_AGO))
    late = installation.tick("source_sensor").run_requests or []
    mended = installation.run("run", "--date", str(day))

    assert not failed.success
    raised = alerts_of(installation)
    assert [each for each in raised if each[0] == "run_failed"] == [("run_failed", str(day))]
    assert len(raised) == len(set(raised))
    assert (told["undelivered"], tried) == (1, 3)
    assert [(each["snapshot_date"], each["job"]) for each in told["failed_runs"]] == [(str(day), "nightly")]
    assert [body["text"] for body in posts.bodies[tried:]].count(told["alerts"][-1]["sentence"]) == 1
    assert f"source: nothing for {day}" in told["alerts"][-1]["sentence"]
    assert [each.partition_key for each in late] == [str(day)]
    assert mended.exit_code == 0, mended.stderr
    assert installation.run("status", "--json").json["failed_runs"] == []


def test_a_day_without_a_challenger_is_a_partition_like_any_other(installed: Installation) -> None:
    """A partition that is passed over would fail the backfill that asked for it."""
    with installed.dagster() as instance:
        names = ("challenger_scores", "alerts")
        made = [instance.get_materialized_partitions(dg.AssetKey(name)) for name in names]
        [event] = instance.fetch_materializations(dg.AssetKey("challenger_scores"), limit=1).records

    assert made == [{str(day) for day in NIGHTS}] * 2
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["dagster/partition_row_count"].value == 0


def test_an_old_champion_asks_for_a_training_of_the_newest_scored_day(installed: Installation) -> None:
    """By its age here; within the pause nothing is asked for."""
    first = installed.having(CHURN_RETRAINING__MAX_AGE_DAYS="1", CHURN_RETRAINING__PAUSE_DAYS="1")

    asked = first.tick("retraining_sensor").run_requests or []
    paused = installed.tick("retraining_sensor").run_requests

    assert [request.partition_key for request in asked] == [str(NIGHTS[-1])]
    assert "the champion was trained 2 days before" in asked[0].tags["churn_assets/reason"]
    assert not paused


def test_the_status_is_one_screen_and_looks_only(retrained: Installation) -> None:
    """Last night, models and what holds now; nothing is written by it, and of an empty folder nothing is made."""
    empty = Installation(retrained.root.parent / "empty")
    empty.configure("timezone: UTC\n")
    first, second = (each["model_version"] for each in retrained.run("models", "--json").json)
    retrained.run("canary", first, "--share", "0.2", "--reason", "the one before, again")
    before = retrained.published()

    told = retrained.run("status", "--json").json
    shown = retrained.run("status")
    nothing = empty.run("status", "--json")
    listed = {each["model_version"]: each for each in retrained.run("models", "--json").json}

    assert told["snapshot_date"] == str(NIGHTS[-1])
    assert (told["fresh"], told["champion"], told["champion_age_days"], told["drift"]) == (False, second, 0, "ok")
    assert (told["canary"], told["challenger"]) == ({"model_version": first, "share": 0.2}, first)
    assert {each["condition"] for each in told["alerts"]} == {"stale_scores", "challenger_trouble"}
    assert told["high_risk"] == retrained.rows("churn_scores", NIGHTS[-1])["risk_tier"].to_pylist().count("high")
    assert (told["beyond_audit"], told["performance"]) == ([], None)
    assert f"{told['high_risk']} at high risk" in shown.stdout
    assert "the newest scores are of 2025-06-22" in shown.stdout
    assert (listed[first]["status"], listed[first]["canary_share"]) == ("challenger", 0.2)
    assert (listed[second]["status"], listed[second]["canary_share"]) == ("champion", None)
    assert retrained.published() == before
    assert nothing.json["snapshot_date"] is None
    assert nothing.json["failed_runs"] == []
    assert not empty.data.exists()


def test_the_doctor_tells_each_point_and_what_to_do(installed: Installation) -> None:
    """As shipped, what a company must set is to do; set, it passes. The exit code tells."""
    shipped = installed.run("doctor", "--json")
    ready = installed.having(
        CHURN_ALERTS__WEBHOOK__URL="https://alerts.example.com/SECRET-TOKEN",
        CHURN_APP__KEYS='{"shop": "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"}',
    )
    configured = ready.run("doctor", "--json")
    shown = ready.run("doctor")

    passed = {each["point"] for each in shipped.json if each["passed"]}
    to_do = {each["point"] for each in shipped.json if not each["passed"]} - {"storage"}
    assert shipped.exit_code == shown.exit_code == 1
    assert all(each.keys() == {"point", "passed", "finding", "advice"} for each in shipped.json)
    assert to_do == {"alert channel", "app keys", "model signature", "schedules"}
    assert {"schema contract", "features", "model card", "golden rows", "gates", "rollback", "retention"} <= passed
    failing = {each["point"] for each in configured.json if not each["passed"]}
    assert failing - {"storage"} == {"model signature", "schedules"}
    assert (
        f"Fit for production? no, {len(configured.json) - len(failing)} of {len(configured.json)} points pass"
        in shown.stdout
    )
    assert "TO DO" in shown.stdout
    assert "SECRET" not in shown.stdout + configured.stdout
