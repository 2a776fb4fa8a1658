"""Text cells are read by the dialect of their file and the translations of the profile."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from churn_assets.core.customers.casting import cast_batch
from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.customers.time_formats import format_fault
from churn_assets.core.customers.written_cells import Reading
from churn_assets.core.table_schemas import RESCUED, UTC_TIMESTAMP

UTC = dt.UTC


def land(cells: Sequence[str | None], kind: pa.DataType, values: Any = None, **dialect: Any) -> list[Any]:
    """Each cell as it lands, or the text that was rescued of it, in a list."""
    reading = Reading(CsvDialect(**dialect), {"cell": values} if values else {})
    schema = pa.schema([("cell", kind), (RESCUED, pa.string())])
    table = cast_batch(pa.table({"cell": pa.array(cells, pa.string())}), schema, reading=reading)
    rows = zip(table.column("cell").to_pylist(), table.column(RESCUED).to_pylist(), strict=True)
    return [[rescued] if rescued else value for value, rescued in rows]


@pytest.mark.parametrize(
    ("dialect", "cells", "landed"),
    [
        ({"decimal": ","}, ["1,5", "-0,25", ",5", "7", "1e3", "nan"], [1.5, -0.25, 0.5, 7, 1000, None]),
        ({"decimal": ",", "thousands": "."}, ["1.234,5", "12.345.678"], [1234.5, 12345678]),
        ({"thousands": ","}, ["1,234.5", "-1,000", "999"], [1234.5, -1000, 999]),
        ({"decimal": ",", "thousands": "\u202f"}, ["1\u202f234,5"], [1234.5]),
        ({"decimal": ","}, ["1.5"], [['{"cell": "1.5"}']]),
        (
            {"thousands": ","},
            ["12,34", "1,2345", "1,5"],
            [[f'{{"cell": "{cell}"}}'] for cell in ("12,34", "1,2345", "1,5")],
        ),
        ({"null_values": ["NA", "\\N"]}, ["NA", " \\N ", "", "n"], [None, None, None, ['{"cell": "n"}']]),
    ],
)
def test_numbers_are_read_with_their_marks(dialect: Any, cells: list[str], landed: list[Any]) -> None:
    """A number is what its dialect makes of it, and one whose marks stand elsewhere is rescued as it came."""
    assert land(cells, pa.float64(), **dialect) == landed


def test_words_of_a_dialect_are_truths() -> None:
    """Beside true, false, 1 and 0 the dialect's words count, in any case; others are rescued."""
    landed = land(["T", "f", "true", "0", "ja", None], pa.bool_(), true_values=["t"], false_values=["f"])

    assert landed == [True, False, True, False, ['{"cell": "ja"}'], None]


@pytest.mark.parametrize(
    ("form", "cell", "moment"),
    [
        ("%d/%m/%Y", "31/12/2025", dt.datetime(2025, 12, 31, tzinfo=UTC)),
        ("%d.%m.%y", "1.2.25", dt.datetime(2025, 2, 1, tzinfo=UTC)),
        ("%d-%b-%Y", "05-Mar-2026", dt.datetime(2026, 3, 5, tzinfo=UTC)),
        ("%m/%d/%Y %I:%M %p", "12/31/2025 12:05 am", dt.datetime(2025, 12, 31, 0, 5, tzinfo=UTC)),
        ("%m/%d/%Y %I:%M:%S %p", "1/2/2025 1:05:09 PM", dt.datetime(2025, 1, 2, 13, 5, 9, tzinfo=UTC)),
        ("%Y-%m-%d %H:%M:%S UTC", "2026-01-05 10:00:00 UTC", dt.datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("%Y-%m-%d %H:%M:%S.%f %z", "2026-01-05 10:00:00.123 -0800", dt.datetime(2026, 1, 5, 18, 0, 0, 123000, UTC)),
        ("%Y-%m-%d %H:%M:%S %z", "2026-01-05 10:00:00 UTC", dt.datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("%Y%m%d", "20260105", dt.datetime(2026, 1, 5, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_their_format(form: str, cell: str, moment: dt.datetime) -> None:
    """A time of a format is the moment it tells; one of another form, or of no calendar day, is rescued."""
    odd = ["2026-13-45", "31/02/2025", "99/99/2025", "soon"]

    landed = land([cell, *odd, ""], UTC_TIMESTAMP, timestamp_formats=[form])

    assert landed == [moment, *[[f'{{"cell": "{each}"}}'] for each in odd], None]


def test_the_first_format_that_fits_is_taken() -> None:
    """Several formats stand beside each other; ISO 8601 counts where it is one of them, and only there."""
    cells = ["2026-01-02", "02/01/2026"]

    both = land(cells, UTC_TIMESTAMP, timestamp_formats=["%d/%m/%Y", "ISO8601"])
    one = land(cells, UTC_TIMESTAMP, timestamp_formats=["%d/%m/%Y"])

    assert both == [dt.datetime(2026, 1, 2, tzinfo=UTC)] * 2
    assert one == [['{"cell": "2026-01-02"}'], dt.datetime(2026, 1, 2, tzinfo=UTC)]


def test_translated_cells_stand_for_their_value() -> None:
    """A named cell is what the profile says, one that stands for nothing is missing, another keeps as it came."""
    values = {"Attrited Customer": "true", "Existing Customer": "false", "?": None}

    landed = land(["Attrited Customer", " Existing Customer ", "?", "1", "Gone"], pa.bool_(), values)

    assert landed == [True, False, None, True, ['{"cell": "Gone"}']]


def test_numbers_can_be_translated_too() -> None:
    """The text of a number is what a translation names, where the source holds numbers."""
    reading = Reading(values={"cell": {"1": "gold", "2": "silver"}})
    schema = pa.schema([("cell", pa.string()), (RESCUED, pa.string())])

    table = cast_batch(pa.table({"cell": [1, 2, 3, None]}), schema, reading=reading)

    assert table.column("cell").to_pylist() == ["gold", "silver", "3", None]


@pytest.mark.parametrize("form", ["%d/%m", "%Q", "%H:%M", "%Y-%m-%d %p", "%Y-%m-%d %S", "%Y %Y %m %d", "soon"])
def test_a_format_that_tells_no_moment_is_refused(form: str) -> None:
    """A format without a whole day, or of unknown parts, is a fault of the settings."""
    assert format_fault(form)
    with pytest.raises(ValidationError):
        CsvDialect(timestamp_formats=(form,))


@pytest.mark.parametrize(
    "keys",
    [
        {"decimal": ",", "thousands": ","},
        {"delimiter": '"'},
        {"delimiter": ";;"},
        {"encoding": "utf-99"},
        {"true_values": ["x"], "false_values": ["X"]},
        {"timestamp_formats": []},
        {"skip_rows": -1},
    ],
)
def test_a_dialect_that_can_be_read_in_two_ways_is_refused(keys: dict[str, Any]) -> None:
    """Marks that cannot be told apart, and words for both truths, are faults of the settings."""
    with pytest.raises(ValidationError):
        CsvDialect(**keys)
