"""Source cells into the profile's types: what fits is equal in value, what does not is rescued."""

import datetime as dt
import decimal
import json
import math
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from churn_assets.core.customers.casting import cast_batch, truncated_times
from churn_assets.core.table_schemas import RESCUED

TIME = pa.timestamp("us", tz="UTC")
NAN = float("nan")
INF = float("inf")


def _cast(values: pa.Array | pa.ChunkedArray, target: pa.DataType) -> tuple[list[Any], list[str | None]]:
    """The typed cells of one column, and for each row the text it rescued."""
    schema = pa.schema([("cell", target), (RESCUED, pa.string())])
    table = cast_batch(pa.table({"cell": values}), schema)
    assert table.schema.equals(schema)
    assert table.num_rows == len(values)
    rescued = [json.loads(text)["cell"] if text else None for text in table[RESCUED].to_pylist()]
    return table["cell"].to_pylist(), rescued


@pytest.mark.parametrize(
    ("cell", "kind", "target"),
    [
        (2.7, pa.float64(), pa.int64()),
        (INF, pa.float64(), pa.int64()),
        (1e300, pa.float64(), pa.int64()),
        (2, pa.int64(), pa.bool_()),
        (-1, pa.int64(), pa.bool_()),
        (0.5, pa.float64(), pa.bool_()),
        (2**53 + 1, pa.int64(), pa.float64()),
        (-(2**53) - 1, pa.int64(), pa.float64()),
        (2**63, pa.uint64(), pa.int64()),
        (300, pa.int64(), pa.int8()),
        (Decimal("1.50"), pa.decimal128(10, 2), pa.int64()),
        (20260131, pa.int64(), TIME),
        (20260131.0, pa.float64(), TIME),
        (True, pa.bool_(), TIME),
        (dt.date(2026, 1, 31), pa.date32(), pa.int64()),
        (dt.date(2026, 1, 31), pa.date32(), pa.bool_()),
        (dt.timedelta(days=1), pa.duration("us"), pa.int64()),
    ],
    ids=str,
)
def test_lossy_coercion_is_rescued(cell: Any, kind: pa.DataType, target: pa.DataType) -> None:
    """A cell that would lose something, or that means nothing in its column, is null there and kept as it came."""
    typed, rescued = _cast(pa.array([cell, None], kind), target)

    assert typed == [None, None]
    assert rescued == [str(cell), None]


@pytest.mark.parametrize(
    ("cell", "kind", "target", "expected"),
    [
        (2.0, pa.float64(), pa.int64(), 2),
        (-0.0, pa.float64(), pa.int64(), 0),
        (2**53, pa.int64(), pa.float64(), 2.0**53),
        (1, pa.int64(), pa.bool_(), True),
        (0.0, pa.float64(), pa.bool_(), False),
        (True, pa.bool_(), pa.int64(), 1),
        (Decimal("1.00"), pa.decimal128(10, 2), pa.int64(), 1),
        (Decimal("1.50"), pa.decimal128(10, 2), pa.float64(), 1.5),
        (7, pa.int64(), pa.string(), "7"),
        (dt.date(2026, 1, 31), pa.date32(), pa.string(), "2026-01-31"),
        (dt.date(2026, 1, 31), pa.date32(), TIME, dt.datetime(2026, 1, 31, tzinfo=dt.UTC)),
        (dt.date(2026, 1, 31), pa.date64(), TIME, dt.datetime(2026, 1, 31, tzinfo=dt.UTC)),
        (dt.datetime(2026, 1, 31, 3), pa.timestamp("ns"), TIME, dt.datetime(2026, 1, 31, 3, tzinfo=dt.UTC)),  # noqa: DTZ001
        (dt.datetime(2026, 1, 31, 3), pa.timestamp("s"), TIME, dt.datetime(2026, 1, 31, 3, tzinfo=dt.UTC)),  # noqa: DTZ001
        (INF, pa.float64(), pa.float64(), INF),
    ],
    ids=str,
)
def test_lossless_coercion_is_taken(cell: Any, kind: pa.DataType, target: pa.DataType, expected: Any) -> None:
    """A cell of another type that says the same in its column's type stands there, and nothing is rescued."""
    typed, rescued = _cast(pa.array([cell, None], kind), target)

    assert typed == [expected, None]
    assert rescued == [None, None]


