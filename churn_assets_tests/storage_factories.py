"""Scores, tables, cards and racing processes, for tests of the storage layer only."""

import datetime as dt
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pandas as pd  # noqa: F401  # pyarrow and deltalake load these two at first use:
import pyarrow as pa
import pyarrow.dataset  # here it is once, in the server that forks, and not in each process

from churn_assets.core.errors import ChurnError
from churn_assets.core.evaluation.results import Evidence, Histogram, Metrics, Reference
from churn_assets.core.models.card import ModelCard, digest_of_version
from churn_assets.core.options import GateBounds
from churn_assets.core.table_schemas import PROMOTIONS, REASONS, SCORES
from churn_assets.storage.expirations import Expirations, version_name
from churn_assets.storage.layout import Layout, version_folder
from churn_assets.storage.models.registry import Registry
from churn_assets.storage.models.store import ModelFiles
from churn_assets.storage.tables import parquet
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.ledger import Ledger, Row
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import Published, Staged
from churn_assets_tests.factories import made_up_card

__all__ = [
    "DAY",
    "KEY",
    "TRAINED",
    "append_records",
    "append_to_new_ledgers",
    "delta_version",
    "evaluation",
    "keep_model",
    "let_expire",
    "make_card",
    "make_evidence",
    "make_kept",
    "promote_at_once",
    "publish",
    "publish_day",
    "publish_endlessly",
    "publish_reasons",
    "race_for_new_partitions",
    "reason_rows_of",
    "record",
    "recording",
    "running",
    "score_rows",
    "stage",
    "stage_and_discard",
    "together",
    "version_rows",
    "without_words",
]

DAY = dt.date(2026, 10, 31)
TRAINED = dt.date(2026, 10, 1)
KEY = "customer_id"
PATIENCE = 60

_processes = get_context("forkserver")
_processes.set_forkserver_preload(["__main__", __name__])


def without_words(parquet_file: bytes, words: int) -> bytes:
    """The file with a dictionary of so many words whose page says that it has none."""
    header = rb"([<L]\x15)" + re.escape(bytes([2 * words])) + rb"(?=\x15)"  # Thrift's, after a checksum or none
    changed, times = re.subn(header, rb"\1\0", parquet_file)
    assert times == 1
    return changed


def score_rows(count: int, model: str = "20261001-aaaaaaaa") -> pa.Table:
    """`count` rows of `churn_scores` in the order of the id; `model` tells one content from another."""
    probability = [round((number * 37 % 101) / 101, 4) for number in range(count)]
    columns = {
        "customer_id": [f"c{number:07d}" for number in range(count)],
        "churn_probability": probability,
        "risk_tier": ["high" if each > 0.6 else "low" for each in probability],
        "action": ["offer" if each > 0.6 else "none" for each in probability],
        "model_version": [model] * count,
    }
    return pa.table(columns, schema=SCORES)


def stage(table: Table, rows: pa.Table, day: dt.date = DAY) -> Staged:
    """Write `rows` as a version of `day` that nobody sees yet."""
    return table.write(day, rows.schema, KEY, [rows])


def publish(table: Table, rows: pa.Table, day: dt.date = DAY, **told: Any) -> Published:
    """Make `rows` the current version of `day`."""
    commit = Commit(**{"kind": "score", "actor": "tester"} | told)
    return table.publish(stage(table, rows, day), table.current(day), commit)


def reason_rows_of(contributions: dict[str, dict[str, float]], hidden_share: float = 0.0) -> pa.Table:
    """Rows of `churn_reasons`: the families of each customer with what they contribute, the strongest first."""
    rows = [
        {
            "customer_id": customer,
            "rank": rank,
            "family": family,
            "feature": f"{family}_days",
            "contribution": value,
            "direction": "up" if value > 0 else "down",
            "value": f"{10 * abs(value):.0f}",
            "sentence": f"{family} for {{}} days",
            "base_value": -1.0,
            "other": 0.25,
            "hidden_share": hidden_share,
        }
        for customer, families in sorted(contributions.items(), key=lambda each: each[0].encode())
        for rank, (family, value) in enumerate(families.items(), 1)
    ]
    return pa.Table.from_pylist(rows, REASONS)


def publish_reasons(
    data_dir: Path, score_version: str, contributions: dict[str, dict[str, float]], day: dt.date = DAY
) -> Published:
    """Publish the reasons of a version of scores; the families come first as often as they say."""
    table = Table(Layout(data_dir).table("churn_reasons"))
    first: dict[str, int] = {}
    for families in contributions.values():
        first[next(iter(families))] = first.get(next(iter(families)), 0) + 1
    details = {"score_version": score_version, "explained": len(contributions), "first_families_of_high": first}
    return publish(table, reason_rows_of(contributions), day, kind="explain", details=details)


