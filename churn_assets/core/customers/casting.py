"""Bring source columns to the profile's types, and rescue the cells that do not fit.

A cell that cannot become its column's type without loss is null in the typed column and kept as it
came in `rescued_data` (the pattern of a rescued-data column), so that no row is lost to a bad cell.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.table_schemas import RESCUED

__all__ = ["cast_batch", "texts_of"]

NUMBER = r"(?i)^[+-]?(\d+\.?\d*(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|inf(inity)?|nan)$"
WHOLE_NUMBER = r"^[+-]?\d+$"
EXACT_BOUND = float(2**53)  # from here on, neighbouring whole numbers are the same double


def cast_batch(batch: pa.RecordBatch | pa.Table, schema: pa.Schema, categories: Collection[str] = ()) -> pa.Table:
    """The columns of `schema` out of `batch`, typed, with misfits in its `rescued_data` column.

    Args:
        batch: source rows; every column of `schema` but `rescued_data` is there.
        schema: of `raw_customers`.
        categories: text columns that stay dictionary-encoded, where they come so.
    """
    columns: list[pa.ChunkedArray | pa.Array] = []
    misfits: dict[int, dict[str, str]] = {}
    for field in schema:
        if field.name == RESCUED:
            continue
        if field.name in categories and _is_dictionary_of_text(batch.column(field.name), field.type):
            columns.append(batch.column(field.name))
            continue
        cast = _cast(_plain(batch.column(field.name)), field.type)
        columns.append(cast.values)
        for row, text in cast.misfits:
            misfits.setdefault(row, {})[field.name] = text
    columns.append(_rescued(misfits, batch.num_rows))
    return pa.Table.from_arrays(columns, names=schema.names)


def _is_dictionary_of_text(values: pa.Array | pa.ChunkedArray, target: pa.DataType) -> bool:
    """Whether it is an array of codes as Parquet's reader gives it, each of which stands for another text."""
    if values.type != pa.dictionary(pa.int32(), target) or not isinstance(values, pa.DictionaryArray):
        return False
    return not values.dictionary.null_count and len(pc.unique(values.dictionary)) == len(values.dictionary)


@dataclass(frozen=True)
class _Cast:
    values: pa.Array
    misfits: list[tuple[int, str]]