@pytest.mark.parametrize("target", [pa.int64(), pa.float64(), pa.bool_(), pa.string(), TIME], ids=str)
def test_nan_is_a_missing_cell(target: pa.DataType) -> None:
    """NaN, which is how pandas writes a missing number, is null in a column of any type."""
    typed, rescued = _cast(pa.array([NAN, None], pa.float64()), target)

    assert typed == [None, None]
    assert rescued == [None, None]


@pytest.mark.parametrize("target", [pa.int64(), pa.float64(), pa.bool_(), TIME], ids=str)
@pytest.mark.parametrize("blank", ["", " ", "\t  "], ids=repr)
def test_blank_text_is_a_missing_cell(blank: str, target: pa.DataType) -> None:
    """A blank cell of a CSV file is a missing number, boolean or date."""
    typed, rescued = _cast(pa.array([blank]), target)

    assert typed == [None]
    assert rescued == [None]


def test_blank_text_in_a_text_column_stays() -> None:
    """Text is not touched: blanks and spaces are what the source wrote."""
    typed, rescued = _cast(pa.array(["", "  ", " a "]), pa.string())

    assert typed == ["", "  ", " a "]
    assert rescued == [None, None, None]


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        (" 3 ", pa.int64(), 3),
        ("-12", pa.int64(), -12),
        ("3.50 ", pa.float64(), 3.5),
        ("1e3", pa.float64(), 1000.0),
        ("-inf", pa.float64(), -INF),
        ("nan", pa.float64(), None),
        ("TRUE", pa.bool_(), True),
        (" false ", pa.bool_(), False),
        ("0", pa.bool_(), False),
        ("2026-01-31", TIME, dt.datetime(2026, 1, 31, tzinfo=dt.UTC)),
        (" 2026-01-31T10:20:30 ", TIME, dt.datetime(2026, 1, 31, 10, 20, 30, tzinfo=dt.UTC)),
        ("2026-01-31 10:20:30.5Z", TIME, dt.datetime(2026, 1, 31, 10, 20, 30, 500_000, tzinfo=dt.UTC)),
        ("2026-01-31T01:00:00+02:00", TIME, dt.datetime(2026, 1, 30, 23, tzinfo=dt.UTC)),
        ("2026-01-31 01:00-0130", TIME, dt.datetime(2026, 1, 31, 2, 30, tzinfo=dt.UTC)),
    ],
)
def test_text_is_read_as_what_it_says(text: str, target: pa.DataType, expected: Any) -> None:
    """Numbers with spaces around them, booleans, and dates with and without a zone are read from text."""
    typed, rescued = _cast(pa.array([text]), target)

    assert typed == [expected]
    assert rescued == [None]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("many", pa.int64()),
        ("3.5", pa.int64()),
        ("9223372036854775808", pa.int64()),
        ("1,000", pa.float64()),
        ("1_000", pa.float64()),
        ("yes", pa.bool_()),
        ("2", pa.bool_()),
        ("20260131", TIME),
        ("31/01/2026", TIME),
        ("2026-13-01", TIME),
        ("2026-02-30", TIME),
        ("soon", TIME),
    ],
)
def test_text_that_does_not_say_it_is_rescued(text: str, target: pa.DataType) -> None:
    """Text that is no number, boolean or ISO date of its column is rescued word for word."""
    typed, rescued = _cast(pa.array([text]), target)

    assert typed == [None]
    assert rescued == [text]


@pytest.mark.parametrize("target", [pa.int64(), pa.float64(), pa.bool_(), TIME], ids=str)
def test_rescued_text_is_as_it_came(target: pa.DataType) -> None:
    """A text cell that does not fit keeps its spaces where it is rescued."""
    typed, rescued = _cast(pa.array(["  odd ", None]), target)

    assert typed == [None, None]
    assert rescued == ["  odd ", None]


def test_dates_with_and_without_zone_in_one_column() -> None:
    """Both kinds of text stand in one column, and one that is neither does not harm them."""
    midnight = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)

    typed, rescued = _cast(pa.array(["2026-01-31", "2026-01-31T00:00:00Z", "x", "2026-01-31T01:00:00+01:00"]), TIME)

    assert typed == [midnight, midnight, None, midnight]
    assert rescued == [None, None, "x", None]


