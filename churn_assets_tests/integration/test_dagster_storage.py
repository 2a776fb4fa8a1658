"""Dagster's state where the settings put it: below `data_dir`, or in a real PostgreSQL; and how it is pruned."""

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickData, TickStatus

from churn_assets.assets.maintenance.pruning import prune
from churn_assets.core.errors import InputError
from churn_assets.instance import announce, open_instance
from churn_assets.settings import load_settings
from churn_assets_tests.integration.installation import NIGHTS, Installation
from churn_assets_tests.postgres import PostgresServer, postgres_server

pytestmark = pytest.mark.integration

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-04")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dg.asset(partitions_def=DAYS)
def scores() -> dg.MaterializeResult[None]:
    """A day that is scored."""
    return dg.MaterializeResult(metadata={"rows": 1}, tags={"churn_assets/seen": "yes"})


@dg.asset_check(asset=scores)
def is_whole() -> dg.AssetCheckResult:
    """A look at it."""
    return dg.AssetCheckResult(passed=True)


CODE = dg.Definitions(assets=[scores], asset_checks=[is_whole], jobs=[dg.define_asset_job("nightly")])


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL for these tests."""
    with postgres_server() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgres"])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: PostgresServer
) -> Iterator[dg.DagsterInstance]:
    """What the shipped `dagster.yaml` opens, over either storage."""
    monkeypatch.setenv("CHURN_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    if request.param == "postgres":
        monkeypatch.setenv("CHURN_DAGSTER_PG_URL", server.create(tmp_path.name.replace("[", "").replace("]", "")))
    with open_instance(load_settings()) as opened:
        yield opened


def materialize(instance: dg.DagsterInstance, day: str) -> str:
    """The id of a run that made a day."""
    job = CODE.resolve_job_def("nightly")
    return job.execute_in_process(instance=instance, partition_key=day, run_config=QUIET).run_id


def newest(instance: dg.DagsterInstance) -> dict[str | None, str]:
    """The run that made each partition as it is now."""
    records = instance.fetch_materializations(dg.AssetKey("scores"), limit=100, ascending=True).records
    return {record.partition_key: record.run_id for record in records}


def tick(instance: dg.DagsterInstance, days_ago: int, selector: str) -> None:
    """A time that a schedule looked."""
    instance.create_tick(
        TickData(
            instigator_origin_id=selector,
            instigator_name=selector,
            instigator_type=InstigatorType.SCHEDULE,
            status=TickStatus.SKIPPED,
            timestamp=(dt.datetime.now(dt.UTC) - dt.timedelta(days=days_ago)).timestamp(),
            selector_id=selector,
        )
    )


def test_everything_of_an_instance_works_and_is_bounded(instance: dg.DagsterInstance) -> None:
    """Runs, events, ticks and pools are kept; runs have the bounds that `dagster.yaml` gives."""
    run = materialize(instance, "2026-01-01")
    tick(instance, 0, "nightly_schedule")
    instance.event_log_storage.set_concurrency_slots("pool", 1)
    claim = instance.event_log_storage.claim_concurrency_slot("pool", run, "scores")

    assert [each.run_id for each in instance.get_runs()] == [run]
    assert newest(instance) == {"2026-01-01": run}
    assert len(instance.get_ticks("nightly_schedule", "nightly_schedule")) == 1
    assert claim.is_claimed
    assert instance.run_monitoring_enabled
    assert (
        instance.run_monitoring_max_runtime_seconds
        == 21600
        == instance.get_settings("run_monitoring")["max_runtime_seconds"]
    )
    assert (instance.run_retries_enabled, instance.run_retries_max_retries) == (True, 2)
    assert not instance.run_retries_retry_on_asset_or_op_failure
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 2
    assert {limit["key"] for limit in queue.tag_concurrency_limits} == {
        "dagster/partition",
        "churn_assets/one_at_a_time",
    }
    kept = instance.get_tick_retention_settings(InstigatorType.SENSOR)
    assert (kept[TickStatus.SKIPPED], kept[TickStatus.SUCCESS]) == (7, 90)


def test_pruning_leaves_every_partition_as_it_is_shown(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Old runs go with their events and logs; the newest of each partition, what is under way and what is new stay."""
    replaced, first = materialize(instance, "2026-01-01"), materialize(instance, "2026-01-01")
    second = materialize(instance, "2026-01-02")
    announced = announce(load_settings(), "champion", None, {"version": "a"})
    again = announce(load_settings(), "champion", None, {"version": "b"})
    under_way = instance.create_run_for_job(CODE.resolve_job_def("nightly"), tags={"dagster/partition": "2026-01-03"})
    instance.report_run_canceling(under_way)
    for days_ago in (200, 100):
        tick(instance, days_ago, "resting_schedule")
        tick(instance, days_ago, "nightly_schedule")
    tick(instance, 1, "nightly_schedule")
    key = dg.AssetCheckKey(dg.AssetKey("scores"), "is_whole")
    before = dt.datetime.now(dt.UTC)
    third = materialize(instance, "2026-01-03")

    planned = prune(instance, before, dry_run=True)
    shown, checked = newest(instance), instance.event_log_storage.get_latest_asset_check_execution_by_key([key])
    pruned = prune(instance, before)

    assert (announced, again) == (None, None)
    assert (planned.runs, planned.events, planned.ticks) == (pruned.runs, pruned.events, pruned.ticks)
    assert (pruned.runs, pruned.ticks) == (3, 3)
    assert pruned.events > 30
    assert [folder.name for folder in (tmp_path / "dagster" / "logs").iterdir()] == [third]
    assert shown == newest(instance) == {"2026-01-01": first, "2026-01-02": second, "2026-01-03": third}
    assert {run.run_id for run in instance.get_runs()} == {under_way.run_id, third}
    assert instance.get_materialized_partitions(dg.AssetKey("scores")) == {"2026-01-01", "2026-01-02", "2026-01-03"}
    [told] = instance.fetch_materializations(dg.AssetKey("champion"), limit=9).records
    assert told.asset_materialization is not None
    assert told.asset_materialization.metadata["version"].value == "b"
    assert instance.all_logs(third)
    assert instance.all_logs(under_way.run_id)
    assert not instance.all_logs(replaced)
    assert instance.event_log_storage.get_latest_asset_check_execution_by_key([key]) == checked
    assert prune(instance, before).runs == 0
    assert newest(instance) | {"2026-01-01": materialize(instance, "2026-01-01")} == newest(instance)


