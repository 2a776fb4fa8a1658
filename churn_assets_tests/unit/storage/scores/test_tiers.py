"""The tiers of a score version's customers, whichever files tell them."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.core.table_schemas import SCORES, TIERS
from churn_assets.storage.layout import lookup_folder, version_folder
from churn_assets.storage.lookup.format import scores_name
from churn_assets.storage.lookup.writer import write_staged_lookup
from churn_assets.storage.scores.tiers import TiersByCustomer
from churn_assets.storage.tables.parquet import write_part
from churn_assets.storage.tables.versions import PartitionVersion, Staged, parts_of

DAY = dt.date(2026, 10, 31)
VERSION = "0123456789abcdef"
CUSTOMERS = 60
PART = 20


@pytest.fixture
def version(tmp_path: Path) -> PartitionVersion:
    """Three parts of scores below `tmp_path`, with their lookup."""
    folder = tmp_path / version_folder(DAY, VERSION)
    folder.mkdir(parents=True)
    for number in range(CUSTOMERS // PART):
        ids = [f"c{row:03d}" for row in range(number * PART, (number + 1) * PART)]
        tiers = [TIERS[row % 3 if number else 2] for row in range(PART)]
        columns = [ids, [row / PART for row in range(PART)], tiers, ["none"] * PART, ["m"] * PART]
        rows = pa.Table.from_arrays([pa.array(each) for each in columns], schema=SCORES)
        write_part(folder, number, SCORES, "customer_id", [rows], group_rows=PART // 2)
    write_staged_lookup(tmp_path, Staged(DAY, VERSION, folder, SCORES))
    return PartitionVersion(DAY, VERSION, tuple(parts_of(folder)))


@pytest.mark.parametrize("damage", ["none", "a part", "the card"])
def test_lookup_and_files_tell_the_same(tmp_path: Path, version: PartitionVersion, damage: str) -> None:
    """Also where the lookup, or a part of it, is not what was written."""
    lookup = tmp_path / lookup_folder(DAY, VERSION)
    if damage == "a part":
        file = lookup / scores_name(1)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "the card":
        (lookup / "lookup.json").unlink()

    told = TiersByCustomer(tmp_path, version)

    expected = version.read().to_pydict()
    found = [rows for part in version.parts for rows in told.part(part)]
    assert [text for rows in found for text in rows.ids.to_pylist()] == expected["customer_id"]
    assert [each for rows in found for each in rows.probability] == expected["churn_probability"]
    assert [TIERS[each] for rows in found for each in rows.tiers] == expected["risk_tier"]


@pytest.mark.parametrize(
    ("first", "last"),
    [("c000", "c059"), ("c019", "c020"), ("c0105", "c045"), ("", "b"), ("d", "e"), ("c0201", "c0202")],
)
def test_a_window_holds_the_customers_between_two_ids(
    tmp_path: Path, version: PartitionVersion, first: str, last: str
) -> None:
    """Both ends included, over the ends of parts, and nobody where nobody lies between."""
    ids, tiers = TiersByCustomer(tmp_path, version).between(first.encode(), last.encode())

    rows = version.read().to_pylist()
    expected = [(row["customer_id"], row["risk_tier"]) for row in rows if first <= row["customer_id"] <= last]
    assert list(zip(ids.to_pylist(), [TIERS[each] for each in tiers], strict=True)) == expected
