"""Cells of a source as numbers and booleans: equal in value, or null where they do not fit.

Each cell is judged by itself: nothing is handed to Arrow that it could refuse, since one refusal would be of the batch.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["EXACT_BOUND", "MISSING_NUMBER", "by_distinct", "nan_as_null", "numbers", "numbers_from_text", "only"]

EXACT_BOUND = 2**53  # from here on, neighbouring whole numbers are the same double
PLAIN_WHOLE = r"^-?\d{1,18}$"
WHOLE = r"^[+-]?\d{1,18}(\.0*)?$"
FINITE = r"^[+-]?(\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,9})?$"
NUMBER = r"(?i)^[+-]?(\d+\.?\d*(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|inf(inity)?|nan)$"
MISSING_NUMBER = r"(?i)^[+-]?nan$"
MOST_DIGITS = 20  # of a whole number in 64 bits
TRUTHS = pa.array(["false", "true", "0", "1"])
TRUTH_VALUES = pa.array([False, True, False, True])


def numbers_from_text(texts: pa.Array, target: pa.DataType, *, is_key: bool) -> pa.Array:
    """Trimmed text as a boolean, whole number or float; NaN is null."""
    if pa.types.is_boolean(target):
        words = TRUTH_VALUES.take(pc.index_in(pc.ascii_lower(texts), value_set=TRUTHS.cast(texts.type)))
        if words.null_count == texts.null_count:
            return words
        return pc.coalesce(words, _truths(_whole_from_text(texts, pa.int64(), is_key=False)))
    if pa.types.is_integer(target):
        return _whole_from_text(texts, target, is_key=is_key)
    return _float_from_text(texts, target)


def numbers(values: pa.Array, target: pa.DataType, *, is_key: bool) -> pa.Array:
    """Integers, floats or booleans as a boolean, whole number or float."""
    if pa.types.is_boolean(target):
        return values if pa.types.is_boolean(values.type) else _truths(numbers(values, pa.int64(), is_key=False))
    if pa.types.is_boolean(values.type):
        return values.cast(pa.int8()).cast(target)
    if pa.types.is_integer(target):
        return _whole_from_floats(values, target, is_key=is_key) if _is_float(values) else _narrowed(values, target)
    return _floats(values, target) if _is_float(values) else _float_from_whole(values, target)


def only(keep: pa.Array, values: pa.Array) -> pa.Array:
    """The `values` where `keep` is true, else null; a null among `keep` is not true."""
    if keep.null_count <= values.null_count and pc.all(keep, min_count=0).as_py():
        return values
    return pc.if_else(pc.fill_null(keep, fill_value=False), values, None)


def nan_as_null(values: pa.Array) -> pa.Array:
    """Floats with NaN, which is how pandas writes a missing number, as null."""
    if pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py():
        return pc.if_else(pc.is_nan(values), None, values)
    return values


def by_distinct(values: pa.Array, read: Callable[[str], object], target: pa.DataType) -> pa.Array:
    """What `read` makes of each distinct text; for the few that need Python's arithmetic."""
    codes = values.dictionary_encode()
    return pa.array([read(cell) for cell in codes.dictionary.to_pylist()], target).take(codes.indices)


def _whole_from_text(texts: pa.Array, target: pa.DataType, *, is_key: bool) -> pa.Array:
    plain = pc.match_substring_regex(texts, PLAIN_WHOLE)
    if pc.all(plain, min_count=0).as_py():
        return _narrowed(texts.cast(pa.int64()), target)
    easy = pc.match_substring_regex(texts, WHOLE)
    digits = pc.replace_substring_regex(only(easy, texts), r"^\+|\.0*$", "")
    whole = _narrowed(digits.cast(pa.int64()), target)
    hard = pc.and_(pc.match_substring_regex(texts, FINITE), pc.invert(easy))
    if not pc.any(hard).as_py():
        return whole
    low, high = _bounds(target)
    read = partial(_exact_whole, low=low, high=high, is_key=is_key)
    return pc.coalesce(whole, by_distinct(only(hard, texts), read, target))


