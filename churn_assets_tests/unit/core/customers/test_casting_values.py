"""Every type of source against every declared type: a cell lands as its value or is rescued, whatever its neighbours.

The verdicts come from a plain slow reader, one cell at a time, by Python's own decimals and dates.
"""

import datetime as dt
import json
import random
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.customers.casting import cast_batch
from churn_assets.core.table_schemas import RESCUED

pytestmark = pytest.mark.fault("a value changes on its way in")

TIME = pa.timestamp("us", tz="UTC")
EPOCH = dt.date(1970, 1, 1).toordinal()
DAY = 86_400 * 10**6
CALENDAR = range((1 - EPOCH) * DAY, (dt.date.max.toordinal() + 1 - EPOCH) * DAY)
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
EXACT = Context(prec=80)
LONGEST = 30  # digits, more than any whole number of 64 bits has
MISFIT = "a misfit"
MISSING = "a missing cell"

TEXTS = (  # noqa: SIM905  # a line each would be two hundred lines
    "| |\t \n|\xa0|\u200b|\ufeff|\ufeffc1|c\ufeff1| c1 |\xa0c1|c 1|c1|\xe91|\x00|0|-0|+0|1|+5|-12| 3 |007|-007|"
    "00000000000000000000000007|5.|.5|-.5|.|4.0|4.00|4.5|-4.0|+4.0|4.0000000000000000000000000001|4.0 |1.0|0.0|"
    "255|256|-1|1e3|1E3|1e+3|1.5e3|1.5e0|1e-3|1000e-3|5e|e5|1e400|-1e400|1e-400|1e999999999|1e15|"
    "9.007199254740991e15|1e16|1.2345678901234567e+18|1e19|1e+308|4000123412341234.0|9007199254740991|"
    "9007199254740992|9007199254740993|9007199254740993.0|9007199254740991.6|16777217|9223372036854775807|"
    "9223372036854775808|-9223372036854775808|-9223372036854775809|9223372036854775807.0|18446744073709551615|"
    "18446744073709551616|9999999999999999999999999999999999999999|0.3333333333333333333333333333333333333333|"
    "4294967296.5|nan|NaN|-nan|NA|null|None|inf|-inf|+Infinity|INF|infinit|1,000|1_000|1 000|0x1F|0b1|1f|1d|"
    "\u0663|\u0967|\xbd|\uff11|--1|+-1|1-|5%|$5|1e3.0|true|TRUE|True| false |t|f|yes|no|Y|on|tru|2026-01-31|"
    " 2026-01-31 |2026-02-29|2024-02-29|1900-02-29|2000-02-29|2026-02-30|2026-04-31|0000-01-01|0000-00-00|"
    "0001-01-01|1677-01-01|1677-09-21 00:12:43|1969-12-31 23:59:59.9999999|2262-04-12|9999-12-31|"
    "9999-12-31 23:59:59.999999|9999-12-31T23:59:59.9999999|10000-01-01|2026-1-31|0001-01-01T00:00:00+14:00|"
    "9999-12-31T23:00:00-02:00|0001-01-01T00:00:00-14:00|2026-13-01|2026-00-10|2026-01-31 10|2026-01-31T10:20|"
    "2026-01-31 10:20:30|2026-01-31T10:20:30.5|2026-01-31T10:20:30.|2026-01-31 10:00:00.0000000|"
    "2026-01-31 10:00:00.1234567|2026-01-31 10:00:00.123456789|2026-01-31 1:20|2026-01-31 10:00:00.12345678901|"
    "2026-01-31 10:00:00.1234567Z|2026-01-31  10:00|2026-01-31t10:00:00z|2026-01-31T10:20:30Z|2026-01-31 10:20+02|"
    "2026-01-31 10:20+0230|2026-01-31 10:20-02:30|2026-01-31Z|2026-01-31 10:20+24:00|2026-01-31 10:20+02:60|"
    "2026-01-31 10:20:30 Z|2026-01-31 10:20 UTC|2026-01-31T10Z|2026-01-31T24:00:00|2026-01-31T23:59:60|"
    "2026-01-31 23:60|2026-01-31T25:00|2026-01-31 10:20:30,5|20260131|20260131T102030|31/01/2026|01/31/26|"
    "2026/01/31|2026-031|2026-W05-6|soon|1769817600"
).split("|")
TEXTS += ["1" + "0" * 400, "2026-01-31 10:00:00." + "1" * 60]
WHOLE = [0, 1, -1, 2, 100, 127, 128, -128, 255, 256, 2**24 + 1, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2]
WHOLE += [-(2**53) - 1, 2**62, 2**63 - 1, 2**63 - 1024, -(2**63), 2**63, 2**64 - 1, 4000123412341234]
FLOATS = [0.0, -0.0, 1.0, 2.0, 4.0, 4.5, -1.0, 0.1, 1e-7, 255.0, 256.0, 4000123412341234.0, 2.0**53 - 1, 2.0**53, 1e16]
FLOATS += [2.0**63, -(2.0**63), 2.0**64, 1e300, 1e-300, 123456789.125, float("inf"), float("-inf"), float("nan")]
DECIMALS = ["0", "1", "1.5", "-1.5", "4", "123", "255", "256", "-0.05", "4000123", "0.01", "99.99"]
LARGE_DECIMALS = [*DECIMALS, "4000123412341234", "9007199254740993", "9007199254740992", "9223372036854775808"]
DAYS = [0, 1, -1, 20484, 1 - EPOCH, -EPOCH, 2932896, 2932897, 10**7, -(10**7)]
SECONDS = [0, 1, -1, 1_769_817_600, -9_000_000_000, 9_223_372_036, 253_402_300_799, 253_402_300_800, -62_135_596_800]
SECONDS += [-62_135_596_801, 2**62]

