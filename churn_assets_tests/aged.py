"""A data folder in which something of each kind has had its time, for tests of what is verified and of what expires."""

import datetime as dt
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pytest

from churn_assets.core.errors import ChurnError
from churn_assets.core.evaluation.results import FeatureSummary, Histogram
from churn_assets.core.monitoring.night_facts import NightFacts
from churn_assets.core.table_schemas import FAULT_TYPE, FAULTS, PROMOTIONS
from churn_assets.pipeline.chain import Chain
from churn_assets.storage.expirations import Expirations
from churn_assets.storage.lookup.writer import write_staged_lookup
from churn_assets.storage.scores.feature_counts import write_feature_counts
from churn_assets.storage.scores.night_reports import write_night_report
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.ledger import Ledger
from churn_assets.storage.tables.table import Table
from churn_assets_tests.chains import chain_over
from churn_assets_tests.storage_factories import (
    DAY,
    keep_model,
    make_card,
    publish,
    record,
    recording,
    score_rows,
    stage,
)

__all__ = [
    "COUNTS",
    "LATER",
    "REJECTED",
    "aged_chain",
    "contents",
    "current_rows",
    "expire_while_recording",
    "expired_names",
    "late",
    "publish_scores",
    "quarantine_rows",
]

LATER = dt.timedelta(days=400)  # when everything that may go has had its time
PATIENCE = 60
REJECTED = make_card(dt.date(2026, 9, 1)).model_version
COUNTS = FeatureSummary(rows=3, duplicate_share=0.0, features={}, scores=Histogram(edges=(0.5,), counts=(2, 1)))


def late() -> dt.datetime:
    """The moment at which all of an aged folder's time is up."""
    return dt.datetime.now(dt.UTC) + LATER


def quarantine_rows() -> pa.Table:
    """Two broken rows: their ids, a value that broke a rule, and the fault that tells it."""
    fault = {"column": "visits", "check": "at least 0", "value": "-7"}
    columns = {"member": ["m1", "m2"], "visits": [-7, -7], FAULTS: [[fault], [fault | {"value": "-7"}]]}
    schema = pa.schema([("member", pa.string()), ("visits", pa.int64()), (FAULTS, FAULT_TYPE)])
    return pa.table(columns, schema=schema)


def publish_scores(table: Table, rows: int, marker: str, **details: Any) -> str:
    """Publish a version of scores with its lookup, counts and report; its name."""
    staged = stage(table, score_rows(rows, marker))
    write_staged_lookup(table.root, staged)
    write_feature_counts(table.root, staged, COUNTS)
    commit = Commit("score", "tester", model_version=marker, details={"hindsight": True} | details)
    table.publish(staged, table.current(DAY), commit)
    facts = NightFacts(
        snapshot_date=DAY,
        score_version=staged.version,
        customers_version="other",
        model_version=marker,
        models={marker: rows},
        trained_as_of=None,
        customers=rows,
        tiers={},
        actions={},
        mean_probability=0.5,
        twentieths=(),
        quarantined=0,
        faults={},
    )
    write_night_report(table.root, facts, "# A night\n", "<svg/>\n")
    return staged.version


def aged_chain(folder: Path) -> Chain:
    """A chain whose tables hold what is current and, of each kind, what may go at `late()`.

    `customers` has three versions: the first is what the current scores were made of, the second nobody needs.
    """
    chain = chain_over(folder)
    publish(chain.raw, score_rows(4), kind="land")
    made_of = publish(chain.customers, score_rows(3, "a"), kind="validate", details={"raw_version": "none"}).version
    publish(chain.customers, score_rows(3, "b"), kind="validate", details={"raw_version": "none"})
    publish(chain.customers, score_rows(3, "c"), kind="validate", details={"raw_version": "none"})
    publish_scores(chain.scores, 3, "model-a", customers_version="other")
    publish_scores(chain.scores, 3, "model-b", customers_version=made_of)
    details = {"id_column": "member", "raw_version": "none"}
    commit = Commit("validate", "tester", details=details)
    rows = quarantine_rows()
    chain.quarantined.publish(chain.quarantined.write(DAY, rows.schema, "member", [rows]), None, commit)
    for as_of in (dt.date(2026, 10, 1), dt.date(2026, 9, 1)):
        keep_model(chain.registry, make_card(as_of))
    promotions = chain.registry.promotions
    promotions.append(recording(record(make_card().model_version)))
    [named] = promotions.files()
    shutil.copy(named, named.with_name("part-of-one-who-was-not-first.parquet"))
    left = chain.scores.root / "_staging" / "0123"
    left.mkdir(parents=True)
    (left / "part-0.parquet").write_bytes(b"half")
    os.utime(left, (0, 0))
    orphan = chain.customers.root / f"snapshot_date={DAY}" / "feedfeedfeedfeed"
    orphan.mkdir()
    os.utime(orphan, (0, 0))
    return chain


def current_rows(chain: Chain) -> dict[str, list[Any]]:
    """Every row of every current version, by table, and of every record but that of what has expired."""
    rows: dict[str, list[Any]] = {}
    for root in (folder.path for folder in chain.layout.tables()):
        table = Table(root)
        if any(root.glob("snapshot_date=*")):
            rows[root.name] = [table.version(day).verified().read().to_pylist() for day in table.days()]
    rows["promotions"] = Ledger(chain.layout.table("promotions"), PROMOTIONS).rows()
    return rows


def contents(chain: Chain) -> set[str]:
    """The paths of all files below the tables and models, without logs and the record of what has expired."""
    roots = (chain.layout.data_dir / "tables", chain.layout.models.path)
    files = (path for root in roots for path in root.rglob("*") if path.is_file())
    paths = {path.relative_to(chain.layout.data_dir) for path in files if "_delta_log" not in path.parts}
    return {str(path) for path in paths if "expirations" not in path.parts and path.name != "_digests"}


def expired_names(chain: Chain) -> list[tuple[str, str]]:
    """Table and name of everything that the record tells of, as often as it does."""
    ledger = Expirations(chain.layout.folder.below("tables"))
    return [(row["table"], name) for row in ledger.rows() for name in row["names"]]


def expire_while_recording(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], expire: Callable[[], object], first: str
) -> ChurnError | None:
    """Let `expire` begin once `act` has decided on the record of a model and not committed it; what refused the record.

    The `first` of them, `record` or `expiry`, goes on: the record, until it is committed, when the model was taken
    away; or the expiry, to its end.
    """
    write, interrupt = Ledger._write, Ledger.interrupt
    taken, committed = Event(), Event()
    expiry: list[Future[object]] = []

    def writing(ledger: Ledger, *given: Any) -> bool:
        if expiry or ledger.root.name not in {"promotions", "canaries"}:
            return write(ledger, *given)
        expiry.append(worker.submit(expire))
        if first == "expiry":
            expiry[0].result(PATIENCE)
        else:
            assert taken.wait(PATIENCE)
        done = write(ledger, *given)
        committed.set()
        return done

    def interrupting(ledger: Ledger, told: dict[str, str]) -> None:
        taken.set()
        assert first == "expiry" or committed.wait(PATIENCE)
        interrupt(ledger, told)

    refused = None
    with monkeypatch.context() as patched, ThreadPoolExecutor(1) as worker:
        patched.setattr(Ledger, "_write", writing)
        patched.setattr(Ledger, "interrupt", interrupting)
        try:
            act()
        except ChurnError as error:
            refused = error
        expiry[0].result(PATIENCE)
    return refused
