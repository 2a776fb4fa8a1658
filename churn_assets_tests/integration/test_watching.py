"""The watching of whole nights, from outside: its tables, its command, its checks, and whom it tells."""

import datetime as dt
import re
from pathlib import Path

import dagster as dg
import pytest

from churn_assets.core.monitoring.table_schemas import FEATURE_DRIFT, SCORE_DRIFT
from churn_assets.definitions import build_definitions
from churn_assets.settings import load_settings
from churn_assets_tests.integration.installation import CHAIN, NIGHTS, Installation
from churn_assets_tests.lineage_server import lineage_server
from churn_assets_tests.serving import asking, make_app

pytestmark = pytest.mark.integration


def test_drift_of_every_night_is_there_to_read(installed: Installation) -> None:
    """Each night wrote its figures; the command prints those of the newest one, or of a day, for person and program."""
    newest, first = installed.run("drift", "--json"), installed.run("drift", "--date", str(NIGHTS[0]), "--json")
    person, never = installed.run("drift"), installed.run("drift", "--date", "2025-01-01")

    features = [row for row in newest.json if row["table"] == "feature_drift"]
    assert features[0].keys() == {"table", "snapshot_date", *FEATURE_DRIFT.names}
    assert {row["snapshot_date"] for row in newest.json} == {str(NIGHTS[-1])}
    assert {row["severity"] for row in newest.json} <= {"ok", "warning", "error"}
    scores = [row for row in newest.json if row["table"] == "score_drift"]
    assert [row["against"] for row in scores] == ["reference", "last_day"]
    assert scores[0].keys() == {"table", "snapshot_date", *SCORE_DRIFT.names}
    assert [row["against"] for row in first.json if row["table"] == "score_drift"] == ["reference"]
    assert "feature_drift of" in person.stdout
    assert "last_week is not compared" in person.stderr
    assert re.search(rf"from {NIGHTS[0]} to {NIGHTS[-1]}", never.error(2))


def test_the_newest_night_stands_in_the_file_for_prometheus(installed: Installation) -> None:
    """Rows and seconds of its steps, written at the end of the run."""
    text = (installed.data / "metrics" / "churn_assets.prom").read_text()

    ended = dt.datetime.combine(NIGHTS[-1] + dt.timedelta(days=1), dt.time(), dt.UTC).timestamp()
    assert re.search(r'^churn_night_rows{table="churn_scores"} \d+', text, re.MULTILINE)
    assert re.search(r'^churn_night_stage_seconds{stage="drift"} ', text, re.MULTILINE)
    [line] = [each for each in text.splitlines() if each.startswith("churn_night_snapshot_end_timestamp_seconds ")]
    assert float(line.split()[1]) == ended


def test_freshness_is_asked_for_daily_and_looks_at_the_newest_day(installed: Installation) -> None:
    """The schedule is on from the beginning, at the configured hour; scores of a year ago are late, and it errs."""
    with installed.having(CHURN_MONITORING__FRESH_BY="06:30", CHURN_TIMEZONE="Asia/Kolkata").entered():
        definitions = build_definitions(load_settings())
    schedule = definitions.get_repository_def().get_schedule_def("freshness_schedule")

    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_job_def("freshness")
        result = job.execute_in_process(instance=instance)

    [check] = result.get_asset_check_evaluations()
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 6 * * *", "Asia/Kolkata")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert result.success
    assert (check.asset_key.to_user_string(), check.check_name, check.passed) == ("churn_scores", "is_fresh", False)
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert check.metadata["newest_day"].value == str(NIGHTS[-1])
    assert int(str(check.metadata["number"].value)) > 0


def test_a_run_is_told_to_the_lineage_server_and_one_that_is_down_takes_nothing(installation: Installation) -> None:
    """What starts and what ends, with the versions that were written; the failed run with its sentence."""
    day = NIGHTS[-1] + dt.timedelta(days=1)
    with lineage_server() as server:
        told = installation.having(CHURN_OPENLINEAGE__URL=server.url)
        night = told.run("run", "--date", str(day), "--json")
        told.source(day + dt.timedelta(days=1)).write_bytes(b"no Parquet")
        failed = told.run("run", "--date", str(day + dt.timedelta(days=1)))

    again = told.run("run", "--date", str(day))

    events = [event for _, _, event in server.events]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE", "START", "FAIL"]
    assert events[0]["run"]["runId"] == events[1]["run"]["runId"] != events[2]["run"]["runId"]
    written = {output["name"].rsplit("/", 1)[-1]: output for output in events[1]["outputs"]}
    planned = {each["name"].rsplit("/", 1)[-1] for each in events[0]["outputs"]}
    assert planned >= written.keys() - {"churn_reasons"}  # which the step of the scores makes where it can
    assert written["churn_scores"]["facets"]["version"]["datasetVersion"] == night.json[0]["score_version"]
    assert written["churn_scores"]["outputFacets"]["outputStatistics"]["rowCount"] == night.json[0]["scored"]
    assert str(installation.data / "source") in events[0]["inputs"][0]["name"]
    assert events[3]["run"]["facets"]["errorMessage"]["message"] in failed.error(1)
    assert again.exit_code == 0
    assert again.stderr.count("was not taken by openlineage.url") == 2


