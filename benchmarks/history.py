"""What a day costs once a table holds many: `python benchmarks/history.py WORK_FOLDER`.

A table such as `churn_scores`, a tiny partition a day, through the product's own `Table`: the cost
that is left is that of the log. Each figure is the median of some repetitions in CPU milliseconds; a
fresh `Table` is what a command opens, a kept one is what a run or a service holds.
"""

import argparse
import datetime as dt
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from churn_assets.core.table_schemas import PROMOTIONS, SCORES
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.ledger import Ledger
from churn_assets.storage.tables.table import Table

FIRST = dt.date(2020, 1, 1)
ROWS = 10
REPEATED = 5
DETAILS = {"customers_version": "0123456789abcdef", "hindsight": False, "pinned": "", "decisions": {"high_above": 0.6}}


def main() -> None:
    """Grow the table, and measure it at each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--days", type=int, nargs="+", default=[10, 100, 1000, 3000])
    given = parser.parse_args()
    root = given.work / "churn_scores"
    shutil.rmtree(root, ignore_errors=True)
    kept = Table(root)
    ledger = Ledger(given.work / "promotions", PROMOTIONS)
    shutil.rmtree(ledger.root, ignore_errors=True)
    held = recorded = 0
    columns: dict[int, dict[str, float]] = {}
    for days in given.days:
        while held < days:
            publish(kept, FIRST + dt.timedelta(days=held), "a")
            held += 1
        while recorded < days // 10:  # a model is promoted now and then, not every night
            record(ledger, recorded)
            recorded += 1
        columns[days] = measured(root, kept, FIRST + dt.timedelta(days=days - 1)) | of_ledger(ledger, recorded)
        recorded += REPEATED
        print(f"{days:,} days measured", flush=True)
    print("| CPU ms | " + " | ".join(f"{days:,} days" for days in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name in columns[given.days[0]]:
        print(f"| {name} | " + " | ".join(f"{column[name]:.1f}" for column in columns.values()) + " |")


def publish(table: Table, day: dt.date, marker: str) -> None:
    """Ten scores of `day`."""
    rows = pa.table(
        {
            "customer_id": [f"c{number:04d}" for number in range(ROWS)],
            "churn_probability": [number / ROWS for number in range(ROWS)],
            "risk_tier": ["low"] * ROWS,
            "action": ["none"] * ROWS,
            "model_version": [f"20260101-{marker}"] * ROWS,
        },
        SCORES,
    )
    staged = table.write(day, SCORES, "customer_id", [rows])
    table.publish(staged, table.current(day), Commit("score", "benchmark", details=DETAILS | {"marker": marker}))


def record(ledger: Ledger, number: int) -> None:
    """One promotion."""
    told = {"to_version": str(number), "actor": "benchmark", "reason": "", "forced": False}
    ledger.append(lambda _: {"promoted_at": dt.datetime.now(dt.UTC), "from_version": None, **told})


def measured(root: Path, kept: Table, day: dt.date) -> dict[str, float]:
    """Milliseconds of each thing that is done with the newest day, and of looking for one in the middle."""
    told: dict[str, float] = {}
    for name, work in readings(day).items():
        told[f"{name}, fresh"] = median(lambda work=work: work(Table(root)))  # type: ignore[misc]  # bound in the loop
        told[f"{name}, kept"] = median(lambda work=work: work(kept))  # type: ignore[misc]  # as above
    middle = FIRST + (day - FIRST) / 2
    told["history of a day in the middle, fresh"] = median(lambda: Table(root).history(middle))
    for name, table in {"fresh": lambda: Table(root), "kept": lambda: kept}.items():
        markers = iter(range(REPEATED))
        told[f"publish, {name}"] = median(lambda: publish(table(), day, f"{name}{next(markers)}"))  # noqa: B023  # as above
        told[f"rollback, {name}"] = median(
            lambda: table().rollback(day, None, Commit("rollback", "benchmark"))  # noqa: B023  # as above
        )
    return told


def readings(day: dt.date) -> dict[str, Callable[[Table], object]]:
    """What is read of a table."""
    return {
        "current(day)": lambda table: table.current(day),
        "days()": lambda table: table.days(),
        "version(day).read()": lambda table: table.version(day).read(),
        "history(day)": lambda table: table.history(day),
    }


def of_ledger(ledger: Ledger, recorded: int) -> dict[str, float]:
    """Milliseconds of a ledger with a tenth as many records."""
    numbers = iter(range(recorded, recorded + REPEATED))
    return {
        "a ledger of a tenth as many records: rows()": median(ledger.rows),
        "likewise: append": median(lambda: record(ledger, next(numbers))),
    }


def median(work: Callable[[], object]) -> float:
    """CPU milliseconds of `work` in all threads, the median of some: what else the machine does changes it little."""
    taken = []
    for _ in range(REPEATED):
        started = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - started))
    return statistics.median(taken)


if __name__ == "__main__":
    main()
