"""Exports of any size for the benchmarks: a million simulated customers, again and again under new ids.

    python benchmarks/exports.py FILE CUSTOMERS DAY [--shuffled]

A process of its own: a process that is started by a large one begins with its peak of memory.
"""

import argparse
import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from churn_assets.samples.simulation import simulate

__all__ = ["write_export"]

CHUNK = 1_000_000
ROW_GROUP_ROWS = 1_000_000


def write_export(path: Path, customers: int, day: dt.date, *, ordered: bool = True) -> None:
    """Write about `customers` customers as one Parquet file; a few rows in a thousand are broken, as everywhere.

    Simulated are at most a million; the others are those same rows under other ids, which costs a
    chain no less. In the order of their ids, or, where not `ordered`, the last million first.
    """
    [(_, frame)] = simulate(min(customers, CHUNK), 1, day, seed=1)
    rows = pa.Table.from_pandas(frame, preserve_index=False)
    own = pc.cast(rows.column("customer_id"), pa.string())
    rows = rows.set_column(0, "customer_id", own).take(pc.sort_indices(own))
    path.parent.mkdir(parents=True, exist_ok=True)
    chunks = range(-(-customers // CHUNK))
    with pq.ParquetWriter(path, rows.schema, compression="snappy") as writer:
        for chunk in chunks if ordered else reversed(chunks):
            ids = pc.binary_join_element_wise(f"{chunk:04d}", rows.column("customer_id"), "-")
            here = rows.set_column(0, "customer_id", ids)
            writer.write_table(here.slice(0, customers - chunk * CHUNK), row_group_size=ROW_GROUP_ROWS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("customers", type=int)
    parser.add_argument("day", type=dt.date.fromisoformat)
    parser.add_argument("--shuffled", action="store_true")
    given = parser.parse_args()
    write_export(given.file, given.customers, given.day, ordered=not given.shuffled)
