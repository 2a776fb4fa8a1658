"""Rows in any order, sorted by their id in bounded memory."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.errors import SourceFault
from churn_assets.storage.source.sorting import sorted_by_id

SCHEMA = pa.schema(
    [
        pa.field("customer_id", pa.string(), metadata={"comment": "the key"}),
        ("small", pa.int8()),
        ("count", pa.uint32()),
        ("whole", pa.int64()),
        ("single", pa.float32()),
        ("spend", pa.float64()),
        ("active", pa.bool_()),
        ("seen", pa.timestamp("us", tz="UTC")),
        ("arrival", pa.int64()),
    ]
)
IDS = ["", "a", "b", "ab", "é", "Z", "\x00", "\U0001f600", "10", "9", None]
CELLS: dict[str, list[Any]] = {
    "small": [-128, 127, None],
    "count": [0, 2**32 - 1, None],
    "whole": [-(2**63), 2**63 - 1, 2**53 + 1, None],
    "single": [0.1, float("inf"), None],
    "spend": [-0.0, 5e-324, 1.7976931348623157e308, float("-inf"), None],
    "active": [True, False, None],
    "seen": [dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 3, 29, 1, 30, 0, 1, tzinfo=dt.UTC), None],
}


@pytest.mark.parametrize("seed", range(8))
def test_rows_come_by_the_bytes_of_their_id_and_unchanged(tmp_path: Path, seed: int) -> None:
    """By UTF-8 bytes, rows without an id last, equal ids as they arrived; every cell of every type as it was."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(0, 400))
    columns = {name: [values[at] for at in rng.integers(0, len(values), rows)] for name, values in CELLS.items()}
    ids = [IDS[at] for at in rng.integers(0, len(IDS), rows)]
    table = pa.table({"customer_id": ids, **columns, "arrival": range(rows)}, schema=SCHEMA)
    batches = (table.slice(start, 37) for start in range(0, rows, 37))

    ordered = pa.concat_tables([SCHEMA.empty_table(), *sorted_by_id(batches, SCHEMA, "customer_id", tmp_path)])

    at = sorted(range(rows), key=lambda row: (ids[row] is None, (ids[row] or "").encode(), row))
    assert ordered.schema.equals(SCHEMA)
    assert ordered.equals(table.take(pa.array(at, pa.int64())))


def test_numeric_ids_are_ordered_as_text(tmp_path: Path) -> None:
    """Ids that are numbers are ordered as the text they are in the score tables: 10 before 9."""
    rows = pa.table({"customer_id": [9, 10, 1]})

    ordered = pa.concat_tables(sorted_by_id(iter([rows]), rows.schema, "customer_id", tmp_path))

    assert ordered["customer_id"].to_pylist() == [1, 10, 9]


def test_what_keeps_rows_from_being_read_is_told_as_it_was(tmp_path: Path) -> None:
    """A fault of the source comes through the sort as it was raised."""
    rows = pa.table({"customer_id": ["b", "a"]})

    def broken() -> Iterator[pa.Table]:
        yield rows
        raise SourceFault("day.csv cannot be read")

    with pytest.raises(SourceFault, match=r"^day\.csv cannot be read$"):
        list(sorted_by_id(broken(), rows.schema, "customer_id", tmp_path))