def _plain(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array without dictionary, view or extension, with NaN as null."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(array, pa.ChunkedArray):  # too large for one chunk of 32-bit offsets
        array = pa.concat_arrays(array.cast(pa.large_string()).chunks)
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    if pa.types.is_binary_view(array.type):
        array = array.cast(pa.large_binary())
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    return _nan_as_null(array)


def _cast(values: pa.Array, target: pa.DataType) -> _Cast:
    if values.type == target:
        return _Cast(values, [])
    if pa.types.is_null(values.type):
        return _Cast(pa.nulls(len(values), target), [])
    given = _trimmed(values) if _is_text(values.type) and not _is_text(target) else values
    if not _is_sensible(values.type, target):
        return _rescue(values, given, pa.nulls(len(values), target), given.is_valid())
    try:
        cast = _cast_exactly(given, target)
    except pa.ArrowNotImplementedError:
        return _rescue(values, given, pa.nulls(len(values), target), given.is_valid())
    except pa.ArrowInvalid:
        misfit = _misfit(given, target)
        cast = _cast_exactly(pc.if_else(misfit, None, given), target)
    else:
        misfit = None
    changed = _changed(given, cast)
    if changed is not None:
        misfit = changed if misfit is None else pc.or_kleene(misfit, changed)
    return _Cast(_nan_as_null(cast), []) if misfit is None else _rescue(values, given, cast, misfit)


def _rescue(values: pa.Array, given: pa.Array, cast: pa.Array, misfit: pa.Array) -> _Cast:
    misfit = pc.and_(misfit, given.is_valid())
    rows = pc.indices_nonzero(misfit)
    kept = _nan_as_null(pc.if_else(misfit, None, cast))
    return _Cast(kept, list(zip(rows.to_pylist(), texts_of(values.take(rows)), strict=True)))


def _misfit(values: pa.Array, target: pa.DataType) -> pa.Array:
    """Which cells do not cast, found by halving the distinct values until the misfits stand alone."""
    distinct = pc.unique(values.drop_null())
    if _is_text(values.type) and (pa.types.is_integer(target) or pa.types.is_floating(target)):
        numeric = pc.match_substring_regex(distinct, NUMBER)
        bad = [distinct.filter(pc.invert(numeric))]
        distinct = distinct.filter(numeric)
    else:
        bad = []
    bad.append(distinct.take(pa.array(_halved(distinct, 0, target), pa.int64())))
    return pc.is_in(values, value_set=pa.concat_arrays(bad))


def _halved(values: pa.Array, start: int, target: pa.DataType) -> Iterator[int]:
    try:
        _cast_exactly(values, target)
    except pa.ArrowInvalid:
        if len(values) == 1:
            yield start
            return
        half = len(values) // 2
        yield from _halved(values[:half], start, target)
        yield from _halved(values[half:], start + half, target)


def _changed(values: pa.Array, cast: pa.Array) -> pa.Array | None:
    """Which cells Arrow cast to a float without complaint, though they are another number now."""
    if not pa.types.is_floating(cast.type):
        return None
    infinite = pc.is_inf(cast)
    if _is_text(values.type):
        spelled_out = pc.match_substring(values, "inf", ignore_case=True)
        large = pc.greater_equal(pc.abs(cast), EXACT_BOUND)
        whole = pc.match_substring_regex(values, WHOLE_NUMBER)
        changed = pc.or_(pc.and_(infinite, pc.invert(spelled_out)), pc.and_(large, whole))
    elif pa.types.is_decimal(values.type):
        changed = pc.greater_equal(pc.abs(cast), EXACT_BOUND)
    elif pa.types.is_floating(values.type):
        changed = pc.and_(infinite, pc.is_finite(values))
    else:
        return None
    return changed if pc.any(changed).as_py() else None


def _cast_exactly(values: pa.Array, target: pa.DataType) -> pa.Array:
    """Arrow's safe cast, and no number for a boolean but 0 and 1.

    Raises:
        pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError: some cell, or the kind, does not fit.
    """
    if pa.types.is_boolean(target) and not (_is_text(values.type) or pa.types.is_boolean(values.type)):
        cast = values.cast(target)
        if not values.equals(cast.cast(values.type)):
            raise pa.ArrowInvalid("a number other than 0 and 1 is no boolean")
        return cast
    if pa.types.is_decimal(values.type) and pa.types.is_floating(target):
        return values.cast(pa.string()).cast(target)  # Arrow's own way is wrong in the last bit
    if pa.types.is_timestamp(target) and pa.types.is_timestamp(values.type) and values.type.tz is None:
        values = values.cast(pa.timestamp(values.type.unit, tz="UTC"))
    if pa.types.is_timestamp(target) and target.tz and _is_text(values.type):
        return _timestamps(values, target)
    if pa.types.is_timestamp(target) and pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("us"))
    return values.cast(target)


def _timestamps(values: pa.Array, target: pa.DataType) -> pa.Array:
    """ISO 8601 text as UTC, with or without a zone (Arrow wants one kind in an array, and the zone named)."""
    zoned = pc.match_substring_regex(values, r":.*(Z|[+-]\d\d(:?\d\d)?)$")
    with_zone = pc.if_else(zoned, values, None).cast(target)
    without_zone = pc.if_else(zoned, None, values).cast(pa.timestamp("us")).cast(target)
    return pc.coalesce(with_zone, without_zone)


def _is_sensible(source: pa.DataType, target: pa.DataType) -> bool:
    """Whether cells of `source` can mean something in `target` at all (Arrow would read 20260101 as a time)."""
    if pa.types.is_nested(source) or _is_bytes(source):
        return False
    if _is_text(source) or _is_text(target):
        return True
    return bool(pa.types.is_temporal(source) == pa.types.is_temporal(target))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _trimmed(values: pa.Array) -> pa.Array:
    """Text without the white space around it, a blank cell of a CSV file as the missing number it is."""
    trimmed = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _nan_as_null(values: pa.Array) -> pa.Array:
    if pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py():
        return pc.if_else(pc.is_nan(values), None, values)
    return values


def _text_of(cell: pa.Scalar) -> str:
    """A cell as a person would write it."""
    try:
        return str(cell.as_py())
    except (OverflowError, ValueError):  # a date beyond the years that Python knows
        return str(cell.cast(pa.string()))


def texts_of(cells: pa.Array | pa.ChunkedArray) -> list[str]:
    """Cells as a person would write them."""
    if _is_text(cells.type) and not cells.null_count:  # at once, without an object for each cell
        texts: list[str] = cells.to_numpy(zero_copy_only=False).tolist()
        return texts
    return list(map(_text_of, cells))


def _rescued(misfits: dict[int, dict[str, str]], rows: int) -> pa.Array:
    if not misfits:
        return pa.nulls(rows, pa.string())
    texts = [json.dumps(misfits[row], ensure_ascii=False) if row in misfits else None for row in range(rows)]
    return pa.array(texts, pa.string())