def let_expire(table: Table, version: str, day: dt.date = DAY) -> None:
    """Record that a version has expired, and remove its files, as an expiry does."""
    row = {"expired_at": dt.datetime.now(dt.UTC), "table": table.name, "kind": "version", "actor": "tester"}
    given = row | {"names": [version_name(day, version)], "bytes": 1, "kept_days": 90}
    Expirations(table.root.parent).record(given, dt.datetime.now(dt.UTC))
    shutil.rmtree(table.root / version_folder(day, version))


def delta_version(table: Table) -> int:
    """How many commits the table has had, by the files of its log."""
    return len(list((table.root / "_delta_log").glob("*.json"))) - 1


def make_card(as_of: dt.date = TRAINED, **changes: Any) -> ModelCard:
    """The card of a model as of a day, by the name that its content makes; `changes` replace fields."""
    earlier = as_of - dt.timedelta(days=30)
    given: dict[str, Any] = {
        "model_version": "",
        "trained_as_of": as_of,
        "profile": "churn_assets.profiles.subscription",
        "feature_columns": ("spend",),
        "feature_parameters": {"recent_login_days": 30},
        "training_dates": (earlier,),
        "backtest_date": earlier,
        "backtest_training_dates": (earlier - dt.timedelta(days=30),),
        "inputs": (),
        "libraries": {"scikit-learn": "1.8"},
        "train_rows": 1000,
        "train_churners": 90,
        "left_out_rows": 3,
        "metrics": make_evidence().metrics,
        "importance": {"spend": 0.1},
    }
    card = made_up_card(**given | changes)
    return card.model_copy(update={"model_version": digest_of_version(card)})


def make_kept(probability: float = 0.25, page: str = "# A model\n", figure: bytes = b"\x89PNG") -> ModelFiles:
    """What is kept beside an artefact: a single golden row, a reference of ten rows, a page and a picture."""
    golden = pa.table({"customer_id": ["c1"], "spend": [9.5], "churn_probability": [probability]})
    reference = Reference(
        features={"spend": Histogram(edges=(5.0,), counts=(4, 6))}, scores=Histogram(edges=(0.5,), counts=(9, 1))
    )
    return ModelFiles(golden.replace_schema_metadata({"snapshot_date": "2026-10-01"}), reference, page, figure)


def make_evidence(roc_auc: float = 0.75, **changes: Any) -> Evidence:
    """What a good model's backtest found on 400 customers, of whom a tenth churned."""
    metrics = Metrics(
        rows=400,
        churners=40,
        roc_auc=roc_auc,
        average_precision=0.4,
        brier=0.08,
        calibration_error=0.01,
        calibration_chance=0.01,
    )
    return Evidence(**{"metrics": metrics} | changes)


def evaluation(version: str, evidence: str | None) -> Row:
    """A row of `evaluations` with `evidence` as it is written there; the registry decides on nothing else of it."""
    return {
        "evaluated_at": dt.datetime.now(dt.UTC),
        "model_version": version,
        "backtest_date": TRAINED - dt.timedelta(days=30),
        "rows": 400,
        "base_rate": 0.1,
        "roc_auc": 0.75,
        "average_precision": 0.4,
        "brier": 0.08,
        "published_version": None,
        "published_roc_auc": None,
        "passed": True,
        "missed": "",
        "calibration_error": 0.01,
        "compared_with": None,
        "compared_version": None,
        "roc_auc_difference": None,
        "difference_low": None,
        "difference_high": None,
        "evidence": evidence,
        "first_reason_changed": None,
    }


def keep_model(registry: Registry, card: ModelCard, evidence: Evidence | None = None) -> str:
    """Record how a model was judged (well, without `evidence`) and keep it, as a training does; its version."""
    told = (evidence or make_evidence()).model_dump_json()
    registry.evaluations.append(recording(evaluation(card.model_version, told)))
    return registry.models.save({"model": card.model_version}, card, make_kept()).model_version


def record(to_version: str, at: dt.datetime | None = None) -> Row:
    """A row of `promotions`."""
    return {
        "promoted_at": at or dt.datetime.now(dt.UTC),
        "from_version": None,
        "to_version": to_version,
        "actor": "tester",
        "reason": "because",
        "forced": False,
    }