def test_zoned_times_are_the_same_instant() -> None:
    """A time in another zone is brought to UTC, not relabelled."""
    instant = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)

    typed, rescued = _cast(pa.array([instant], pa.timestamp("us", tz="Europe/Berlin")), TIME)

    assert typed == [instant]
    assert rescued == [None]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1_769_817_600_123_456_001, 1_769_817_600_123_456_000, None], pa.timestamp("ns")),
        pa.array(["2026-01-31 00:00:00.1234560010", "2026-01-31T00:00:00.1234560Z", "2026-01-32 00:00:00.1234567"]),
    ],
    ids=["nanoseconds", "text"],
)
def test_digits_beyond_microseconds_are_cut_off_and_counted(values: pa.Array) -> None:
    """A time finer than microseconds lands without the rest of its digits, and is counted if those were not zeros."""
    schema = pa.schema([("cell", TIME)])

    typed, _ = _cast(values, TIME)
    counts = truncated_times(pa.table({"cell": values}), schema)

    assert typed == [dt.datetime(2026, 1, 31, 0, 0, 0, 123_456, tzinfo=dt.UTC)] * 2 + [None]
    assert counts == {"cell": 1}


@pytest.mark.parametrize(
    "values", [pa.array([1], pa.timestamp("us")), pa.array(["2026-01-31"]), pa.array([1])], ids=str
)
def test_times_that_are_whole_count_for_nothing(values: pa.Array) -> None:
    """A column that loses no digits is not named."""
    assert truncated_times(pa.table({"cell": values}), pa.schema([("cell", TIME)])) == {}


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([4000123412341234.0, None]),
        pa.array([Decimal(4000123412341234), None], pa.decimal128(38, 10)),
        pa.array([4000123412341234, None]),
        pa.array(["4000123412341234", None]),
    ],
    ids=["double", "decimal", "int", "text"],
)
def test_a_whole_number_is_the_same_id_whatever_its_type(cells: pa.Array) -> None:
    """A source that writes its ids as doubles on one day and as whole numbers on the next has the same customers."""
    schema = pa.schema([("id", pa.string()), (RESCUED, pa.string())])

    table = cast_batch(pa.table({"id": cells}), schema, key="id")

    assert table.to_pylist() == [{"id": "4000123412341234", RESCUED: None}, {"id": None, RESCUED: None}]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([2**62], pa.timestamp("s")),
        pa.array([2**62], pa.timestamp("s", tz="UTC")),
    ],
    ids=["naive", "zoned"],
)
def test_time_beyond_the_calendar_is_rescued(values: pa.Array) -> None:
    """A time so far off that microseconds cannot count it is a misfit like any other, not a crash."""
    typed, rescued = _cast(values, TIME)

    assert typed == [None]
    assert rescued[0]


def test_date_beyond_the_calendar_is_rescued() -> None:
    """A date after the year 9999 in a column of numbers is a misfit like any other, not a crash."""
    typed, rescued = _cast(pa.array([10**7], pa.date32()), pa.int64())

    assert typed == [None]
    assert rescued[0]


@pytest.mark.parametrize(
    ("cell", "kind", "target"),
    [
        (Decimal("1.50"), pa.decimal128(10, 2), pa.bool_()),
        (dt.time(3), pa.time64("us"), TIME),
        (dt.timedelta(days=1), pa.duration("us"), TIME),
        (2.5, pa.float16(), pa.int64()),
        ([1], pa.list_(pa.int64()), pa.int64()),
        ({"a": 1}, pa.struct([("a", pa.int64())]), pa.string()),
        (b"\xff", pa.binary(), pa.string()),
        (b"\xff", pa.large_binary(), pa.string()),
        (b"\xff", pa.binary(1), pa.string()),
        (b"\xff", pa.binary_view(), pa.string()),
    ],
    ids=str,
)
def test_any_type_of_cell_can_be_rescued(cell: Any, kind: pa.DataType, target: pa.DataType) -> None:
    """Whatever type a source has, a cell that means nothing in its column is rescued; no type is a crash."""
    typed, rescued = _cast(pa.array([cell, None], kind), target)

    assert typed == [None, None]
    assert rescued == [str(cell), None]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(2), pa.binary_view()], ids=str)
def test_bytes_are_no_text(kind: pa.DataType) -> None:
    """Bytes are never taken for text, whichever of Arrow's types holds them and whatever they spell."""
    typed, rescued = _cast(pa.array([b"ab"], kind), pa.string())

    assert typed == [None]
    assert rescued == ["b'ab'"]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(2), pa.binary_view()], ids=str)
