"""Bring source columns to the profile's types, and rescue the cells that do not fit.

A cell that cannot become its column's type without loss is null in the typed column and kept as it
came in `rescued_data` (the pattern of a rescued-data column), so that no row is lost to a bad cell.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.columns import RESCUED

__all__ = ["cast_batch"]


def cast_batch(batch: pa.RecordBatch | pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of `schema` out of `batch`, typed, with misfits in its `rescued_data` column.

    Args:
        batch: source rows; every column of `schema` but `rescued_data` is there.
        schema: of `raw_customers`.
    """
    columns: list[pa.ChunkedArray | pa.Array] = []
    misfits: dict[int, dict[str, str]] = {}
    for field in schema:
        if field.name == RESCUED:
            continue
        cast = _cast(_plain(batch.column(field.name)), field.type)
        columns.append(cast.values)
        for row, text in cast.misfits:
            misfits.setdefault(row, {})[field.name] = text
    columns.append(_rescued(misfits, batch.num_rows))
    return pa.Table.from_arrays(columns, schema=schema)


@dataclass(frozen=True)
class _Cast:
    values: pa.Array
    misfits: list[tuple[int, str]]


def _plain(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array without dictionary, with NaN as null."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(array, pa.ChunkedArray):  # too large for one chunk of 32-bit offsets
        array = pa.concat_arrays(array.cast(pa.large_string()).chunks)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_floating(array.type):
        return pc.if_else(pc.is_nan(array), None, array)
    return array


def _cast(values: pa.Array, target: pa.DataType) -> _Cast:
    if values.type == target:
        return _Cast(values, [])
    if pa.types.is_null(values.type):
        return _Cast(pa.nulls(len(values), target), [])
    if not _is_sensible(values.type, target):
        nulls = pa.nulls(len(values), target)
        return _Cast(nulls, [(row, _text(cell)) for row, cell in enumerate(values) if cell.is_valid])
    if _is_text(values.type) and not _is_text(target):
        trimmed = pc.utf8_trim_whitespace(values)
        values = pc.if_else(pc.equal(trimmed, ""), None, trimmed)  # a blank cell of a CSV file is a missing number
    try:
        return _Cast(_nan_as_null(_cast_exactly(values, target)), [])
    except pa.ArrowInvalid:
        return _cast_around_misfits(values, target)


def _cast_around_misfits(values: pa.Array, target: pa.DataType) -> _Cast:
    """Cast cell by cell in effect, by halving the distinct values until the misfits stand alone."""
    distinct = pc.unique(values.drop_null())
    bad = pa.array([distinct[at].as_py() for at in _misfits(distinct, 0, target)], type=values.type)
    is_bad = pc.is_in(values, value_set=bad)
    is_bad = pc.and_(is_bad, values.is_valid())
    cast = _cast_exactly(pc.if_else(is_bad, None, values), target)
    rows = pc.indices_nonzero(is_bad)
    texts = [_text(cell) for cell in values.take(rows)]
    return _Cast(_nan_as_null(cast), list(zip(rows.to_pylist(), texts, strict=True)))


def _misfits(values: pa.Array, start: int, target: pa.DataType) -> Iterator[int]:
    try:
        _cast_exactly(values, target)
    except pa.ArrowInvalid:
        if len(values) == 1:
            yield start
            return
        half = len(values) // 2
        yield from _misfits(values[:half], start, target)
        yield from _misfits(values[half:], start + half, target)


def _cast_exactly(values: pa.Array, target: pa.DataType) -> pa.Array:
    """Arrow's safe cast, and no number for a boolean but 0 and 1.

    Raises:
        pyarrow.ArrowInvalid: some cell does not fit.
    """
    if pa.types.is_boolean(target) and not (_is_text(values.type) or pa.types.is_boolean(values.type)):
        cast = values.cast(target)
        if not values.equals(cast.cast(values.type)):
            raise pa.ArrowInvalid("a number other than 0 and 1 is no boolean")
        return cast
    if pa.types.is_timestamp(target) and pa.types.is_timestamp(values.type) and values.type.tz is None:
        values = values.cast(pa.timestamp(values.type.unit, tz="UTC"))
    if pa.types.is_timestamp(target) and target.tz and _is_text(values.type):
        return _timestamps(values, target)
    if pa.types.is_timestamp(target) and pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("us"))
    return values.cast(target)


def _timestamps(values: pa.Array, target: pa.DataType) -> pa.Array:
    """ISO 8601 text as UTC, with or without a zone (Arrow wants one kind in an array, and the zone said)."""
    zoned = pc.match_substring_regex(values, r"\d(Z|[+-]\d\d(:?\d\d)?)$")
    zoned = pc.and_(zoned, pc.match_substring(values, ":"))
    with_zone = pc.if_else(zoned, values, None).cast(target)
    without_zone = pc.if_else(zoned, None, values).cast(pa.timestamp("us")).cast(target)
    return pc.coalesce(with_zone, without_zone)


def _is_sensible(source: pa.DataType, target: pa.DataType) -> bool:
    """Whether cells of `source` can mean something in `target` at all (Arrow would read 20260101 as a time)."""
    if pa.types.is_nested(source) or pa.types.is_binary(source) or pa.types.is_large_binary(source):
        return False
    if _is_text(source) or _is_text(target):
        return True
    return bool(pa.types.is_temporal(source) == pa.types.is_temporal(target))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _nan_as_null(values: pa.Array) -> pa.Array:
    if pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py():
        return pc.if_else(pc.is_nan(values), None, values)
    return values


def _text(cell: pa.Scalar) -> str:
    value = cell.as_py()
    return repr(value) if isinstance(value, bytes) else str(value)


def _rescued(misfits: dict[int, dict[str, str]], rows: int) -> pa.Array:
    if not misfits:
        return pa.nulls(rows, pa.string())
    texts = [json.dumps(misfits[row], ensure_ascii=False) if row in misfits else None for row in range(rows)]
    return pa.array(texts, pa.string())
