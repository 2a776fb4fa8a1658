"""Versions of several tables read side by side."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from churn_assets.storage.tables import parquet
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import PartitionVersion, parts_of
from churn_assets.storage.tables.windows import SortedRows, spread_batches
from churn_assets_tests.storage_factories import DAY

IDS = [f"c{number:03d}" for number in range(100)]


@pytest.fixture(autouse=True)
def _small_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row group of eight rows, and two of them a part: a hundred rows make seven parts."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 8)
    monkeypatch.setattr(parquet, "PART_ROWS", 16)


def _version(folder: Path, ids: pa.Array, day: dt.date = DAY) -> PartitionVersion:
    """A version of `ids` and their numbers."""
    words = pa.array(["w"] * len(ids), pa.string())
    rows = pa.table({"id": ids, "number": pa.array(range(len(ids)), pa.int64()), "word": words})
    table = Table(folder / "members")
    staged = table.write(day, rows.schema, "id", [rows])
    return PartitionVersion(day, staged.version, tuple(parts_of(staged.folder)))


def test_windows_hold_their_ids_and_read_each_row_group_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that follow one another, across row groups and files, and one between two ids, give just their rows."""
    rows = SortedRows(_version(tmp_path, pa.array(IDS)), "id", ["number"])
    read: list[int] = []
    given = SortedRows._rows

    def count(self: SortedRows, group: Any) -> Any:
        read.append(group.part)
        return given(self, group)

    monkeypatch.setattr(SortedRows, "_rows", count)

    windows = [rows.between(IDS[start], IDS[min(start + 12, 99)]) for start in range(0, 100, 13)]
    ids, nothing = rows.between("c999", "d")

    assert [each for found, _ in windows for each in found.to_pylist()] == IDS
    assert [each for _, found in windows for each in found.column("number").to_pylist()] == list(range(100))
    assert len(read) == 13
    assert (len(ids), nothing.num_rows, nothing.column_names) == (0, 0, ["id", "number"])


def test_ids_that_are_numbers_or_missing_are_met_as_text(tmp_path: Path) -> None:
    """Numbers lie in the order of their text; a row without an id is in no window."""
    numbers = sorted(range(1, 40), key=str)
    ids = pa.array([None, *numbers[:20], None, *numbers[20:]], pa.int64())
    rows = SortedRows(_version(tmp_path, ids), "id", ["number"], ["word"])

    found, _ = rows.between("1", "19")
    rest, _ = rows.between("2", "9")

    assert found.to_pylist() == sorted(["1", *map(str, range(10, 20))])
    assert rest.to_pylist() == [str(number) for number in numbers if str(number) >= "2"]


@pytest.mark.parametrize(("most", "groups"), [(None, 13), (100, 13), (50, 6), (3, 1)])
def test_a_large_version_is_read_by_row_groups_spread_evenly(tmp_path: Path, most: int | None, groups: int) -> None:
    """All of one within the bound; else whole row groups, of which the first is the first."""
    version = _version(tmp_path, pa.array(IDS))

    batches = list(spread_batches(version, most, ["id"]))

    ids = [each for batch in batches for each in batch.column("id").to_pylist()]
    assert len(batches) == groups
    assert ids[:8] == IDS[:8]
    assert ids == sorted(ids)
    assert len(ids) <= max(most or 100, 8)


def test_a_version_without_rows_has_no_window(tmp_path: Path) -> None:
    """Nobody is there, and nobody is read."""
    version = _version(tmp_path, pa.array([], pa.string()))

    ids, rows = SortedRows(version, "id", ["number"]).between("a", "z")

    assert (len(ids), rows.num_rows) == (0, 0)
    assert sum(batch.num_rows for batch in spread_batches(version, 5, ["id"])) == 0
