"""What a lineage server gets over HTTP, and what happens where there is none."""

import datetime as dt
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from churn_assets.core.monitoring.openlineage import LineageRun, WrittenTable, run_event
from churn_assets.pipeline.monitoring.lineage import tell_lineage

WHEN = dt.datetime(2026, 11, 2, 2, tzinfo=dt.UTC)
RUN = LineageRun(
    "7c9e6679-7425-40de-944b-e07fc1f90ae7", "nightly", "shop", dt.date(2026, 11, 1), outputs=[WrittenTable("/t")]
)


class _Server(http.server.HTTPServer):
    """A lineage server that keeps what is posted, and answers `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 201
        self.events: list[Any] = []


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Take one event."""
        assert isinstance(self.server, _Server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.events.append((self.path, self.headers["Content-Type"], json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[_Server]:
    """A server on a free port."""
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_an_event_arrives_as_plain_json(server: _Server) -> None:
    """What is posted to the configured address is the event, to the letter."""
    arrived = tell_lineage(f"http://127.0.0.1:{server.server_port}/api/v1/lineage", "START", RUN, WHEN)

    assert arrived
    assert server.events == [("/api/v1/lineage", "application/json", run_event("START", RUN, WHEN))]


def test_a_server_that_refuses_or_is_down_is_only_warned_of(server: _Server, caplog: pytest.LogCaptureFixture) -> None:
    """The run goes on; one line says which event of which run did not arrive."""
    url = f"http://127.0.0.1:{server.server_port}/api/v1/lineage"
    server.status = 500

    refused = tell_lineage(url, "COMPLETE", RUN, WHEN)
    server.shutdown()
    server.server_close()
    down = tell_lineage(url, "FAIL", RUN, WHEN)

    assert (refused, down) == (False, False)
    assert [record.levelname for record in caplog.records if record.name == "churn_assets"] == ["WARNING"] * 2
    assert RUN.run_id in caplog.text