def recording(row: Row) -> Callable[[list[Row]], Row]:
    """The decision to record `row`, whatever was recorded before."""
    return lambda _: row


# What follows runs in other processes.


def together(work: Callable[..., None], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Run `work(*arguments, barrier, answers)` in a process each; all their answers, in no order.

    Each worker puts a list of answers, once, and waits at the barrier where it wants the others.
    """
    barrier = _processes.Barrier(len(arguments), timeout=PATIENCE)
    answers = _processes.Queue()
    workers = [_processes.Process(target=work, args=(*given, barrier, answers), daemon=True) for given in arguments]
    for worker in workers:
        worker.start()
    try:
        return [answer for _ in workers for answer in answers.get(timeout=PATIENCE)]
    finally:
        for worker in workers:
            worker.join(PATIENCE)
            worker.kill()


@contextmanager
def running(work: Callable[..., None], *arguments: Any) -> Iterator[BaseProcess]:
    """The process of `work(*arguments)`, which runs until it is killed, here at the latest."""
    worker = _processes.Process(target=work, args=arguments, daemon=True)
    worker.start()
    try:
        yield worker
    finally:
        worker.kill()
        worker.join(PATIENCE)


def race_for_new_partitions(root: Path, rounds: int, number: int, barrier: Any, answers: Any) -> None:
    """In each round, publish own rows to the same day of a table that is not there yet, all at once."""
    told = []
    for round_number in range(rounds):
        table = Table(root / f"round-{round_number}" / "churn_scores")
        staged = stage(table, score_rows(10 + number, f"writer-{number}"))
        barrier.wait()
        told.append((round_number, number, _outcome(partial(table.publish, staged, None, _commit()))))
    answers.put(told)


def publish_day(root: Path, number: int, barrier: Any, answers: Any) -> None:
    """Publish to a day of one's own in a shared table, at the same time as everybody else."""
    table = Table(root)
    day = DAY + dt.timedelta(days=number)
    barrier.wait()
    outcome = _outcome(lambda: table.publish(stage(table, score_rows(10 + number), day), None, _commit()))
    answers.put([(day, outcome)])


def publish_endlessly(root: Path, first: int) -> None:
    """Publish version after version of one day, each of several files, until killed."""
    vars(parquet).update(ROW_GROUP_ROWS=100, PART_ROWS=100)
    table = Table(root)
    number = first
    while True:
        publish(table, score_rows(version_rows(number), str(number)))
        number += 1


def version_rows(number: int) -> int:
    """How many rows the version with this marker has: between two and seven files of them."""
    return 150 + 50 * (number % 11)


def append_records(root: Path, count: int, number: int, barrier: Any, answers: Any) -> None:
    """Append `count` records of one's own, beside others that do so too."""
    ledger = Ledger(root, PROMOTIONS)
    barrier.wait()
    told = []
    for at in range(count):
        row = record(f"{number}-{at}")
        told.append(_outcome(partial(ledger.append, recording(row))))
        time.sleep(0.002)  # others come in between
    answers.put(told)


def append_to_new_ledgers(roots: list[Path], number: int, barrier: Any, answers: Any) -> None:
    """Append a record to ledger after ledger that is not there yet, each at the same moment as everybody else."""
    told = []
    for root in roots:
        ledger = Ledger(root, PROMOTIONS)
        barrier.wait()
        told.append(_outcome(partial(ledger.append, recording(record(str(number))))))
    answers.put(told)


def stage_and_discard(root: Path, count: int, number: int, barrier: Any, answers: Any) -> None:
    """Write a version and discard it, again and again, beside others that do so too."""
    table = Table(root)
    barrier.wait()
    rows = score_rows(1, str(number))
    answers.put([_outcome(lambda: table.discard(stage(table, rows))) for _ in range(count)])


def promote_at_once(data_dirs: list[Path], version: str, barrier: Any, answers: Any) -> None:
    """Promote `version` in each data folder, at the same moment as somebody else promotes another."""
    told = []
    for at, data_dir in enumerate(data_dirs):
        registry = Registry(Layout(data_dir), GateBounds())
        barrier.wait()
        outcome = _outcome(partial(registry.promote, version, actor=version, reason="race"))
        told.append((at, version, outcome))
    answers.put(told)


def _commit() -> Commit:
    return Commit("score", "racer")


def _outcome(do: Callable[[], Any]) -> str:
    """`done`, or the failure: by its name and sentence where the product raised it on purpose."""
    try:
        do()
    except ChurnError as error:
        return f"{type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001  # another process has to tell what it met
        return f"unexpected {error!r}"
    return "done"
