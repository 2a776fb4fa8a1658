"""Score services for tests: over a small table, asked through a socket as any program does."""

import datetime as dt
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import uvicorn
from fastapi import FastAPI

from churn_assets.app.factory import build_app
from churn_assets.app.protocol import server_config
from churn_assets.core.options import AppOptions
from churn_assets.core.table_schemas import SCORES
from churn_assets.storage.layout import Layout
from churn_assets.storage.lookup.writer import write_staged_lookup
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import Published
from churn_assets_tests.storage_factories import DAY, publish, stage

__all__ = [
    "DAY",
    "KEY",
    "NOW",
    "Service",
    "asking",
    "digest",
    "make_app",
    "publish_scores",
    "rows_of",
    "scores_table",
    "served",
    "wait_for",
]

KEY = "a-long-random-key"
NOW = dt.datetime(2026, 11, 1, 6, tzinfo=dt.UTC)  # the morning after DAY
PATIENCE = 20


def digest(key: str) -> str:
    """What stands in the configuration for a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def rows_of(probabilities: dict[str, float], model: str = "m1") -> pa.Table:
    """Rows of `churn_scores` for customers of any id, in its order."""
    ordered = sorted(probabilities.items(), key=lambda each: each[0].encode())
    rows = [
        {
            "customer_id": customer,
            "churn_probability": probability,
            "risk_tier": "high" if probability > 0.6 else "medium" if probability > 0.3 else "low",
            "action": "offer" if probability > 0.6 else "none",
            "model_version": model,
        }
        for customer, probability in ordered
    ]
    return pa.Table.from_pylist(rows, SCORES)


def scores_table(data_dir: Path) -> Table:
    """The table of published scores below a data folder."""
    return Table(Layout(data_dir).table("churn_scores"))


def publish_scores(data_dir: Path, rows: pa.Table, day: dt.date = DAY, model: str = "m1") -> Published:
    """Publish scores as the night does, with their lookup."""
    table = scores_table(data_dir)
    write_staged_lookup(table.root, stage(table, rows, day))
    return publish(table, rows, day, model_version=model)


def make_app(data_dir: Path, now: dt.datetime = NOW, timezone: str = "UTC", **options: Any) -> FastAPI:
    """A service whose clock stands still, and which looks for new scores often."""
    given = AppOptions(**{"poll_seconds": 0.02, **options})
    return build_app(Layout(data_dir), given, timezone, lambda: now)


def wait_for(says: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not says():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


class Service(uvicorn.Server):
    """A server in a thread; `url` is where it answers."""

    def __init__(self, app: Any) -> None:
        super().__init__(server_config(app))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of a service that answers by HTTP."""
    service = Service(app)
    thread = threading.Thread(target=service.run, kwargs={"sockets": [service.socket]}, daemon=True)
    thread.start()
    try:
        wait_for(lambda: service.started)
        yield service.url
    finally:
        service.should_exit = True
        thread.join(PATIENCE)
        service.socket.close()


@contextmanager
def asking(app: FastAPI, key: str | None = None) -> Iterator[httpx.Client]:
    """A client of a service that has looked at the table once."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with served(app) as url, httpx.Client(base_url=url, headers=headers, timeout=PATIENCE) as client:
        yield client
