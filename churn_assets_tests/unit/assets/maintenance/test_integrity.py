"""The weekly job: verify, then let expire; damage fails it with a sentence, removes nothing and is an alert."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from churn_assets.assets.automation.failures import failed_runs
from churn_assets.assets.build import build
from churn_assets.assets.maintenance.integrity import running_since
from churn_assets.assets.results import RunResults
from churn_assets.core.alerting.alerts import StandingFacts, standing_alerts
from churn_assets.core.options import Schedule
from churn_assets.pipeline.chain import Chain
from churn_assets_tests.aged import contents
from churn_assets_tests.chains import copied
from churn_assets_tests.storage_factories import DAY

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def chain(aged: Chain, tmp_path: Path) -> Chain:
    """A data folder in which killed writers have left something."""
    return copied(aged, tmp_path)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster's storage in files, as `prune` wants it."""
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        yield instance


def run(chain: Chain, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """The job, as the schedule starts it."""
    definitions = build(chain, Schedule(maintenance="0 5 * * 6"), RunResults())
    [schedule] = [each for each in definitions.schedules or () if each.name == "maintenance_schedule"]
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 5 * * 6", "UTC")
    job = definitions.resolve_job_def("maintenance")
    return job.execute_in_process(run_config=QUIET, instance=instance, raise_on_error=False)


def test_maintenance_sweeps_where_nothing_is_damaged(chain: Chain, instance: dg.DagsterInstance) -> None:
    """What killed writers left is gone, and the page of the run says how much."""
    before = contents(chain)

    done = run(chain, instance)

    gone = {Path(path).parent.name for path in before - contents(chain)}
    told = {event.step_key: event for event in done.all_events if event.is_successful_output}
    assert done.success
    assert gone == {"0123"}
    assert {"verify", "expire"} <= told.keys()
    assert failed_runs(instance, dt.datetime.now(dt.UTC)) == []


def test_damage_fails_the_job_and_removes_nothing(chain: Chain, instance: dg.DagsterInstance) -> None:
    """The sentence names the file; it is an alert of its own until a later run succeeds."""
    [part] = chain.scores.version(DAY).files
    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + b"?")
    before, now = contents(chain), dt.datetime.now(dt.UTC)

    done = run(chain, instance)
    failed = failed_runs(instance, now)
    part.write_bytes(whole)
    again = run(chain, instance)

    [alert] = standing_alerts(StandingFacts(DAY, "06:00 UTC", failed_runs=failed))
    assert not done.success
    assert before == contents(chain) | {path for path in before if "0123" in path}
    assert alert.condition == "maintenance_failed"
    assert (alert.day, alert.severity) == (now.date(), "error")
    assert "1 of " in alert.sentence
    assert str(part) in alert.sentence
    assert again.success
    assert failed_runs(instance, now) == []


def test_the_oldest_run_in_progress_tells_what_may_be_read(aged: Chain, instance: dg.DagsterInstance) -> None:
    """Of runs that have begun and not ended, other than the one that asks; one not begun has read nothing."""
    job = build(aged, Schedule(), RunResults()).resolve_job_def("maintenance")
    began = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    ours = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    alone = running_since(instance, but=ours.run_id)
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED)

    assert alone is None
    assert running_since(instance, but=ours.run_id) is None
    found = running_since(instance)
    assert found is not None
    assert began < found <= dt.datetime.now(dt.UTC)