def test_sqlite_gives_its_room_back(installation: Installation) -> None:
    """The command tells what would go, removes nothing; then the files of Dagster are smaller, and no day is lost."""
    folder = installation.data / "dagster"
    size = sum(file.stat().st_size for file in folder.rglob("*"))
    with installation.dagster() as opened:
        days = opened.get_materialized_partitions(dg.AssetKey("churn_scores"))
        ids = opened.get_run_ids()
        storage = opened.run_storage
        with storage.connect() as connection:  # type: ignore[attr-defined]  # of the SQLite storage
            connection.exec_driver_sql("UPDATE runs SET update_timestamp = '2026-01-01 00:00:00'")

    planned = installation.run("prune", "--dry-run", "--json").json
    pruned = installation.run("prune", "--json").json

    assert (planned["runs"], planned["dry_run"], pruned["runs"]) == (len(ids), True, len(ids))
    with installation.dagster() as opened:
        assert opened.get_materialized_partitions(dg.AssetKey("churn_scores")) == days
        assert {str(day) for day in NIGHTS} <= days
        assert opened.get_runs_count() == 0
    assert sum(file.stat().st_size for file in folder.rglob("*")) < 0.75 * size
    assert pruned["bytes"] > 0.25 * size


def test_a_password_reaches_postgresql_and_nobody_else(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in nothing that is handed to other processes; a wrong one, or no server, is one sentence without it."""
    monkeypatch.setenv("CHURN_DATA_DIR", str(tmp_path))
    right = server.uri().replace("postgresql://", "postgres://")
    monkeypatch.setenv("CHURN_DAGSTER_PG_URL", right)
    with open_instance(load_settings()) as instance:
        assert server.password not in json.dumps(instance.get_ref().to_dict(), default=repr)

    monkeypatch.setattr("churn_assets.instance.postgres.FIRST_WAIT", 0.0)
    for url in (right.replace(server.password, "s3cret%2Fword"), right.replace(str(server.port), "1")):
        monkeypatch.setenv("CHURN_DAGSTER_PG_URL", url)
        with pytest.raises(
            InputError, match=r"PostgreSQL on 127\.0\.0\.1, which CHURN_DAGSTER_PG_URL names"
        ) as refused:
            open_instance(load_settings())
        assert not {"s3cret", server.password} & set(str(refused.value).replace("/", " ").split())


def test_postgresql_without_its_package_is_one_sentence(tmp_path: Path) -> None:
    """As is an address that is none; nothing of either is shown."""
    code = "import sys; sys.modules['dagster_postgres'] = None; from churn_assets.cli import main; main()"
    absent = Installation(tmp_path).having(CHURN_DAGSTER_PG_URL="postgresql://churn:s3cret@db/dagster")
    absent.configure("{}")
    broken = absent.having(CHURN_DAGSTER_PG_URL="postgresql://churn:s3/cret@db:x/dagster")
    sampled = absent.run("sample", "--customers", "20", "--days", "2")

    done = subprocess.run(
        [sys.executable, "-c", code, "run"],
        cwd=tmp_path,
        env=absent.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    refused = broken.run("status").error(exit_code=2)

    assert sampled.exit_code == 0
    assert done.returncode == 2
    assert "install churn-assets[postgres]" in done.stderr.splitlines()[-1]
    assert "dagster_pg_url: this is no address such as postgresql://" in refused
    assert "cret" not in done.stdout + done.stderr + refused
