"""What a lineage server gets over HTTP, and what happens where there is none."""

import datetime as dt

import pytest
from pydantic import SecretStr

from churn_assets.core.monitoring.openlineage import LineageRun, WrittenTable, run_event
from churn_assets.pipeline.monitoring.lineage import tell_lineage
from churn_assets_tests.lineage_server import lineage_server

WHEN = dt.datetime(2026, 11, 2, 2, tzinfo=dt.UTC)
RUN = LineageRun(
    "7c9e6679-7425-40de-944b-e07fc1f90ae7", "nightly", "shop", dt.date(2026, 11, 1), outputs=[WrittenTable("/t")]
)


def test_an_event_arrives_as_plain_json() -> None:
    """What is posted to the configured address is the event, to the letter."""
    with lineage_server() as server:
        arrived = tell_lineage(SecretStr(server.url), "START", RUN, WHEN)

    assert arrived
    assert server.events == [("/api/v1/lineage", "application/json", run_event("START", RUN, WHEN))]


def test_a_server_that_refuses_or_is_down_is_only_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """The run goes on; one line says which event of which run did not arrive."""
    with lineage_server() as server:
        server.status = 500
        refused = tell_lineage(SecretStr(server.url), "COMPLETE", RUN, WHEN)

    down = tell_lineage(SecretStr(server.url), "FAIL", RUN, WHEN)

    assert (refused, down) == (False, False)
    assert [record.levelname for record in caplog.records if record.name == "churn_assets"] == ["WARNING"] * 2
    assert RUN.run_id in caplog.text
