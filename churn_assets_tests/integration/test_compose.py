"""The commands of `compose.yaml` against a real PostgreSQL: a schedule ticks, and the night is published and served."""

import datetime as dt
import json
import os
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets_tests.compose import PATIENCE, started
from churn_assets_tests.integration.installation import Installation
from churn_assets_tests.postgres import postgres_server
from churn_assets_tests.serving import KEY, digest

pytestmark = [pytest.mark.integration, pytest.mark.campaign]

SCHEDULE = {
    "repositoryLocationName": "churn_assets",
    "repositoryName": "__repository__",
    "scheduleName": "nightly_schedule",
}
START = """
mutation ($schedule: ScheduleSelector!) {
  startSchedule(scheduleSelector: $schedule) {
    __typename ... on ScheduleStateResult { scheduleState { id } } ... on PythonError { message }
  }
}
"""
STOP = "mutation ($id: String!) { stopRunningSchedule(id: $id) { __typename } }"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def asked(url: str, body: object = None, key: str = "") -> Any:
    """The JSON that an address answers."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)  # noqa: S310  # http
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # on this machine
        return json.load(answer)


def wait_until(says: Callable[[], bool], told: Callable[[], str]) -> None:
    """Ask again and again."""
    end = time.monotonic() + PATIENCE
    while not says():
        assert time.monotonic() < end, told()
        time.sleep(0.1)


def process_of_first_run(instance: dg.DagsterInstance, day: dt.date) -> int:
    """The process that executes the run of a day, once it has begun."""
    found: list[str] = []

    def has_begun() -> bool:
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED], job_name="nightly")):
            told = [entry.user_message + entry.message for entry in instance.all_logs(run.run_id)]
            found.extend(each for text in told for each in re.findall(r"\(pid: (\d+)\)", text))
        return bool(found)

    wait_until(has_begun, lambda: f"no run of {day} began")
    return int(found[0])


def test_the_services_publish_watch_and_serve_a_night_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All become healthy; analysts may start nothing; operators start the schedule; all end when they are asked to.

    The process of the first run is killed: the daemon runs it again.
    """
    monkeypatch.setenv("CHURN_APP__KEYS", json.dumps({"shop": digest(KEY)}))
    day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    with postgres_server() as server:
        database = server.create("dagster")
        new = Installation(
            tmp_path / "churn",
            {
                "CHURN_SCHEDULE__NIGHTLY": "* * * * *",
                "CHURN_DAGSTER_PG_URL": database,
                "DAGSTER_HOME": str(tmp_path / "churn"),
            },
        )
        new.configure(
            "training: {window_days: 14, parameters: {max_iter: 25}}\naudit: {refuse_repeated_export: false}\n"
        )
        sampled = new.run("sample", "--customers", "600", "--days", "90", "--until", str(day))
        assert sampled.exit_code == 0, sampled.stderr
        with started(new, database) as services:
            first = new.run("run", "--date", str(day - dt.timedelta(days=9)), "--json")
            assert first.exit_code == 0, first.stderr
            refused = asked(
                f"{services.url('analysts')}/graphql", {"query": START, "variables": {"schedule": SCHEDULE}}
            )
            let = asked(f"{services.url('webserver')}/graphql", {"query": START, "variables": {"schedule": SCHEDULE}})

            with new.entered(), dg.DagsterInstance.from_config(str(new.root)) as instance:
                os.kill(process_of_first_run(instance, day), signal.SIGKILL)
            schedule = let["data"]["startSchedule"]["scheduleState"]["id"]
            stopped = asked(f"{services.url('webserver')}/graphql", {"query": STOP, "variables": {"id": schedule}})
            wait_until(
                lambda: (new.data / "tables" / "feature_drift").is_dir() and bool(new.current("feature_drift", day)),
                lambda: services.log("daemon")[-6000:] + services.log("code-server")[-6000:],
            )
            customer = new.rows("churn_scores", day)["customer_id"][0].as_py()
            url = f"{services.url('scores')}/v1/scores/{customer}"
            wait_until(lambda: asked(url, key=KEY)["snapshot_date"] == str(day), lambda: services.log("scores"))
            with new.entered(), dg.DagsterInstance.from_config(str(new.root)) as instance:
                wait_until(lambda: not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)), str)
                runs = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": str(day)}))
            with pytest.raises(urllib.error.HTTPError, match="401"):
                asked(url)
            told = "".join(services.log(name) for name in services.processes) + " ".join(services.left())
            codes = services.stop()

        assert refused["data"]["startSchedule"]["__typename"] == "UnauthorizedError"
        assert let["data"]["startSchedule"]["__typename"] == "ScheduleStateResult"
        assert new.rows("feature_drift", day).num_rows > 0
        first_run = runs[-1]
        assert stopped["data"]["stopRunningSchedule"]["__typename"] == "ScheduleStateResult"
        assert (first_run.job_name, first_run.status.value) == ("nightly", "FAILURE")
        assert [run.status.value for run in runs if run.parent_run_id == first_run.run_id] == ["SUCCESS"]
        assert server.password not in told
        assert codes.keys() == services.processes.keys()
        assert set(codes.values()) <= {0, -15}, codes
        assert not services.left()
        assert server.sql("select count(*) from pg_stat_activity where datname = 'dagster'") == "0"