Cells = dict[pa.DataType, pa.Array]


def _held(values: list[int], low: int, high: int) -> list[int]:
    return [value for value in values if low <= value <= high]


def _sources() -> Cells:
    """Cells of every type that a file can hold."""
    cells: Cells = {pa.null(): pa.nulls(1), pa.bool_(): pa.array([True, False])}
    for bits in (8, 16, 32, 64):
        signed, unsigned = pa.type_for_alias(f"int{bits}"), pa.type_for_alias(f"uint{bits}")
        cells[signed] = pa.array(_held(WHOLE, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1), signed)
        cells[unsigned] = pa.array(_held(WHOLE, 0, 2**bits - 1), unsigned)
    with np.errstate(over="ignore"):
        for kind, dtype in ((pa.float16(), np.float16), (pa.float32(), np.float32), (pa.float64(), np.float64)):
            cells[kind] = pa.array(np.array(FLOATS).astype(dtype))
    for kind in (pa.decimal32(9, 2), pa.decimal64(18, 2)):
        cells[kind] = pa.array([Decimal(text) for text in DECIMALS], kind)
    for kind in (pa.decimal128(38, 10), pa.decimal128(38, 0), pa.decimal256(60, 10), pa.decimal128(20, -2)):
        rounded = {Decimal(text).quantize(Decimal(1).scaleb(-kind.scale), context=EXACT) for text in LARGE_DECIMALS}
        cells[kind] = pa.array(sorted(rounded), kind)
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
        cells[kind] = pa.array(TEXTS, pa.string()).cast(kind)
    cells[pa.date32()] = pa.array(DAYS, pa.int32()).view(pa.date32())
    cells[pa.date64()] = pa.array([day * 86_400_000 for day in DAYS], pa.int64()).view(pa.date64())
    for unit, factor in PER_SECOND.items():
        parts = {0, factor // 2, factor - 1, factor // 10**6}
        counts = [second * factor + part for second in SECONDS for part in parts]
        for zone in (None, "UTC", "Asia/Tokyo"):
            kept = _held(counts, -(2**63), 2**63 - 1)
            cells[pa.timestamp(unit, zone)] = pa.array(kept, pa.int64()).view(pa.timestamp(unit, zone))
    cells[pa.binary()] = pa.array([b"1"])
    cells[pa.duration("s")] = pa.array([1], pa.duration("s"))
    cells[pa.list_(pa.int64())] = pa.array([[1]])
    return cells


SOURCES = _sources()


@dataclass(frozen=True)
class Declared:
    """What a profile says of a column: its stored type, and whether it is the key or a categorical."""

    kind: pa.DataType
    key: str = ""
    categories: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}{' key' * bool(self.key)}{' category' * bool(self.categories)}"


DECLARED = [
    *map(
        Declared, (pa.int64(), pa.int8(), pa.uint8(), pa.uint64(), pa.float64(), pa.float32(), pa.bool_(), pa.string())
    ),
    Declared(TIME),
    Declared(pa.string(), key="cell"),
    Declared(pa.int64(), key="cell"),
    Declared(pa.string(), categories=("cell",)),
]


# --- the slow reader


