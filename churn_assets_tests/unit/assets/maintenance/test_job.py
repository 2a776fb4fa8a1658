"""The weekly job."""

from pathlib import Path

import dagster as dg
import pytest

from churn_assets.assets.build import build
from churn_assets.assets.results import RunResults
from churn_assets.core.options import RunHistory, Schedule
from churn_assets.instance import open_instance
from churn_assets.settings import load_settings
from churn_assets_tests.chains import chain_over


def test_it_prunes_each_week_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the cron of the settings, in the chain's time zone; it runs over an installation in which nothing ever ran."""
    monkeypatch.setenv("CHURN_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    chain = chain_over(tmp_path, run_history=RunHistory(keep_days=7), timezone="Asia/Kolkata")
    code = build(chain, Schedule(maintenance="30 6 * * 6"), RunResults()).get_repository_def()

    with open_instance(load_settings()) as instance:
        result = code.get_job("maintenance").execute_in_process(instance=instance)
    schedule = code.get_schedule_def("maintenance_schedule")

    assert result.success
    assert result.dagster_run.tags["churn_assets/one_at_a_time"] == "maintenance"
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 6 * * 6", "Asia/Kolkata")
    assert (schedule.job_name, schedule.default_status) == ("maintenance", dg.DefaultScheduleStatus.RUNNING)
