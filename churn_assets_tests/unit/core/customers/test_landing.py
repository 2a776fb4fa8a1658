"""A source's rows as they are landed."""

import datetime as dt
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.core.customers.landing import IdOrder, OutOfOrder, check_columns, land_batch
from churn_assets.core.errors import SourceFault
from churn_assets.core.profile_schemas import raw_schema
from churn_assets.core.table_schemas import RESCUED
from churn_assets_tests.factories import MEMBERS, SNAPSHOT, member_columns

RAW = raw_schema(MEMBERS)
NAMES = [name for name in RAW.names if name != RESCUED]


def test_unknown_columns_are_told() -> None:
    """Columns that the profile does not know are listed; the snapshot date is none of them."""
    unknown = check_columns([*reversed(NAMES), "note", "snapshot_date"], RAW, "day.parquet")

    assert unknown == ["note"]


def test_missing_column_is_an_error() -> None:
    """A missing column never becomes a column of nulls; the sentence names the file and every such column."""
    there = [name for name in NAMES if name not in {"spend", "visits"}]

    with pytest.raises(SourceFault, match=r"^source/day\.parquet lacks the column\(s\) visits, spend; export them"):
        check_columns(there, RAW, "source/day.parquet")


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_wrong_delimiter_is_guessed(mark: str) -> None:
    """A CSV file whose header fell into one column gets a hint at its delimiter."""
    with pytest.raises(SourceFault, match="is that the delimiter"):
        check_columns([mark.join(NAMES)], RAW, "day.csv")


@pytest.mark.parametrize(
    ("there", "hint"),
    [
        (["Customer ID ", "Plan"], "it holds the like: rename there, or give the profile columns={'Customer ID ': 'c"),
        (["sep=", ""], r"its first line only names the delimiter: set source\.csv\.skip_rows to 1"),
        (["something", "else"], "export them, or correct the profile"),
    ],
)
def test_a_name_like_the_missing_one_is_told(there: list[str], hint: str) -> None:
    """A heading of another case, or with blanks, is named with the translation that reads it."""
    with pytest.raises(SourceFault, match=hint):
        check_columns(there, RAW, "day.csv")


def test_column_that_stands_twice_is_an_error() -> None:
    """Which of two columns of one name is meant, nobody can tell."""
    with pytest.raises(SourceFault, match=r"day\.csv holds the column\(s\) spend more than once"):
        check_columns([*NAMES, "spend"], RAW, "day.csv")


def test_unknown_column_may_stand_twice() -> None:
    """What is not landed may be as it likes."""
    assert check_columns([*NAMES, "note", "note"], RAW, "day.csv") == ["note", "note"]


def test_rows_are_landed_in_the_profile_s_types_and_order() -> None:
    """The profile's columns are taken in its order, and no others."""
    columns = member_columns(3)
    batch = pa.record_batch({"note": [1, 2, 3], **dict(reversed(columns.items()))})

    landed = land_batch(batch, RAW, SNAPSHOT, "day.csv")

    assert landed.schema.equals(RAW)
    assert landed["customer_id"].to_pylist() == columns["customer_id"]
    assert landed["visits"].to_pylist() == [0, 1, 2]


@pytest.mark.parametrize(
    "days",
    [
        ["2026-01-31", "2026-01-31"],
        [dt.date(2026, 1, 31), dt.date(2026, 1, 31)],
        [dt.datetime(2026, 1, 31), dt.datetime(2026, 1, 31, 23, 59)],  # noqa: DTZ001
    ],
    ids=["text", "date", "time"],
)
def test_file_that_says_its_own_day_is_taken(days: list[Any]) -> None:
    """A `snapshot_date` column that agrees with the day is fine, whatever its type."""
    batch = pa.record_batch(member_columns(2) | {"snapshot_date": days})

    landed = land_batch(batch, RAW, SNAPSHOT, "day.parquet")

    assert landed.num_rows == 2


@pytest.mark.parametrize(
    "days", [["2026-01-31", "2026-01-30"], [dt.date(2026, 1, 31), dt.date(2026, 2, 1)]], ids=["text", "date"]
)
def test_file_of_another_day_is_an_error(days: list[Any]) -> None:
    """A file whose own `snapshot_date` is another day is refused with both days, be it in one row."""
    batch = pa.record_batch(member_columns(2) | {"snapshot_date": days})

    with pytest.raises(SourceFault, match=rf"day\.parquet stands for 2026-01-31, but .* says {days[1]}"):
        land_batch(batch, RAW, SNAPSHOT, "day.parquet")


@settings(deadline=None, max_examples=200)
@given(ids=st.lists(st.none() | st.text(max_size=2), max_size=8), data=st.data())
def test_rows_are_in_order_by_the_bytes_of_their_id(ids: list[str | None], data: st.DataObject) -> None:
    """Whichever way they are cut into slices and batches: each id there, none smaller than the one before it."""
    if data.draw(st.booleans(), "sorted"):
        ids = sorted(ids, key=lambda each: (each is None, (each or "").encode()))
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(ids)), max_size=4), "cuts")), len(ids)]
    slices = [ids[start:end] for start, end in pairwise(cuts)]

    def watch() -> bool:
        whole = IdOrder()
        try:
            for one in slices:
                here = IdOrder()
                for batch in (one[:1], one[1:]):
                    here.watch(pa.array(batch, pa.string()))
                whole.follow(here)
        except OutOfOrder:
            return False
        return True

    in_order = watch()

    texts = [each.encode() for each in ids if each is not None]
    assert in_order == (len(texts) == len(ids) and texts == sorted(texts))
