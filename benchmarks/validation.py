"""Rows validated a second of one core: `validate` against pandera's own `schema.validate`, in turn.

    python benchmarks/validation.py [--rows 1000000] [--rounds 5]

Both judge the same batches of the simulated subscription business with the same pandera schema, once with
the few broken rows in a thousand that it holds on purpose, once without them. pandera is timed twice: from
the Arrow rows in which a snapshot is read, as `validate` is, and on pandas frames that are ready-made. It finds
the broken cells and stops there; `validate` gives the two tables.
"""

import argparse
import contextlib
import datetime as dt
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pandera
import pyarrow as pa
from pandera.errors import SchemaErrors

from churn_assets.core.arrow.conversion import to_customers
from churn_assets.core.customers.casting import cast_batch
from churn_assets.core.customers.duplicates import mark_duplicates
from churn_assets.core.customers.validation import validate
from churn_assets.core.profile_schemas import raw_schema
from churn_assets.profiles.subscription import PROFILE
from churn_assets.samples.simulation import simulate

DAY = dt.date(2026, 6, 30)
BATCH = 131_072


def main() -> None:
    """Time both in turn, round by round, in seconds of the processor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    versions = ", ".join(f"{module.__name__} {module.__version__}" for module in (pa, pd, pandera))
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {versions}")
    [(_, frame)] = simulate(given.rows, 1, DAY, seed=1)
    raw = cast_batch(pa.Table.from_pandas(frame, preserve_index=False), raw_schema(PROFILE)).sort_by("customer_id")
    compare("with broken rows", raw, given.rounds)
    [(_, repeated)] = mark_duplicates([raw], "customer_id")
    valid = validate(raw, PROFILE, DAY, repeated).valid
    compare(
        "without", valid.append_column(raw_schema(PROFILE).field(-1), pa.nulls(len(valid), pa.string())), given.rounds
    )


def compare(name: str, raw: pa.Table, rounds: int) -> None:
    """Print million rows a second of a core for both, and the ratio, each the median of the rounds."""
    batches = [raw.slice(start, BATCH).combine_chunks() for start in range(0, len(raw), BATCH)]
    frames = [to_customers(batch, PROFILE.checks) for batch in batches]
    told_repeated = list(mark_duplicates(batches, "customer_id"))
    verdicts = [validate(batch, PROFILE, DAY, repeated) for batch, repeated in told_repeated]
    told: dict[str, list[float]] = {"validate": [], "pandera": [], "pandera on ready frames": []}
    for _ in range(rounds):
        taken = (
            seconds(lambda told: validate(told[0], PROFILE, DAY, told[1]), told_repeated),
            seconds(lambda batch: by_pandera(to_customers(batch, PROFILE.checks)), batches),
            seconds(by_pandera, frames),
        )
        for speeds, each in zip(told.values(), taken, strict=True):
            speeds.append(len(raw) / each / 1e6)
    broken = sum(len(verdict.quarantined) for verdict in verdicts)
    print(
        f"{name}: {len(raw):,} rows, {broken:,} broken; million rows a core-second, median of {rounds} rounds in turn:"
    )
    for rival, speeds in told.items():
        ratio = statistics.median(our / their for our, their in zip(told["validate"], speeds, strict=True))
        print(f"  {rival:24} {statistics.median(speeds):6.2f}   validate is {ratio:.1f} times as fast")


def by_pandera(frame: pd.DataFrame) -> None:
    """What a user would write."""
    with contextlib.suppress(SchemaErrors):
        PROFILE.checks.validate(frame, lazy=True)


def seconds(judge: Callable[[Any], object], batches: Sequence[Any]) -> float:
    """Processor seconds, of all threads, that judging the batches takes."""
    started = time.process_time()
    for batch in batches:
        judge(batch)
    return time.process_time() - started


if __name__ == "__main__":
    main()
