"""What the service writes down: enough to follow a request, and no customer and no key."""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from churn_assets.app.telemetry.logs import JsonLines
from churn_assets_tests.serving import KEY, asking, digest, make_app, publish_scores, rows_of


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The request lines on standard error."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    return [line for line in map(json.loads, lines) if line["event"] == "request"]


def test_a_request_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Request id, method, route, status, duration, version and the name of the key."""
    version = publish_scores(tmp_path, rows_of({"c1": 0.9})).version
    with asking(make_app(tmp_path, keys={"shop": digest(KEY)}), KEY) as client:
        client.get("/v1/scores/c1", headers={"X-Request-ID": "req-1"})
        client.get("/v1/scores/nobody", headers={"X-Request-ID": 'odd"\\id'})

    first, second = lines_of(capsys)
    assert first.pop("ms") >= 0
    assert first.pop("at").endswith("+00:00")
    assert first == {
        "level": "info",
        "event": "request",
        "request_id": "req-1",
        "method": "GET",
        "route": "/v1/scores/{customer_id}",
        "status": 200,
        "score_version": version,
        "key": "shop",
    }
    assert (second["status"], second["kind"], len(second["request_id"])) == (404, "unknown-customer", 16)


def test_no_customer_and_no_key_is_written_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is asked, and however it fails, neither an id nor a key is in the log."""
    publish_scores(tmp_path, rows_of({"secret-id": 0.9}))
    with caplog.at_level(logging.DEBUG), asking(make_app(tmp_path, keys={"shop": digest(KEY)}), KEY) as client:
        for path in ("/v1/scores/secret-id", "/v1/history/secret-id", "/v1/scores/secret-id?snapshot_date=secret-id"):
            client.get(path)
        client.get("/secret-id", headers={"Authorization": "Bearer secret-id"})
        client.get("/v1/scores/secret-id", headers={"Authorization": "Bearer secret-id"})
        for ids in (["secret-id"], ["secret-id", 1], []):
            client.post("/v1/scores:batchGet", json={"customer_ids": ids})
        after = client.get("/v1/customers/at-risk?limit=1").json()["next"]

    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    written = capsys.readouterr().err + "\n".join(ours)
    assert after is None
    assert "request" in written
    assert "secret-id" not in written
    assert KEY not in written


def test_a_record_is_a_line_of_json() -> None:
    """Event, level and fields; of an exception its class and place, not its message."""
    try:
        int("a customer's id")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())
    record.fields = {"request_id": "7", "path": Path("/data")}

    line = json.loads(JsonLines().format(record))

    assert (line["level"], line["event"], line["request_id"], line["path"]) == ("error", "failed", "7", "/data")
    assert line["exception"] == "ValueError"
    assert "test_logs.py" in line["where"][-1]
    assert "customer" not in json.dumps(line)