def test_a_key_of_bytes_has_one_text_form(kind: pa.DataType) -> None:
    """An id of bytes is two small hexadecimal digits for each, whichever of Arrow's types holds it."""
    schema = pa.schema([("id", pa.string()), (RESCUED, pa.string())])

    table = cast_batch(pa.table({"id": pa.array([b"\x00\xff", None], kind)}), schema, key="id")

    assert table.column("id").to_pylist() == ["00ff", None]


def test_a_uuid_has_one_text_form() -> None:
    """A UUID is text in small letters with hyphens, as a key and elsewhere."""
    number = uuid.UUID("6BA7B810-9DAD-11D1-80B4-00C04FD430C8")

    typed, rescued = _cast(pa.array([number.bytes, None], pa.uuid()), pa.string())

    assert typed == ["6ba7b810-9dad-11d1-80b4-00c04fd430c8", None]
    assert rescued == [None, None]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_all_kinds_of_text_are_text(kind: pa.DataType) -> None:
    """Arrow's three types of text are read alike, into numbers and into text."""
    values = pa.array(["1", "x", None], kind)

    assert _cast(values, pa.int64()) == ([1, None, None], [None, "x", None])
    assert _cast(values, pa.string()) == (["1", "x", None], [None, None, None])


@pytest.mark.parametrize(
    ("values", "target"),
    [
        (pa.array([str(2**53 + 1)]), pa.float64()),
        (pa.array([Decimal(2**53 + 1)], pa.decimal128(20, 0)), pa.float64()),
        (pa.array(["1e400"]), pa.float64()),
        (pa.array([1e300]), pa.float32()),
        (pa.array(["1e300"]), pa.float32()),
    ],
    ids=["text-beyond-2^53", "decimal-beyond-2^53", "text-overflow", "float32-overflow", "text-float32-overflow"],
)
def test_number_that_a_float_cannot_hold_is_rescued(values: pa.Array, target: pa.DataType) -> None:
    """A whole number that a float would change, or a finite one it would make infinite, is lossy from any source."""
    typed, rescued = _cast(values, target)

    assert typed == [None]
    assert rescued == [str(values[0].as_py())]


def test_dictionaries_are_mapped_by_value() -> None:
    """Chunks whose dictionaries are in another order give their values."""
    one = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0]), pa.array(["a", "b"]))
    other = pa.DictionaryArray.from_arrays(pa.array([0, 1, 1]), pa.array(["b", "a"]))

    typed, rescued = _cast(pa.chunked_array([one, other]), pa.string())

    assert typed == ["a", "b", None, "a", "b", "a", "a"]
    assert rescued == [None] * 7


def test_null_inside_a_dictionary_is_null() -> None:
    """A dictionary that itself holds a null gives null for its code."""
    values = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None]))

    assert _cast(values, pa.string()) == (["a", None], [None, None])


def test_dictionary_of_numbers_is_cast_by_value() -> None:
    """Encoded text becomes numbers, and its misfits are rescued from every row that holds them."""
    typed, rescued = _cast(pa.array(["2", "x", "2", "x", None]).dictionary_encode(), pa.int64())

    assert typed == [2, None, 2, None, None]
    assert rescued == [None, "x", None, "x", None]


def test_column_of_nothing_is_null() -> None:
    """A column of Arrow's null type is a column of nulls in the profile's type."""
    assert _cast(pa.nulls(2), pa.int64()) == ([None, None], [None, None])


@pytest.mark.parametrize("target", [pa.int64(), pa.float64(), pa.bool_(), pa.string(), TIME], ids=str)
def test_no_rows_are_no_rows(target: pa.DataType) -> None:
    """An empty batch keeps the schema."""
    assert _cast(pa.array([], pa.string()), target) == ([], [])


def test_several_misfits_of_a_row_stand_side_by_side() -> None:
    """Every misfit of a row is kept under its column's name; quotes and letters beyond ASCII survive."""
    schema = pa.schema([("visits", pa.int64()), ("spend", pa.float64()), ("name", pa.string()), (RESCUED, pa.string())])
    batch = pa.record_batch({"spend": ['zwölf "€"', "1"], "name": ["a", "b"], "visits": ["viele", "2"], "more": [1, 2]})

    table = cast_batch(batch, schema)

    assert table.drop_columns([RESCUED]).to_pylist() == [
        {"visits": None, "spend": None, "name": "a"},
        {"visits": 2, "spend": 1.0, "name": "b"},
    ]
    first, second = table[RESCUED].to_pylist()
    assert json.loads(first) == {"visits": "viele", "spend": 'zwölf "€"'}
    assert "zwölf" in first
    assert second is None