def _read(cell: pa.Scalar, declared: Declared) -> Any:  # noqa: PLR0911  # a line for each case
    """What a cell of a source is as the declared type: its value, `MISSING`, or `MISFIT`."""
    kind, target = cell.type, declared.kind
    if pa.types.is_dictionary(kind):
        cell, kind = cell.value, cell.type.value_type
    if not cell.is_valid or (pa.types.is_floating(kind) and np.isnan(cell.as_py())):
        return MISSING
    if pa.types.is_binary(kind) and declared.key and target == pa.string():
        return str(cell.as_py().hex())
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_duration(kind):
        return MISFIT
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    if target == pa.string():
        return _text(cell, is_text=is_text, is_key=bool(declared.key))
    if is_text and not cell.as_py().strip():
        return MISSING
    if target == TIME:
        return _instant(cell, is_text=is_text)
    if pa.types.is_temporal(kind) or (declared.key and pa.types.is_boolean(kind)):
        return MISFIT
    return _number(cell, target, is_text=is_text, is_key=bool(declared.key))


def _text(cell: pa.Scalar, *, is_text: bool, is_key: bool) -> Any:  # noqa: PLR0911  # a line for each case
    if is_text:
        text = cell.as_py()
        if not is_key:
            return text
        return MISFIT if "\ufeff" in text or not text.strip() else text.strip()
    if pa.types.is_temporal(cell.type) or pa.types.is_boolean(cell.type):
        if is_key:
            return MISFIT
        return _iso(cell) if pa.types.is_temporal(cell.type) else str(cell.as_py()).lower()
    value = cell.as_py()
    if pa.types.is_floating(cell.type) and not np.isfinite(value):
        return MISFIT if is_key else str(value)
    if Decimal(value) == int(value):
        return MISFIT if is_key and pa.types.is_floating(cell.type) and abs(value) >= 2**53 else str(int(value))
    if is_key:
        return MISFIT
    if pa.types.is_decimal(cell.type):
        return f"{value:f}".rstrip("0")
    return str(cell.type.to_pandas_dtype()(value))


def _iso(cell: pa.Scalar) -> Any:
    if not pa.types.is_timestamp(cell.type):
        days = cell.value if pa.types.is_date32(cell.type) else cell.value // 86_400_000
        return dt.date.fromordinal(days + EPOCH).isoformat() if days * DAY in CALENDAR else MISFIT
    seconds, part = divmod(cell.value, PER_SECOND[cell.type.unit])
    if seconds * 10**6 not in CALENDAR:
        return MISFIT
    days, second = divmod(seconds, 86_400)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    digits = str(part).zfill(len(str(PER_SECOND[cell.type.unit])) - 1).rstrip("0") if part else ""
    date = dt.date.fromordinal(days + EPOCH).isoformat()
    return f"{date}T{clock}{'.' * bool(digits)}{digits}{'Z' * bool(cell.type.tz)}"


ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?(Z|([+-])(\d\d)(?::?(\d\d))?)?)?", re.ASCII
)


def _instant(cell: pa.Scalar, *, is_text: bool) -> Any:
    if is_text:
        found = ISO.fullmatch(cell.as_py().strip())
        if not found:
            return MISFIT
        year, month, day, hour, minute, second = (int(text or 0) for text in found.groups()[:6])
        ahead, ahead_minutes = int(found[10] or 0), int(found[11] or 0)
        try:
            date, clock = dt.date(year, month, day), dt.time(hour, minute, second)
            dt.time(ahead, ahead_minutes)
        except ValueError:
            return MISFIT
        seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
        seconds -= (ahead * 60 + ahead_minutes) * 60 * (-1 if found[9] == "-" else 1)
        counted = (date.toordinal() - EPOCH) * DAY + seconds * 10**6 + int((found[7] or "").ljust(6, "0")[:6])
    elif pa.types.is_date32(cell.type):
        counted = cell.value * DAY
    elif pa.types.is_date64(cell.type):
        counted = cell.value * 1000
    elif pa.types.is_timestamp(cell.type):
        counted = cell.value * 10**6 // PER_SECOND[cell.type.unit]
    else:
        return MISFIT
    return counted if counted in CALENDAR else MISFIT


SPELLED = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
NO_NUMBER = re.compile(r"[+-]?(?:(nan)|inf(?:inity)?)", re.ASCII | re.IGNORECASE)


def _number(cell: pa.Scalar, target: pa.DataType, *, is_text: bool, is_key: bool) -> Any:
    value = cell.as_py()
    if is_text:
        value = _spelled(value.strip(), target)
    if value is MISFIT or value is MISSING or (is_text and isinstance(value, bool)):
        return value
    if isinstance(value, float) and np.isinf(value):
        return value if pa.types.is_floating(target) else MISFIT
    # a double, or what was written with an exponent, may stand for its neighbours
    is_rounded = pa.types.is_floating(cell.type) or (is_text and "e" in cell.as_py().lower())
    if pa.types.is_floating(target):
        return _as_float(value, target, is_exact=not is_rounded)
    return _as_whole(Decimal(value), target, is_doubtful=is_key and is_rounded)


