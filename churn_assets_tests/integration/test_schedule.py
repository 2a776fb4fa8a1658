"""The nightly schedule: one tick a day, and the tick on D + 1 asks for D, whatever the clocks do."""

import datetime as dt
from collections import Counter
from itertools import takewhile
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from churn_assets.assets.build import build
from churn_assets.assets.results import RunResults
from churn_assets.composition import build_chain
from churn_assets.settings import load_settings
from churn_assets_tests.integration.installation import NIGHTS, Installation

pytestmark = pytest.mark.integration

# the week around each change of the clocks in 2025
CHANGES = {
    ("Europe/Berlin", dt.date(2025, 3, 30)): 23,
    ("Europe/Berlin", dt.date(2025, 10, 26)): 25,
    ("America/New_York", dt.date(2025, 3, 9)): 23,
    ("America/New_York", dt.date(2025, 11, 2)): 25,
}
CRONS = ["0 2 * * *", "30 2 * * *", "30 1 * * *", "0 3 * * *", "15 0 * * *"]
ONE_DAY = dt.timedelta(days=1)


def repository(installation: Installation, **environment: str) -> dg.RepositoryDefinition:
    """The definitions of an installation with these settings, of which every day since `start_date` is a partition."""
    with installation.having(**environment).entered():
        settings = load_settings()
        return build(build_chain(settings), settings.schedule, RunResults()).get_repository_def()


def ticks(schedule: dg.ScheduleDefinition, first: dt.date, last: dt.date) -> list[dt.datetime]:
    """When the daemon would tick from the beginning of `first` to the end of `last`, by the schedule's own clock."""
    zone = ZoneInfo(str(schedule.execution_timezone))
    start = dt.datetime.combine(first, dt.time(), zone).timestamp()
    end = dt.datetime.combine(last + ONE_DAY, dt.time(), zone)
    found = schedule_execution_time_iterator(start, schedule.cron_schedule, schedule.execution_timezone)
    return list(takewhile(lambda tick: tick < end, found))


def asked_for(schedule: dg.ScheduleDefinition, repository: dg.RepositoryDefinition, tick: dt.datetime) -> list[str]:
    """The partitions that a tick asks for."""
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_schedule_context(
            instance=instance, scheduled_execution_time=tick, repository_def=repository
        ) as context,
    ):
        requests = schedule.evaluate_tick(context).run_requests
    return [str(request.partition_key) for request in requests or []]


@pytest.mark.parametrize("cron", CRONS)
@pytest.mark.parametrize(
    ("zone", "change", "hours"),
    [(*place, hours) for place, hours in CHANGES.items()],
    ids=[f"{zone}-{hours}h" for (zone, _), hours in CHANGES.items()],
)
def test_each_day_has_one_tick_that_asks_for_the_day_before(
    installed: Installation, zone: str, change: dt.date, hours: int, cron: str
) -> None:
    """Across a change of the clocks: also where the tick's hour is left out, or comes twice."""
    midnight = dt.datetime.combine(change, dt.time(), ZoneInfo(zone))
    after = dt.datetime.combine(change + ONE_DAY, dt.time(), ZoneInfo(zone))
    assert (after.astimezone(dt.UTC) - midnight.astimezone(dt.UTC)) == dt.timedelta(hours=hours)
    code = repository(installed, CHURN_TIMEZONE=zone, CHURN_SCHEDULE__NIGHTLY=cron)
    schedule = code.get_schedule_def("nightly_schedule")
    days = [change + more * ONE_DAY for more in range(-2, 3)]

    found = ticks(schedule, days[0], days[-1])

    assert Counter(tick.astimezone(ZoneInfo(zone)).date() for tick in found) == Counter(days)
    for tick in found:
        day_before = tick.astimezone(ZoneInfo(zone)).date() - ONE_DAY
        assert asked_for(schedule, code, tick) == [str(day_before)]


@pytest.mark.parametrize(("zone", "change"), CHANGES, ids=[f"{zone}-{change}" for zone, change in CHANGES])
def test_the_day_that_is_asked_for_is_a_partition_by_then(installed: Installation, zone: str, change: dt.date) -> None:
    """At its tick the day before has ended, and the day itself is no partition yet."""
    code = repository(installed, CHURN_TIMEZONE=zone)
    schedule = code.get_schedule_def("nightly_schedule")
    partitions = code.get_job("nightly").partitions_def
    assert partitions is not None

    for tick in ticks(schedule, change - ONE_DAY, change + ONE_DAY):
        keys = partitions.get_partition_keys(current_time=tick)

        assert keys[-1:] == asked_for(schedule, code, tick)


def test_a_year_has_a_tick_for_each_of_its_days(installed: Installation) -> None:
    """From New Year's Eve to New Year's Eve every day is asked for once, in order."""
    zone = "Europe/Berlin"
    schedule = repository(installed, CHURN_TIMEZONE=zone).get_schedule_def("nightly_schedule")

    found = ticks(schedule, dt.date(2028, 1, 1), dt.date(2028, 12, 31))

    assert [tick.astimezone(ZoneInfo(zone)).date() for tick in found] == [
        dt.date(2028, 1, 1) + more * ONE_DAY for more in range(366)
    ]


def test_the_schedule_is_read_by_the_configured_clock(installed: Installation) -> None:
    """Cron expression and time zone come from the settings; what it starts is the job `nightly`."""
    code = repository(installed, CHURN_TIMEZONE="Asia/Kolkata", CHURN_SCHEDULE__NIGHTLY="45 5 * * *")

    schedule = code.get_schedule_def("nightly_schedule")

    assert (schedule.cron_schedule, schedule.execution_timezone) == ("45 5 * * *", "Asia/Kolkata")
    assert schedule.job_name == "nightly"
    (tick,) = ticks(schedule, NIGHTS[0], NIGHTS[0])
    assert tick.astimezone(dt.UTC) == dt.datetime.combine(NIGHTS[0], dt.time(0, 15), dt.UTC)
    assert asked_for(schedule, code, tick) == [str(NIGHTS[0] - ONE_DAY)]


def test_what_a_tick_asks_for_runs(installation: Installation) -> None:
    """The run request of a tick, executed as it stands, publishes the scores of the day before."""
    code = repository(installation)
    schedule = code.get_schedule_def("nightly_schedule")
    day = NIGHTS[-1] + ONE_DAY
    (tick,) = ticks(schedule, day + ONE_DAY, day + ONE_DAY)
    (asked,) = asked_for(schedule, code, tick)

    result = installation.materialize(dt.date.fromisoformat(asked))

    assert asked == str(day)
    assert result.success
    assert installation.current("churn_scores", day)


def test_a_tick_that_is_evaluated_twice_asks_for_one_run(installed: Installation) -> None:
    """Ticks of one day share a run key, so that the daemon starts no second run for it."""
    code = repository(installed)
    schedule = code.get_schedule_def("nightly_schedule")
    tick = dt.datetime.combine(NIGHTS[0], dt.time(2), dt.UTC)

    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_schedule_context(instance=instance, scheduled_execution_time=tick, repository_def=code) as context,
    ):
        keys = {request.run_key for _ in range(2) for request in schedule.evaluate_tick(context).run_requests or []}

    assert len(keys) == 1
    assert None not in keys
