"""Erasures that are killed, and the search for what they left; for tests only."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.pipeline.chain import RunContext
from churn_assets.pipeline.erasure import forget_customer
from churn_assets_tests.chains import chain_over

__all__ = ["STEPS", "erase_and_die", "files_that_tell", "stored_rows"]

STEPS = {"os.rename", "os.remove", "os.rmdir", "os.link", "os.mkdir", "shutil.rmtree"}  # as the interpreter names them


def erase_and_die(data_dir: Path, customer: str, step: int, counted: Path) -> None:
    """Erase a customer in this process, which is killed before its `step`-th change to names of files.

    One that reaches its end writes into `counted` how many there were.
    """
    steps = 0

    def count(event: str, _: tuple[Any, ...]) -> None:
        nonlocal steps
        steps += event in STEPS
        if event in STEPS and steps == step:
            os.kill(os.getpid(), signal.SIGKILL)

    chain = chain_over(data_dir)
    sys.addaudithook(count)
    forget_customer(chain, customer, RunContext("tester", reason="ticket 12"))
    counted.write_text(str(steps))


def files_that_tell(data_dir: Path, text: str) -> list[str]:
    """The files below a data folder, but its source, in which a text stands: as bytes, or once they are decoded."""
    return [
        path.relative_to(data_dir).as_posix()
        for path in sorted(data_dir.rglob("*"))
        if path.is_file() and "source" not in path.relative_to(data_dir).parts
        if any(text in each for each in _readings(path))
    ]


def _readings(path: Path) -> Iterator[str]:
    """Everything that can be read in a file; a footer's statistics too."""
    yield path.read_bytes().decode("latin-1")
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            yield json.dumps(file.read().to_pylist(), default=str, ensure_ascii=False)
            groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
            yield str([group.column(at).statistics for group in groups for at in range(group.num_columns)])
    if path.suffix == ".arrow":
        with pa.OSFile(str(path)) as source:
            yield str(pa.ipc.open_file(source).read_all().to_pylist())
    if path.suffix in {".npy", ".npz"}:
        loaded = np.load(path, allow_pickle=False)
        yield str([np.asarray(loaded[name]).tolist() for name in loaded] if path.suffix == ".npz" else loaded.tolist())


def stored_rows(data_dir: Path, key: str, customer: str) -> dict[str, list[list[dict[str, Any]]]]:
    """The rows of every stored version of every table, without a customer's: versions of a day in order of content."""
    found: dict[str, list[list[dict[str, Any]]]] = {}
    for folder in sorted(path for path in data_dir.glob("tables/*/snapshot_date=*/*") if path.is_dir()):
        rows = [
            row for path in sorted(folder.glob("part-*.parquet")) for row in pq.ParquetFile(path).read().to_pylist()
        ]
        kept = [row for row in rows if row.get(key) != customer]
        found.setdefault(folder.parent.relative_to(data_dir).as_posix(), []).append(kept)
    return {day: sorted(versions, key=str) for day, versions in found.items()}