def _spelled(text: str, target: pa.DataType) -> Any:
    if pa.types.is_boolean(target) and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if found := NO_NUMBER.fullmatch(text):
        if not pa.types.is_floating(target):
            return MISFIT
        return MISSING if found[1] else float(text)
    return Decimal(text) if SPELLED.fullmatch(text) else MISFIT


def _as_whole(exact: Decimal, target: pa.DataType, *, is_doubtful: bool) -> Any:
    if (exact and not 0 <= exact.adjusted() < LONGEST) or exact != int(exact):
        return MISFIT
    whole = int(exact)
    if pa.types.is_boolean(target):
        return bool(whole) if whole in {0, 1} else MISFIT
    bits = target.bit_width
    low, high = (0, 2**bits) if pa.types.is_unsigned_integer(target) else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    return whole if low <= whole < high and not (is_doubtful and abs(whole) >= 2**53) else MISFIT


def _as_float(value: Any, target: pa.DataType, *, is_exact: bool) -> Any:
    """The nearest float; a whole number that it would change, and what becomes infinite, is none."""
    try:
        nearest = float(value)
    except OverflowError:
        return MISFIT
    if np.isinf(nearest) or (is_exact and abs(nearest) >= 2**53 and Decimal(value) != Decimal(nearest)):
        return MISFIT
    if target == pa.float32():
        with np.errstate(over="ignore"):
            narrow = float(np.float32(nearest))
        if np.isinf(narrow) or (nearest == np.trunc(nearest) and narrow != nearest):
            return MISFIT
        return narrow
    return nearest


# --- what the product makes of them


def _landed(cells: pa.Array, declared: Declared) -> list[tuple[Any, str | None]]:
    """For each cell its value in the typed column (microseconds for a time), and the text that was rescued."""
    schema = pa.schema([("cell", declared.kind), (RESCUED, pa.string())])
    table = cast_batch(pa.record_batch({"cell": cells}), schema, declared.categories, key=declared.key)
    typed = table["cell"].cast(declared.kind)
    if declared.kind == TIME:
        typed = typed.cast(pa.int64())
    rescued = [json.loads(text)["cell"] if text else None for text in table[RESCUED].to_pylist()]
    return list(zip(typed.to_pylist(), rescued, strict=True))


def _verdict(landed: tuple[Any, str | None]) -> Any:
    value, rescued = landed
    if rescued is not None:
        assert value is None
        return MISFIT
    return MISSING if value is None else value


def _neighbourhoods(cells: pa.Array, draw: random.Random) -> Iterator[list[int]]:
    """Rows of the cells: alone, among all of them in several orders, and among few."""
    rows = list(range(len(cells)))
    yield from ([row] for row in rows)
    yield rows
    yield rows[::-1]
    for _ in range(3):
        yield draw.sample(rows, len(rows))
    for _ in range(10):
        yield draw.choices(rows, k=draw.randint(2, 8))


def _taken(cells: pa.Array, rows: list[int]) -> pa.Array:
    """Those cells, as an array that begins within its buffers."""
    plain = cells.cast(pa.string()) if pa.types.is_string_view(cells.type) else cells  # Arrow cannot take views
    return plain.take(pa.array([*rows[:1], *rows], pa.int64())).cast(cells.type)[1:]


def _faults(cells: pa.Array, declared: Declared, draw: random.Random) -> Iterator[str]:
    expected = [_read(cell, declared) for cell in cells]
    texts = cells.to_pylist() if cells.type in {pa.string(), pa.large_string(), pa.string_view()} else None
    for rows in _neighbourhoods(cells, draw):
        for row, landed in zip(rows, _landed(_taken(cells, rows), declared), strict=True):
            right, got = expected[row], _verdict(landed)
            if type(right) is not type(got) or right != got:
                yield f"{cells[row]!r} as {declared}: {got!r} instead of {right!r} among {len(rows)}"
            elif right is MISFIT and texts and landed[1] != texts[row]:
                yield f"{cells[row]!r} as {declared}: {landed[1]!r} was rescued"


@pytest.mark.parametrize("declared", DECLARED, ids=str)
@pytest.mark.parametrize("kind", SOURCES, ids=str)
def test_a_cell_lands_as_its_value_or_is_rescued_in_any_neighbourhood(kind: pa.DataType, declared: Declared) -> None:
    """For every pair of types the slow reader's verdict holds, alone and beside any other cells."""
    seed = secrets.randbits(32)
    draw = random.Random(seed)  # noqa: S311  # rows of a test

    faults = sorted(set(_faults(SOURCES[kind], declared, draw)))

    assert not faults, f"seed {seed}: {len(faults)} faults\n" + "\n".join(faults[:40])
