"""Only aggregates and hashed ids leave the tables, and no secret the environment.

No log, event, alert, sentence or list of processes quotes a customer's value or a key.
"""

import base64
import datetime as dt
import hashlib
import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster._serdes import serialize_value

from churn_assets.profiles import subscription
from churn_assets_tests.integration.installation import NIGHTS, Installation
from churn_assets_tests.receivers import web_server

pytestmark = pytest.mark.integration

ONE_DAY = dt.timedelta(days=1)
MARK = "MARKER"
HIDDEN = "SECRET"  # in the receivers' addresses too
API_KEY = f"{HIDDEN}-API-KEY"
SIGNING_KEY = base64.b64encode(f"{HIDDEN}-signing-key".encode().ljust(32, b"!")).decode()
SECRETS = {
    "CHURN_ALERTS__SMTP__HOST": "127.0.0.1",
    "CHURN_ALERTS__SMTP__PORT": "1",  # where nobody listens
    "CHURN_ALERTS__SMTP__SENDER": "churn@example.com",
    "CHURN_ALERTS__SMTP__TO": '["on-call@example.com"]',
    "CHURN_ALERTS__SMTP__USER": "churn",
    "CHURN_ALERTS__SMTP__PASSWORD": f"{HIDDEN}-PASSWORD",
    "CHURN_MODELS__SIGNING_KEY": f"hmac-sha256:{SIGNING_KEY}",
    "CHURN_APP__KEYS": json.dumps({"shop": hashlib.sha256(API_KEY.encode()).hexdigest()}),
}
AMOUNT = 98765.4321  # a marker that is a valid number
NOBODYS = f"postgresql://churn:{HIDDEN}-DATABASE@127.0.0.1:1/churn"
DATABASE = {
    "CHURN_SOURCE__KIND": "sql",
    "CHURN_SOURCE__URI": NOBODYS,
    "CHURN_SOURCE__QUERY": "select * from customers where snapshot_date = :snapshot_date",
}
FAILING = """
    if (customers["spend"] > 98765).any():
        raise ValueError(f"cannot use {customers['customer_id'].iloc[0]} {customers['spend'].max()}")
"""


def plant(installation: Installation, day: dt.date, rows: int) -> list[str]:
    """Write markers into every raw column of a day's source: a valid row, and `rows` for each column; the columns."""
    path = installation.source(day)
    table = pq.read_table(path)
    texts = table.cast(pa.schema([(name, pa.string()) for name in table.column_names])).to_pydict()
    texts["customer_id"][0] = f"{MARK}-of-a-valid-row"
    texts["spend"][0] = str(AMOUNT)
    for at, name in enumerate(name for name in texts if name != "customer_id"):
        for row in range(1 + at * rows, 1 + (at + 1) * rows):
            texts[name][row] = f"{MARK}-{name}"
            texts["customer_id"][row] = f"{MARK}-{name}-{row}"
    pq.write_table(pa.table(texts), path)
    return list(texts)


def with_failing_features(installation: Installation, folder: Path) -> Installation:
    """The same one, whose profile raises what quotes a customer."""
    text = Path(subscription.__file__).read_text()
    head = text.index("    ", text.index('"""', text.index('"""', text.index("def add_features")) + 3))
    (folder / "quoting.py").write_text(text[:head] + FAILING.lstrip("\n") + text[head:])
    return installation.having(CHURN_PROFILE="quoting")


def told_by_dagster(installation: Installation) -> str:
    """Every event, run and file of Dagster's storage."""
    with installation.dagster() as instance:
        events = [serialize_value(entry) for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]
        runs = [serialize_value(run) for run in instance.get_runs()]
    assert len(events) > 50
    files = [
        path.read_bytes().decode("latin-1") for path in (installation.data / "dagster").rglob("*") if path.is_file()
    ]
    return "\n".join([*events, *runs, *files])


def write_broken_csv(installation: Installation, day: dt.date) -> None:
    """An export one of whose rows has a cell too many; its reader's own words quote the row."""
    names = pq.read_schema(installation.source(day)).names
    rows = [",".join(names), ",".join(f"{MARK}-{name}" for name in [*names, "more"])]
    (installation.data / "source" / f"{day}.csv").write_text("\n".join(rows) + "\n")