def _exact_whole(text: str, low: int, high: int, *, is_key: bool) -> int | None:
    number = Decimal(text)
    if number and not 0 <= number.adjusted() < MOST_DIGITS:
        return None
    whole = int(number)
    if is_key and abs(whole) >= EXACT_BOUND and "e" in text.lower():  # a float was written, which may stand for others
        return None
    return whole if whole == number and low <= whole <= high else None


def _float_from_text(texts: pa.Array, target: pa.DataType) -> pa.Array:
    texts = only(pc.match_substring_regex(texts, NUMBER), texts)
    doubles = nan_as_null(texts.cast(pa.float64()))
    large = pc.greater_equal(pc.abs(doubles), float(EXACT_BOUND))
    if pc.any(large).as_py():
        infinite = pc.is_inf(doubles)
        overflown = pc.and_(infinite, pc.invert(pc.match_substring(texts, "inf", ignore_case=True)))
        doubles = only(pc.invert(overflown), doubles)
        spelled_out = pc.and_(pc.and_(large, pc.is_finite(doubles)), pc.match_substring_regex(texts, r"^[^eE]*$"))
        exact = by_distinct(pc.if_else(spelled_out, texts, None), _double_if_exact, pa.float64())
        doubles = only(pc.or_(pc.invert(spelled_out), exact.is_valid()), doubles)
    return _floats(doubles, target)


def _double_if_exact(text: str) -> float | None:
    double = float(text)
    return double if Decimal(double) == Decimal(text) else None


def _whole_from_floats(values: pa.Array, target: pa.DataType, *, is_key: bool) -> pa.Array:
    doubles = values.cast(pa.float64())
    low, high = _bounds(target)
    below = min(float(high + 1), float(EXACT_BOUND)) if is_key else float(high + 1)
    above = max(float(low), 1.0 - EXACT_BOUND) if is_key else float(low)
    within = pc.and_(pc.greater_equal(doubles, above), pc.less(doubles, below))
    return only(pc.and_(within, pc.equal(pc.trunc(doubles), doubles)), doubles).cast(target, safe=False)


def _narrowed(whole: pa.Array, target: pa.DataType) -> pa.Array:
    if whole.type == target:
        return whole
    (low, high), (lowest, highest) = _bounds(target), _bounds(whole.type)
    if low > lowest:
        whole = only(pc.greater_equal(whole, pa.scalar(low, whole.type)), whole)
    if high < highest:
        whole = only(pc.less_equal(whole, pa.scalar(high, whole.type)), whole)
    return whole.cast(target, safe=False)


def _floats(values: pa.Array, target: pa.DataType) -> pa.Array:
    if values.type == target:
        return values
    doubles = values.cast(pa.float64())
    if pa.types.is_float64(target):
        return doubles
    cast = doubles.cast(target, safe=False)
    changed = pc.and_(pc.equal(pc.trunc(doubles), doubles), pc.not_equal(cast.cast(pa.float64()), doubles))
    overflown = pc.and_(pc.is_inf(cast), pc.is_finite(doubles))
    return only(pc.invert(pc.or_(changed, overflown)), cast)


def _float_from_whole(values: pa.Array, target: pa.DataType) -> pa.Array:
    cast = values.cast(pa.float64(), safe=False)
    if pc.any(pc.greater_equal(pc.abs(cast), float(EXACT_BOUND))).as_py():
        low, high = _bounds(values.type)
        within = pc.and_(pc.greater_equal(cast, float(low)), pc.less(cast, float(high + 1)))
        back = only(within, cast).cast(values.type, safe=False)
        cast = only(pc.equal(back, values), cast)
    return _floats(cast, target)


def _truths(whole: pa.Array) -> pa.Array:
    return pc.equal(only(pc.or_(pc.equal(whole, 0), pc.equal(whole, 1)), whole), 1)


def _bounds(kind: pa.DataType) -> tuple[int, int]:
    if pa.types.is_unsigned_integer(kind):
        return 0, 2**kind.bit_width - 1
    return -(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1) - 1


def _is_float(values: pa.Array) -> bool:
    return bool(pa.types.is_floating(values.type))
