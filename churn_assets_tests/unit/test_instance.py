"""Dagster's own state below `data_dir`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets.assets.checks import check_spec
from churn_assets.instance import announce, open_instance
from churn_assets.instance.postgres import driver_url
from churn_assets.instance.storage import SqliteInDataDir
from churn_assets.settings import Settings, load_settings

DAYS = dg.DailyPartitionsDefinition("2026-01-01")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of an installation that was never used."""
    monkeypatch.setenv("CHURN_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return load_settings()


def _scores(settings: Settings) -> list[str | None]:
    with open_instance(settings) as instance:
        records = instance.fetch_materializations(dg.AssetKey("churn_scores"), limit=10).records
    return [record.partition_key for record in records]


def test_what_one_process_announces_another_one_sees(settings: Settings) -> None:
    """Events are kept in files below `data_dir`, the newest first, whoever opens them."""
    faults = [announce(settings, "churn_scores", f"2026-01-0{day}", {"rows": day}) for day in (1, 2, 3)]

    assert faults == [None, None, None]
    assert _scores(settings) == ["2026-01-03", "2026-01-02", "2026-01-01"]


def test_checks_of_a_version_that_is_brought_back_are_told_again(settings: Settings) -> None:
    """Those of the run that made it, and what nobody's run has found, count as of the newest event; of others none."""
    spec = check_spec("no_shift", "churn_scores", "", DAYS)

    @dg.asset(partitions_def=DAYS, check_specs=[spec])
    def churn_scores() -> Iterator[Any]:
        yield dg.MaterializeResult(metadata={"version": "v1"})
        yield dg.AssetCheckResult(check_name="no_shift", passed=True, metadata={"psi": 0.1}, description="fine")

    fresh = dg.AssetCheckResult(asset_key="churn_scores", check_name="is_fresh", passed=False)
    with open_instance(settings) as instance:
        dg.materialize([churn_scores], partition_key="2026-01-01", instance=instance)
    faults = [announce(settings, "churn_scores", "2026-01-01", {"version": "v2"})]
    faults += [announce(settings, "churn_scores", "2026-01-01", {"version": "v1"}, "v1", [fresh])]

    with open_instance(settings) as instance:
        [newest] = instance.fetch_materializations(dg.AssetKey("churn_scores"), limit=1).records
        keys = [dg.AssetCheckKey(dg.AssetKey("churn_scores"), name) for name in ("no_shift", "is_fresh")]
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    faults += [announce(settings, "churn_scores", "2026-01-01", {"version": "v1"}, "v1", [fresh])]

    no_shift, is_fresh = (found[key].evaluation for key in keys)
    assert no_shift is not None
    assert is_fresh is not None
    assert faults == [None, None, None]  # the last one of a day that was brought back before
    assert (no_shift.passed, no_shift.partition, no_shift.metadata["psi"].value) == (True, "2026-01-01", 0.1)
    assert (is_fresh.passed, is_fresh.partition) == (False, None)
    for told in (no_shift, is_fresh):
        assert told.target_materialization_data is not None
        assert told.target_materialization_data.storage_id == newest.storage_id


def test_the_instance_is_the_one_that_is_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`DAGSTER_HOME` goes before the checkout's own `dagster.yaml`."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))

    with open_instance(settings) as instance:
        folder = instance.root_directory

    assert folder == str(home)


def test_engines_of_the_storage_are_kept(settings: Settings) -> None:
    """Two connections have one engine, and with it the statements that it has compiled; none stays open."""
    with open_instance(settings) as instance:
        connects = (instance.event_log_storage.index_connection, instance.run_storage.connect)  # type: ignore[attr-defined]  # of the SQLite storages
        engines = []
        for connect in connects:
            with connect() as first:
                engines.append(first.engine)
            with connect() as second:
                engines.append(second.engine)

    assert engines[0] is engines[1]
    assert engines[2] is engines[3]
    assert {type(each.pool).__name__ for each in engines} == {"NullPool"}


@pytest.mark.parametrize("spelt", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_postgresql_is_asked_by_the_driver_that_dagster_works_with(spelt: str) -> None:
    """However the address is spelt; its parts, a password with signs in it too, stay as they are."""
    url = driver_url(f"{spelt}://churn:a%2Fb%40c@db:5433/dagster?sslmode=require")

    assert url.drivername == "postgresql+psycopg2"
    assert (url.username, url.password, url.host, url.port, url.database) == ("churn", "a/b@c", "db", 5433, "dagster")
    assert url.query == {"sslmode": "require"}


def test_of_many_that_open_a_new_storage_at_once_one_makes_it(tmp_path: Path) -> None:
    """As workers of a backfill do on a new machine: all work with it, and whoever comes later can open it."""
    folders = [str(tmp_path / str(number)) for number in range(2)]

    with ThreadPoolExecutor(4) as pool:
        opened = [list(pool.map(SqliteInDataDir, [folder] * 4)) for folder in folders]

    for each in (*opened, [SqliteInDataDir(folder) for folder in folders]):
        assert [storage.run_storage.get_runs() for storage in each] == [[]] * len(each)