@contextmanager
def listed_processes() -> Iterator[set[str]]:
    """What a list of processes shows while it is open: each command line of this machine."""
    lines: set[str] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):  # it has ended
                    lines.add(path.read_bytes().replace(b"\0", b" ").decode("latin-1"))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield lines
    finally:
        ended.set()
        looking.join()


def test_no_marker_leaves_the_tables(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Through a night that quarantines, one that is refused, and a profile that fails with a customer's own words."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    caplog.set_level(logging.DEBUG, "churn_assets")
    days = [NIGHTS[-1] + more * ONE_DAY for more in (1, 2, 3, 4)]
    columns = plant(installation, days[0], rows=1)
    plant(installation, days[1], rows=30)
    with web_server() as posts, web_server(401) as lineage, listed_processes() as processes:
        posting = installation.having(
            CHURN_ALERTS__WEBHOOK__URL=posts.url,
            CHURN_OPENLINEAGE__URL=lineage.url,
            CHURN_VALIDATION__MAX_QUARANTINED_SHARE="0.05",
            **SECRETS,
        )
        night = posting.run("run", "--date", str(days[0]))
        refused = posting.run("run", "--date", str(days[1]))
        failing = with_failing_features(posting, tmp_path).run("run", "--date", str(days[0]))
        posting.tick("standing_alerts")
        status = posting.run("status")
        doctor = posting.run("doctor")
        signed = posting.run("models", "sign", posting.run("models", "--json").json[0]["model_version"])
        several = posting.shell("--debug", "backfill", "--from", str(days[2]), "--to", str(days[2]))
        write_broken_csv(installation, days[3])
        of_csv = posting.having(CHURN_SOURCE__PATH="source/{snapshot_date}.csv")
        unreachable = posting.having(**DATABASE).run("check", "--date", str(days[3]))
        closed = posting.having(CHURN_DAGSTER_PG_URL=NOBODYS).run("run", "--date", str(days[3]))
        broken, tried = (of_csv.run(command, "--date", str(days[3])) for command in ("run", "check"))

    outcomes = [night, refused, failing, status, doctor, signed, several, unreachable, closed, broken, tried]
    told = "\n".join([*(each.stdout + each.stderr for each in outcomes), caplog.text, str(posts.bodies)])
    told += told_by_dagster(installation)
    told += str(installation.table("alerts").to_pyarrow_table().to_pylist())
    told += "".join(path.read_text() for path in installation.data.rglob("*.prom"))
    quarantined = installation.rows("quarantined_customers", days[0])
    assert night.exit_code == 0, night.stderr
    assert MARK in str(quarantined.to_pylist())  # where it belongs
    assert MARK in str(installation.rows("churn_scores", days[0]).column("customer_id").to_pylist())
    assert {body["condition"] for body in posts.bodies} == {"stale_scores", "run_failed"}
    assert f"of {days[1]} not run: customers" in " ".join(status.stdout.split())
    assert (signed.exit_code, several.exit_code) == (0, 0), signed.stderr + several.stderr
    for outcome, says in (
        (refused, "rows are broken"),
        (failing, "add_features failed"),
        (failing, "ValueError at quoting.py, line"),
        (unreachable, "nobody listens"),
        (closed, "CHURN_DAGSTER_PG_URL"),
        (broken, "cannot be read"),
        (tried, "cannot be read"),
    ):
        assert says in outcome.errors[0], outcome
    for says in (  # by those who were given secrets
        "the traceback of the failure",
        "was not taken by openlineage.url: status 401",
        "the mail server did not take the alert",
    ):
        assert says in caplog.text
    assert sum("backfill" in line or "spawn" in line for line in processes) > 1  # the command and who works for it
    told += "\n".join(processes)
    for mark in (MARK, HIDDEN, SIGNING_KEY, SECRETS["CHURN_APP__KEYS"][10:-2]):
        assert [told[max(0, at - 300) : at + 60] for at in [told.find(mark)] if at >= 0] == []
    assert str(AMOUNT) not in told
    assert len(columns) > 5
