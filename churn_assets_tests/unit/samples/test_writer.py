"""A sample is what a warehouse would have exported: daily files, the same again for the same seed."""

import datetime as dt
import os
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from churn_assets.core.customers.landing import check_columns
from churn_assets.core.errors import InputError
from churn_assets.core.profile_schemas import raw_schema
from churn_assets.profiles.loading import load_profile
from churn_assets.samples.writer import write_sample
from churn_assets.settings import Settings, SourceSettings
from churn_assets.storage.source.files import FileSource
from churn_assets_tests.storage_factories import DAY


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing of this product."""
    for name in list(os.environ):
        if name.upper().startswith("CHURN_"):
            monkeypatch.delenv(name)


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """Settings of an empty data folder."""
    return Settings(data_dir=tmp_path / "data")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_sample_is_a_file_a_day(here: Settings) -> None:
    """As many days as asked, up to the last one, each as one file that the source finds; nothing else is left."""
    written = write_sample(here, 40, 3, DAY, 7)

    source = FileSource(here.source.path, here.local_dir)
    days = [DAY - dt.timedelta(days=2), DAY - dt.timedelta(days=1), DAY]
    assert written == (days[0], DAY)
    assert source.days() == days
    assert [len(source.files(day)) for day in days] == [1, 1, 1]
    assert len(contents(here.local_dir)) == 3


def test_a_sample_is_what_the_default_profile_reads(here: Settings) -> None:
    """Its columns are those of the subscription profile, and about as many customers as asked stand in a day."""
    write_sample(here, 200, 1, DAY, 7)

    rows = pq.read_table(FileSource(here.source.path, here.local_dir).files(DAY)[0].path)

    profile = load_profile(here.profile)
    assert check_columns(rows.schema.names, raw_schema(profile), "the sample") == []
    assert 150 < rows.num_rows < 250


def test_the_same_seed_gives_the_same_customers(tmp_path: Path) -> None:
    """The same arguments give the same bytes elsewhere, another seed gives others."""
    folders = {name: tmp_path / name for name in ("one", "same", "other")}

    for name, folder in folders.items():
        write_sample(Settings(data_dir=folder), 40, 2, DAY, 8 if name == "other" else 7)

    assert contents(folders["one"]) == contents(folders["same"])
    assert contents(folders["one"]).keys() == contents(folders["other"]).keys()
    assert contents(folders["one"]) != contents(folders["other"])


def test_the_last_day_is_yesterday_by_default(tmp_path: Path) -> None:
    """Without a last day it is yesterday in the configured time zone, the last day that has ended there."""
    zone = ZoneInfo("Pacific/Kiritimati")
    settings = Settings(data_dir=tmp_path, timezone=zone.key)
    before = dt.datetime.now(zone).date()

    _, last = write_sample(settings, 10, 1, None, 7)

    assert before - dt.timedelta(days=1) <= last < dt.datetime.now(zone).date()


@pytest.mark.parametrize("path", ["exports/{snapshot_date}.parquet", "{snapshot_date}/part-*.parquet"])
def test_a_sample_goes_where_the_source_looks(tmp_path: Path, path: str) -> None:
    """Wherever the template puts a day's Parquet file, the source finds the sample there."""
    settings = Settings(data_dir=tmp_path, source=SourceSettings(path=path))

    write_sample(settings, 10, 2, DAY, 7)

    assert FileSource(path, tmp_path).days() == [DAY - dt.timedelta(days=1), DAY]


def test_a_source_that_holds_data_is_left_alone(here: Settings) -> None:
    """Where there is a day already nothing is written, and the refusal says how many there are."""
    write_sample(here, 20, 2, DAY, 7)
    before = contents(here.local_dir)

    with pytest.raises(InputError, match="holds 2 days already, up to 2026-10-31: nothing was written"):
        write_sample(here, 20, 2, DAY + dt.timedelta(days=30), 7)

    assert contents(here.local_dir) == before


@pytest.mark.parametrize("path", ["telco.csv", "telco.parquet", "{snapshot_date}/*.csv"])
def test_a_source_that_is_no_daily_parquet_is_refused(tmp_path: Path, path: str) -> None:
    """A sample is daily Parquet files: another kind of source is refused by its path, and nothing is written."""
    settings = Settings(data_dir=tmp_path, source=SourceSettings(path=path))

    with pytest.raises(InputError, match=r"source\.path .* is no template of daily \.parquet files"):
        write_sample(settings, 10, 2, DAY, 7)

    assert contents(tmp_path) == {}


def test_a_sample_before_the_start_is_refused(tmp_path: Path) -> None:
    """A sample that would begin before the first partition names the setting, and nothing is written."""
    settings = Settings(data_dir=tmp_path, start_date=DAY)

    with pytest.raises(InputError, match=r"begin on 2026-10-30, before start_date 2026-10-31"):
        write_sample(settings, 10, 2, DAY, 7)

    assert contents(tmp_path) == {}


@pytest.mark.parametrize("days", [10_000, 1_000_000, 10**10])
def test_more_days_than_there_are_is_refused(here: Settings, days: int) -> None:
    """However many days are asked, a sample that cannot be is refused in words that name the start."""
    with pytest.raises(InputError, match="start_date"):
        write_sample(here, 10, days, DAY, 7)

    assert contents(here.local_dir) == {}


def test_the_last_year_of_the_calendar_is_refused(here: Settings) -> None:
    """A sample has customers with a date of the next year among them: where there is none, it says so."""
    with pytest.raises(InputError, match="9999-12-31 would know of days after the calendar"):
        write_sample(here, 10, 3, dt.date(9999, 12, 31), 7)


def test_a_source_that_waits_for_a_manifest_gets_no_sample(tmp_path: Path) -> None:
    """A sample has no manifest: nobody could read it."""
    manifest = "source/snapshot_date={snapshot_date}/_SUCCESS"
    settings = Settings(data_dir=tmp_path, source=SourceSettings(manifest=manifest))

    with pytest.raises(InputError, match=r"source\.manifest asks for a file that a sample has not"):
        write_sample(settings, 10, 3, None, 7)
