"""How many of a version's ids another version holds, by a few row groups of a large one."""

from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.storage.tables import parquet, sampling
from churn_assets.storage.tables.sampling import count_known_ids
from churn_assets.storage.tables.versions import PartitionVersion
from churn_assets_tests.storage_factories import DAY

GROUP = 10


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of ten rows, and parts of twenty."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", GROUP)
    monkeypatch.setattr(parquet, "PART_ROWS", 2 * GROUP)


def _version(folder: Path, name: str, ids: list[str] | list[int]) -> PartitionVersion:
    """A version of these ids, sorted as text."""
    kind = pa.int64() if isinstance(ids[0], int) else pa.string()
    rows = pa.table({"id": pa.array(sorted(ids, key=lambda each: str(each).encode()), kind)})
    path = folder / name
    path.mkdir()
    return PartitionVersion(DAY, name, tuple(parquet.write_parts(path, rows.schema, "id", [rows])))


def _texts(numbers: range, prefix: str = "c") -> list[str]:
    return [f"{prefix}{number:05d}" for number in numbers]


@pytest.mark.parametrize(
    ("today", "yesterday", "known"),
    [
        (_texts(range(25)), _texts(range(25)), 25),
        (_texts(range(5, 30)), _texts(range(25)), 20),
        (_texts(range(25)), _texts(range(25), "0c"), 0),
        (_texts(range(25)), _texts(range(0, 200, 7)), 4),
        (_texts(range(3)), _texts(range(90)), 3),
        (["ä", "z", "ö"], ["z", "ö"], 2),
        (list(range(25)), _texts(range(20, 60), "")[:0] + [str(each) for each in range(20, 60)], 5),
    ],
)
def test_small_versions_are_compared_id_by_id(
    tmp_path: Path, today: list[str] | list[int], yesterday: list[str], known: int
) -> None:
    """Every id is looked at, whatever its type: numbers are compared as they are written."""
    looked_at, found = count_known_ids(
        _version(tmp_path, "today", today), "id", _version(tmp_path, "yesterday", yesterday), "id"
    )

    assert (looked_at, found) == (len(today), known)


def test_large_version_is_looked_at_here_and_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four row groups of all are read, from first to last, and of the other version those that may hold their ids."""
    today = _version(tmp_path, "today", _texts(range(400)))
    yesterday = _version(tmp_path, "yesterday", _texts(range(0, 400, 2)))
    read: list[tuple[str, int]] = []
    real = sampling._ids

    def reading(group: sampling._RowGroup, key: str) -> pa.Array:
        ids = real(group, key)
        read.append((group.path.parent.name, int(ids[0].as_py()[1:])))
        return ids

    monkeypatch.setattr(sampling, "_ids", reading)

    looked_at, known = count_known_ids(today, "id", yesterday, "id")

    assert (looked_at, known) == (4 * GROUP, 2 * GROUP)
    assert [first for name, first in read if name == "today"] == [0, 130, 260, 390]
    assert len([name for name, _ in read if name == "yesterday"]) <= 4 * 2


def test_long_row_groups_are_looked_at_where_they_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of so many ids as row groups hold, no more than a bound are looked up."""
    monkeypatch.setattr(sampling, "IDS", 8)
    today = _version(tmp_path, "today", _texts(range(400)))
    yesterday = _version(tmp_path, "yesterday", _texts(range(131, 400)))

    assert count_known_ids(today, "id", yesterday, "id") == (8, 2 * 2 + 1)


def test_version_without_rows_has_no_ids_to_look_at(tmp_path: Path) -> None:
    """Nobody is known, and nobody was asked for."""
    nobody = PartitionVersion(
        DAY, "nobody", (parquet.write_part(tmp_path, 0, pa.schema([("id", pa.string())]), "id", []),)
    )
    somebody = _version(tmp_path, "somebody", _texts(range(3)))

    assert count_known_ids(nobody, "id", somebody, "id") == (0, 0)
    assert count_known_ids(somebody, "id", nobody, "id") == (3, 0)
