"""What reading a small Parquet file takes of memory that unpacks to much more.

    python benchmarks/hostile_parquet.py WORK_FOLDER

Each file is made and read in a process of its own, whose peak is told. A footer that lies is stood for by reading the
file without looking at its footer first.
"""

import argparse
import datetime as dt
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.errors import SourceFault
from churn_assets.storage.source.files import FileSource
from churn_assets.storage.source.reading import read_file

MIB = 1 << 20
KINDS = {
    "nothing": "three rows of three letters",
    "below": "a text of just 512 MiB",
    "text": "a text of 1 GiB",
    "lies": "a text of 1 GiB, and a footer that lies",
    "dictionary": "a text of 1 MiB in a dictionary, 3,000 rows",
}


def write(kind: str, path: Path) -> None:
    """Make a file."""
    if kind in {"nothing", "dictionary"}:
        codes, text = ([0] * 3, "abc") if kind == "nothing" else ([0] * 3000, "a" * MIB)
        texts: pa.Array = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array([text]))
    else:
        texts = pa.array(["a" * (512 * MIB - 4096 if kind == "below" else 1024 * MIB)])
    by_dictionary = ["text"] if pa.types.is_dictionary(texts.type) else False
    pq.write_table(
        pa.table({"text": texts}),
        path,
        compression="zstd",
        use_dictionary=by_dictionary,
        store_schema=False,
        write_statistics=False,
    )


def read(kind: str, path: Path) -> None:
    """Read it as a night does, and tell the peak."""
    source = FileSource(str(path), path.parent)
    arriving = source.batches(source.files(dt.date(2026, 11, 1)))
    batches = read_file(path, CsvDialect()) if kind == "lies" else (batch for _, batch in arriving)
    try:
        rows = f"{sum(batch.num_rows for batch in batches):,} rows"
    except SourceFault:
        rows = "refused"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{KINDS[kind]}: {path.stat().st_size:,} bytes, {rows}, peak {peak:,} MiB")


def main() -> None:
    """Make and read each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("STEP", "KIND"))
    given = parser.parse_args()
    if given.one:
        step, kind = given.one
        (write if step == "write" else read)(kind, given.folder / f"{kind}.parquet")
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        for step in ("write", "read"):
            subprocess.run([sys.executable, __file__, str(given.folder), "--one", step, kind], check=True)
        (given.folder / f"{kind}.parquet").unlink()


if __name__ == "__main__":
    main()
