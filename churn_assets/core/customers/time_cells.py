"""Cells of a source as instants in microseconds of UTC, null where they are none of the years 1 to 9999."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.customers.number_cells import only
from churn_assets.core.table_schemas import UTC_TIMESTAMP

__all__ = ["finer_than_microseconds", "times", "times_from_text", "within_calendar"]

EPOCH = dt.date(1970, 1, 1).toordinal()
FIRST_DAY, DAYS_END = 1 - EPOCH, dt.date.max.toordinal() + 1 - EPOCH
PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
LONGEST_DATE, LONGEST_TIME = len("2026-01-31"), len("2026-01-31 10:20:30.123456")
LEAP_YEAR = r"(\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
DAY = (
    r"(\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
    rf"|{LEAP_YEAR}-02-29)"
)
ZONE = r"(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)?"
ISO = rf"^{DAY}([T ]([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d(\.\d+)?)?)?{ZONE})?$"


def times_from_text(texts: pa.Array) -> pa.Array:
    """Trimmed ISO 8601 text, what has no zone being in UTC; digits beyond microseconds are cut off."""
    texts = only(pc.match_substring_regex(texts, ISO), texts)
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    if longest <= LONGEST_DATE:
        return within_calendar(texts.cast(pa.timestamp("us")).view(UTC_TIMESTAMP))
    if longest > LONGEST_TIME:
        texts = pc.replace_substring_regex(texts, r"(\.\d{6})\d+", r"\1")
    zoned = pc.match_substring_regex(texts, r"^.{10}.*[Z+-]")
    if not pc.any(zoned).as_py():
        return within_calendar(texts.cast(pa.timestamp("us")).view(UTC_TIMESTAMP))
    with_zone = pc.if_else(zoned, texts, None).cast(UTC_TIMESTAMP)
    without_zone = pc.if_else(zoned, None, texts).cast(pa.timestamp("us")).view(UTC_TIMESTAMP)
    return within_calendar(pc.coalesce(with_zone, without_zone))


def times(values: pa.Array) -> pa.Array:
    """Dates, as their midnight, and times of any unit and zone; nanoseconds are cut off."""
    values = within_calendar(values)
    if pa.types.is_date32(values.type):
        counts = pc.multiply(values.cast(pa.int32()).cast(pa.int64()), PER_DAY["us"])
    else:
        unit = "ms" if pa.types.is_date64(values.type) else values.type.unit
        counts = values.view(pa.int64())
        if unit == "ns":
            counts = _microseconds(counts)
        elif unit != "us":
            counts = pc.multiply(counts, PER_DAY["us"] // PER_DAY[unit])
    return counts.view(UTC_TIMESTAMP)


def within_calendar(values: pa.Array) -> pa.Array:
    """Dates and times of the years 1 to 9999; the others, which neither Python nor most readers know, as null."""
    if pa.types.is_date32(values.type):
        counts, per_day = values.view(pa.int32()), 1
    else:
        counts = values.view(pa.int64())
        per_day = PER_DAY["ms" if pa.types.is_date64(values.type) else values.type.unit]
    low, end = FIRST_DAY * per_day, DAYS_END * per_day
    ends = pc.min_max(counts).as_py()
    if ends["min"] is None or (ends["min"] >= low and ends["max"] < end):
        return values
    kind = counts.type
    return only(pc.and_(pc.greater_equal(counts, pa.scalar(low, kind)), pc.less(counts, pa.scalar(end, kind))), values)


def finer_than_microseconds(values: pa.Array) -> int:
    """How many cells, times or text of times, lose digits where they become microseconds."""
    if pa.types.is_timestamp(values.type):
        counts = values.view(pa.int64()).drop_null().to_numpy() if values.type.unit == "ns" else np.empty(0, np.int64)
        return int(np.count_nonzero(counts % 1000))
    if (pc.max(pc.binary_length(values)).as_py() or 0) <= LONGEST_TIME:
        return 0
    texts = pc.utf8_trim_whitespace(values)
    finer = pc.match_substring_regex(texts, r"\.\d{6}0*[1-9]")
    return pc.sum(pc.and_(finer, pc.match_substring_regex(texts, ISO))).as_py() or 0


def _microseconds(nanoseconds: pa.Array) -> pa.Array:
    """Whole microseconds, the rest cut off in the same way before 1970 as after."""
    validity, content = nanoseconds.buffers()
    counts = np.frombuffer(content, np.int64)
    cut = pa.py_buffer(np.floor_divide(counts, 1000))
    return pa.Array.from_buffers(pa.int64(), len(nanoseconds), [validity, cut], offset=nanoseconds.offset)
