"""The floor of a night: what it reads is read, what it writes is encoded and written, and nothing is done in between.

    python benchmarks/night_floor.py DATA_DIR DAY [again]

The export and each table of the day are decoded once, part by part on every core as the chain does it, and each table
is written once by the chain's own writer, into a folder that goes. No cast, no check, no feature, no model, no digest,
no Dagster. With `again` only what one stage decodes and hashes of what the one before it wrote: what could be saved, at
most, if each part went through all stages in memory.
"""

import datetime as dt
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from measuring import self_told

from churn_assets.core.arrow.batches import BATCH_ROWS, ordered_map
from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.parquet import as_filled, read_batches, write_part
from churn_assets.storage.tables.table import Table

KEY = "customer_id"
TABLES = ("raw_customers", "customers", "customer_features", "churn_scores")


def main() -> None:
    """Read and write one day."""
    started = time.perf_counter()
    if sys.argv[3:] == ["again"]:
        print(json.dumps({"processor seconds": read_again(Path(sys.argv[1]), dt.date.fromisoformat(sys.argv[2]))}))
        return
    layout, day = Layout(Path(sys.argv[1])), dt.date.fromisoformat(sys.argv[2])
    exported = layout.data_dir / "source" / f"snapshot_date={day}" / "customers.parquet"
    with pq.ParquetFile(exported, pre_buffer=False) as file:
        rows = sum(batch.num_rows for batch in file.iter_batches(BATCH_ROWS, use_threads=False))
    for name in TABLES:
        files = Table(layout.table(name)).version(day).files
        with tempfile.TemporaryDirectory(dir=layout.data_dir) as folder:
            for _ in ordered_map(partial(copy, files, Path(folder)), range(len(files))):
                pass
    print(self_told(started, rows))


def read_again(data_dir: Path, day: dt.date) -> float:
    """Processor seconds of decoding and hashing what the next stage takes."""
    started = time.process_time()
    for name in TABLES[:-1]:
        version = Table(Layout(data_dir).table(name)).version(day).verified()
        for _ in ordered_map(partial(decode, version.files), version.parts):
            pass
    return time.process_time() - started


def decode(files: Sequence[Path], part: int) -> list[pa.Table]:
    """The rows of one part."""
    stored = pq.read_schema(files[part])
    words = [field.name for field in stored if pa.types.is_string(field.type) and field.name != KEY]
    return list(read_batches([files[part]], categories=words))


def copy(files: Sequence[Path], folder: Path, part: int) -> None:
    """One part, decoded and encoded."""
    rows = decode(files, part)
    write_part(folder, part, as_filled(pq.read_schema(files[part]), rows), KEY, rows)


if __name__ == "__main__":
    main()
