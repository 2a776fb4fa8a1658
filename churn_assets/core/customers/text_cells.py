"""Cells of a source as text: the one spelling of a value, whatever type or file it came in; null where it has none."""

from decimal import Decimal
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.customers.number_cells import EXACT_BOUND, by_distinct, only
from churn_assets.core.customers.time_cells import within_calendar

__all__ = ["decimal_texts", "hexadecimal_texts", "key_texts", "texts", "uuid_texts"]

BYTE_ORDER_MARK = "\ufeff"
FIRST_PRINTED, PRINTED = 33, 94  # the bytes of ASCII that are no white space and no control character


def texts(values: pa.Array, *, is_key: bool) -> pa.Array:
    """Numbers, booleans, dates and times as text; for a key, whole numbers only."""
    kind = values.type
    if pa.types.is_integer(kind):
        return values.cast(pa.string())
    if pa.types.is_floating(kind):
        return _float_texts(values, is_key=is_key)
    if pa.types.is_decimal(kind):
        plain = decimal_texts(values)
        return only(pc.invert(pc.match_substring(plain, ".")), plain) if is_key else plain
    if is_key:
        return pa.nulls(len(values), pa.string())
    if pa.types.is_boolean(kind):
        return values.cast(pa.string())
    return _time_texts(values)


def key_texts(values: pa.Array) -> pa.Array:
    """Ids without the white space around them; one that is blank or holds a byte order mark is none."""
    if _is_printed_ascii(values):
        return values
    trimmed = pc.utf8_trim_whitespace(values)
    bad = pc.or_(pc.equal(trimmed, ""), pc.match_substring(trimmed, BYTE_ORDER_MARK))
    return pc.if_else(bad, None, trimmed)


def uuid_texts(values: pa.Array) -> pa.Array:
    """UUIDs, sixteen bytes each, in small letters with hyphens (RFC 9562)."""
    return pa.array([None if each is None else str(UUID(bytes=each)) for each in values.to_pylist()], pa.string())


def hexadecimal_texts(values: pa.Array) -> pa.Array:
    """Bytes as two small hexadecimal digits each."""
    return pa.array([None if each is None else each.hex() for each in values.to_pylist()], pa.string())


def decimal_texts(values: pa.Array) -> pa.Array:
    """Decimals as plain digits, without an exponent and without zeros at the end of the fraction."""
    written = values.cast(pa.string())
    with_exponent = pc.match_substring(written, "E")
    if pc.any(with_exponent).as_py():
        plain = by_distinct(pc.if_else(with_exponent, written, None), _without_exponent, pa.string())
        written = pc.if_else(with_exponent, plain, written)
    if values.type.scale <= 0:
        return written
    return pc.replace_substring_regex(pc.replace_substring_regex(written, r"(\.\d*?)0+$", r"\1"), r"\.$", "")


def _without_exponent(text: str) -> str:
    return f"{Decimal(text):f}"


def _float_texts(values: pa.Array, *, is_key: bool) -> pa.Array:
    doubles = values.cast(pa.float64())
    whole = pc.and_(pc.equal(pc.trunc(doubles), doubles), pc.less(pc.abs(doubles), float(EXACT_BOUND)))
    digits = only(whole, doubles).cast(pa.int64(), safe=False).cast(pa.string())
    if is_key or digits.null_count == values.null_count:
        return digits
    codes = pc.if_else(whole, None, values).dictionary_encode()
    shortest = pa.array([_shortest(number) for number in codes.dictionary.to_numpy()], pa.string())
    return pc.coalesce(digits, shortest.take(codes.indices))


def _shortest(number: np.floating) -> str:
    """All digits of a whole number, else the shortest text that is read back as the same float."""
    return str(int(number)) if np.isfinite(number) and number == np.trunc(number) else str(number)


def _time_texts(values: pa.Array) -> pa.Array:
    """ISO 8601, in UTC where there is a zone, with no more digits of a second than it takes."""
    kind = values.type
    if not pa.types.is_time(kind):
        values = within_calendar(values)
    if not pa.types.is_timestamp(kind):
        written = values.cast(pa.string())
    else:
        written = pc.replace_substring(values.view(pa.timestamp(kind.unit)).cast(pa.string()), " ", "T")
    shortened = pc.replace_substring_regex(written, r"\.(\d*?)0+$", r".\1")
    shortened = pc.replace_substring_regex(shortened, r"\.$", "")
    return pc.binary_join_element_wise(shortened, "Z", "") if getattr(kind, "tz", None) else shortened


def _is_printed_ascii(values: pa.Array) -> bool:
    """Whether every cell is there and holds nothing but ASCII that is printed; in one pass over the bytes."""
    if not len(values):
        return True
    _, ends, content = values.buffers()
    offsets = np.frombuffer(ends, np.int32)[values.offset : values.offset + len(values) + 1]
    if content is None or np.diff(offsets).min() == 0:
        return False
    read = np.frombuffer(content, np.uint8)[offsets[0] : offsets[-1]]
    return bool((read - np.uint8(FIRST_PRINTED)).max() < PRINTED)