TEXTS = st.one_of(
    st.sampled_from(["", " ", " 7 ", "1e3", "-0", "true", "False", "no", "inf", "x", "2026-01-31", "2026-01-31Z"]),
    st.text("0123456789+-.eTZ: ", max_size=10),
    st.integers(-(2**53), 2**53).map(str),
    st.integers().map(str),
    st.floats(allow_nan=False).map(repr),
    st.datetimes(min_value=dt.datetime(1700, 1, 1)).map(str),  # noqa: DTZ001
    st.datetimes(min_value=dt.datetime(1700, 1, 1)).map("{}+00:00".format),  # noqa: DTZ001
    st.text(max_size=6),
)
CELLS: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.string(): TEXTS,
    pa.int64(): st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.integers(-3, 3).map(float) | st.floats(),
    pa.bool_(): st.booleans(),
    pa.date32(): st.dates(),
    pa.timestamp("us"): st.datetimes(),
    pa.timestamp("us", tz="Asia/Tokyo"): st.datetimes(
        min_value=dt.datetime(1950, 1, 1),  # noqa: DTZ001
        max_value=dt.datetime(9998, 1, 1),  # noqa: DTZ001
        timezones=st.just(dt.UTC),
    ),
}
TARGETS = [pa.int64(), pa.float64(), pa.bool_(), pa.string(), TIME]


def _is_missing(cell: Any, target: pa.DataType) -> bool:
    if isinstance(cell, float):
        return math.isnan(cell)
    return cell is None or (isinstance(cell, str) and target != pa.string() and not cell.strip(" \t\r\n\x0b\x0c"))


def _instant(cell: dt.date | str) -> dt.datetime:
    """The moment that a date, a time or ISO text means, where what has no zone is in UTC."""
    if isinstance(cell, str):
        cell = dt.datetime.fromisoformat(cell.strip())
    if not isinstance(cell, dt.datetime):
        cell = dt.datetime.combine(cell, dt.time())
    return cell if cell.tzinfo else cell.replace(tzinfo=dt.UTC)


def _number(cell: Any) -> Decimal:
    if isinstance(cell, str):
        words = {"true": 1, "false": 0}
        return Decimal(words.get(cell.strip().lower(), cell.strip()))
    return Decimal(cell)


def _says_the_same(cell: Any, typed: Any) -> bool:
    """Whether a typed cell is equal in value to the cell of the source, by Python's arithmetic."""
    if isinstance(cell, str) and isinstance(typed, str):
        return cell == typed
    if {type(cell), type(typed)} == {str, float}:
        return float(cell) == float(typed)
    if isinstance(typed, dt.datetime) or isinstance(cell, dt.date):
        return _instant(cell) == _instant(typed)
    return _number(cell) == _number(typed)


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_nothing_is_lost(data: st.DataObject) -> None:
    """Every cell that is there is either in its typed column, equal in value, or rescued as it came."""
    kind = data.draw(st.sampled_from(list(CELLS)), "source type")
    target = data.draw(st.sampled_from(TARGETS), "target type")
    cells = data.draw(st.lists(st.none() | CELLS[kind], max_size=8), "cells")
    source = pa.array(cells, kind)

    typed, rescued = _cast(source, target)

    for cell, value, text in zip(source.to_pylist(), typed, rescued, strict=True):
        if _is_missing(cell, target):
            assert (value, text) == (None, None)
        elif value is None:
            assert text == str(cell)
        else:
            assert text is None
            with decimal.localcontext(prec=400):
                assert _says_the_same(cell, value)


@settings(deadline=None, max_examples=60)
@given(cells=st.lists(st.none() | TEXTS, max_size=12), cut=st.integers(0, 12), target=st.sampled_from(TARGETS))
@example(cells=["true", "9007199254740992"], cut=1, target=pa.float64())  # a misfit beside a number beyond doubles
def test_a_cell_is_cast_alone(cells: list[str | None], cut: int, target: pa.DataType) -> None:
    """What becomes of a cell does not depend on the others in its batch."""
    whole = _cast(pa.array(cells, pa.string()), target)

    first, second = (_cast(pa.array(part, pa.string()), target) for part in (cells[:cut], cells[cut:]))

    assert (first[0] + second[0], first[1] + second[1]) == whole