def test_sensors_tell_of_runs_that_dagster_launched_and_of_no_others(installed: Installation) -> None:
    """They are there where a server is configured, and pass over a run that its own process has told of."""
    with installed.entered():
        silent = build_definitions(load_settings())
    with lineage_server() as server, installed.having(CHURN_OPENLINEAGE__URL=server.url).entered():
        code = build_definitions(load_settings()).get_repository_def()
        sensor = code.get_sensor_def("openlineage_complete")
        with dg.DagsterInstance.ephemeral() as instance:
            result = code.get_job("freshness").execute_in_process(instance=instance)
            own = result.dagster_run.with_tags({"churn_assets/openlineage": result.run_id})
            for run in (result.dagster_run, own):
                with pytest.warns(dg.BetaWarning, match="repository_def"):  # of the way to call a sensor by hand
                    context = dg.build_run_status_sensor_context(
                        sensor.name, result.get_run_success_event(), instance, run, repository_def=code
                    )
                sensor(context)

    assert not [each for each in silent.get_repository_def().sensor_defs if each.name.startswith("openlineage")]
    assert [(event["eventType"], event["run"]["runId"]) for _, _, event in server.events] == [
        ("COMPLETE", result.run_id)
    ]


def test_every_table_of_a_night_opens_with_a_sentence(installed: Installation) -> None:
    """The first entry of a materialization is one that a person reads; no count of a whole table is drawn over days."""
    day = str(NIGHTS[-1])
    opened = {}

    with installed.dagster() as instance:
        for key in instance.all_asset_keys():
            query = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[day])
            for record in instance.fetch_materializations(query, limit=1).records:
                assert record.asset_materialization is not None
                opened[key.to_user_string()] = list(record.asset_materialization.metadata)

    assert opened.keys() >= {*CHAIN, "feature_drift", "score_drift", "churn_outcomes", "realized_performance"}
    assert {name: keys[0] for name, keys in opened.items()} == dict.fromkeys(opened, "summary")
    assert not [name for name, keys in opened.items() if "dagster/row_count" in keys]


def test_the_report_is_told_again_with_drift(installed: Installation) -> None:
    """What is kept beside the version, and what Dagster shows last of the scores, is what the command tells."""
    day = str(NIGHTS[-1])

    told = installed.run("report", "--date", day, "--json").json
    page = installed.run("report", "--date", day)
    kept = next((installed.data / "tables/churn_scores/_report").rglob(f"*{told['score_version']}*.md")).read_text()
    with installed.dagster() as instance:
        query = dg.AssetRecordsFilter(asset_key=dg.AssetKey("churn_scores"), asset_partitions=[day])
        [record] = instance.fetch_observations(query, limit=1).records

    assert "- **Drift**: " in kept
    file = Path(page.stdout.partition("Picture: ")[2].partition("\n")[0])
    assert file.suffix == ".svg"
    assert file.is_file()
    rest = [
        [line for line in text.splitlines() if file.name not in line] for text in (kept.strip(), page.stdout.strip())
    ]
    assert rest[0] == rest[1]
    assert record.asset_observation is not None
    assert "- **Drift**: " in str(record.asset_observation.metadata["report"].value)


def test_no_check_has_a_bound_that_would_be_plotted(installed: Installation) -> None:
    """Figures are numbers, their bounds stand together in one entry that is none."""
    bounded = set()

    with installed.dagster() as instance:
        for run in instance.get_runs():
            for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
                assert entry.dagster_event is not None
                found = entry.dagster_event.asset_check_evaluation_data
                numbers = [name for name, value in found.metadata.items() if isinstance(value.value, int | float)]
                assert not [name for name in numbers if "bound" in name], found.check_name
                bounded |= {found.check_name} if "bounds" in found.metadata else set()

    assert bounded >= {"no_shift", "quarantined_share", "psi", "reference", "calibration_in_the_large", "min_roc_auc"}


def test_the_status_and_the_monitoring_page_agree(installed: Installation) -> None:
    """One verdict on the model, one deadline of freshness, and the same alerts hold."""
    told = installed.run("status", "--json").json
    with asking(make_app(installed.data, now=dt.datetime.now(dt.UTC))) as client:
        page = client.get("/v1/monitoring").json()

    assert page["verdict"] == told["verdict"]
    assert dt.datetime.fromisoformat(page["fresh_until"]) == dt.datetime.fromisoformat(told["fresh_until"])
    assert page["alerts_in_force"] == told["alerts"]
    assert told["alerts"]
