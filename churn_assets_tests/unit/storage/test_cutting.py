"""Parquet files cut into slices that are read side by side."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.storage.cutting import cut, read_piece


def files(folder: Path, rng: np.random.Generator) -> list[Path]:
    """Some files of counted rows, in row groups of any length, one file perhaps without rows."""
    paths = []
    start = 0
    for name in range(int(rng.integers(1, 4))):
        rows = int(rng.integers(0, 40))
        path = folder / f"{name}.parquet"
        numbers = pa.array(range(start, start + rows), pa.int64())
        pq.write_table(pa.table({"number": numbers}), path, row_group_size=int(rng.integers(1, 12)))
        paths.append(path)
        start += rows
    return paths


@pytest.mark.parametrize("seed", range(30))
def test_slices_hold_every_row_once_and_in_order(tmp_path: Path, seed: int) -> None:
    """Each slice but the last has as many rows as asked for, however the files and their row groups lie."""
    rng = np.random.default_rng(seed)
    paths = files(tmp_path, rng)
    rows = int(rng.integers(6, 15))  # at least half a row group

    slices = [[batch for piece in pieces for batch in read_piece(piece)] for pieces in cut(paths, rows)]

    numbers = [[number for batch in batches for number in batch["number"].to_pylist()] for batches in slices]
    whole = [number for each in numbers for number in each]
    assert whole == list(range(len(whole)))
    assert len(whole) == sum(pq.read_metadata(path).num_rows for path in paths)
    assert [len(each) for each in numbers[:-1]] == [rows] * (len(numbers) - 1)
    assert len(numbers[-1]) <= rows


def test_long_row_groups_are_not_read_again_and_again(tmp_path: Path) -> None:
    """Files with a row group longer than two slices are one slice: each would read it from its start."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"number": range(100)}), path, row_group_size=50)

    whole, halves = cut([path], 24), cut([path], 25)

    assert [piece.rows for pieces in whole for piece in pieces] == [100]
    assert len(halves) == 4
