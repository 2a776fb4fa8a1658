"""Bring source columns to the profile's types, and rescue the cells that do not fit.

A cell that cannot become its column's type without loss is null in the typed column and kept as it
came in `rescued_data` (the pattern of a rescued-data column), so that no row is lost to a bad cell.
Whether it fits follows from the cell, its type and its column's alone, never from the rest of its batch.
"""

import json
from collections.abc import Collection
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.customers.number_cells import MISSING_NUMBER, nan_as_null, numbers, numbers_from_text
from churn_assets.core.customers.text_cells import decimal_texts, hexadecimal_texts, key_texts, texts, uuid_texts
from churn_assets.core.customers.time_cells import finer_than_microseconds, times, times_from_text, within_calendar
from churn_assets.core.customers.written_cells import PLAIN, Reading
from churn_assets.core.table_schemas import RESCUED

__all__ = ["cast_batch", "cast_exactly", "texts_of", "truncated_times"]

UUID = "arrow.uuid"
BINARY = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)


def cast_batch(
    batch: pa.RecordBatch | pa.Table,
    schema: pa.Schema,
    categories: Collection[str] = (),
    key: str = "",
    reading: Reading = PLAIN,
) -> pa.Table:
    """The columns of `schema` out of `batch`, typed, with misfits in its `rescued_data` column.

    Args:
        batch: source rows; every column of `schema` but `rescued_data` is there.
        schema: of `raw_customers`.
        categories: text columns that stay dictionary-encoded, where they come so.
        key: the id column, in which only text and whole numbers fit.
        reading: how text cells are written, and what some of them stand for.
    """
    columns: list[pa.ChunkedArray | pa.Array] = []
    misfits: dict[str, pa.Array] = {}
    for field in schema:
        if field.name == RESCUED:
            continue
        given = batch.column(field.name)
        is_translated = field.name in reading.values
        if field.name in categories and not is_translated and _is_dictionary_of_text(given, field.type):
            columns.append(given)
            continue
        given = _plain(given)
        is_key = field.name == key
        written = texts(given, is_key=False) if is_translated and not _is_text(given.type) else given
        plain = reading.plain(written, field.name, field.type) if _is_text(written.type) else written
        cast = _cast(plain, field.type, is_key=is_key)
        columns.append(cast)
        if cast.null_count > given.null_count:
            missing = _is_missing(given, field.type)
            if plain is not given:
                missing = pc.or_(missing, reading.is_missing(written, field.name, field.type))
            misfit = pc.and_(cast.is_null(), pc.invert(missing))
            if pc.any(misfit).as_py():
                misfits[field.name] = _as_they_came(given, misfit)
    columns.append(_rescued(misfits, batch.num_rows))
    return pa.Table.from_arrays(columns, names=schema.names)


def truncated_times(batch: pa.RecordBatch | pa.Table, schema: pa.Schema) -> dict[str, int]:
    """How many cells of each time column of `schema` lose digits of a second, for those columns that have such."""
    counts: dict[str, int] = {}
    for field in schema:
        if pa.types.is_timestamp(field.type):
            given = _plain(batch.column(field.name))
            if _is_text(given.type) or pa.types.is_timestamp(given.type):
                counts[field.name] = finer_than_microseconds(given)
    return {name: count for name, count in counts.items() if count}


def _is_dictionary_of_text(values: pa.Array | pa.ChunkedArray, target: pa.DataType) -> bool:
    """Whether it is an array of codes as Parquet's reader gives it, each of which stands for another text."""
    if values.type != pa.dictionary(pa.int32(), target) or not isinstance(values, pa.DictionaryArray):
        return False
    return not values.dictionary.null_count and len(pc.unique(values.dictionary)) == len(values.dictionary)


def _plain(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array without dictionary, view or extension, with NaN as null."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(array, pa.ChunkedArray):  # too large for one chunk of 32-bit offsets
        array = pa.concat_arrays(array.cast(pa.large_string()).chunks)
    if isinstance(array.type, pa.BaseExtensionType):
        array = uuid_texts(array.storage) if array.type.extension_name == UUID else array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    if pa.types.is_binary_view(array.type):
        array = array.cast(pa.large_binary())
    return nan_as_null(array)


def _cast(values: pa.Array, target: pa.DataType, *, is_key: bool) -> pa.Array:
    """The cells of `values` as `target`, null where they do not fit."""
    if _is_text(target):
        return _as_text(values, target, is_key=is_key)
    if pa.types.is_timestamp(target):
        return _as_time(values, target)
    return values if values.type == target else _as_number(values, target, is_key=is_key)


def _as_text(values: pa.Array, target: pa.DataType, *, is_key: bool) -> pa.Array:
    kind = values.type
    if _is_text(kind):
        same = values if kind == target else values.cast(target)
        return key_texts(same) if is_key else same
    if is_key and any(test(kind) for test in BINARY):
        return key_texts(hexadecimal_texts(values))
    written = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    clear = any(test(kind) for test in written) or _is_date_or_timestamp(kind) or pa.types.is_time(kind)
    return texts(values, is_key=is_key) if clear else pa.nulls(len(values), target)


def _as_time(values: pa.Array, target: pa.DataType) -> pa.Array:
    if _is_text(values.type):
        return times_from_text(pc.utf8_trim_whitespace(values))
    if values.type == target:
        return within_calendar(values)
    return times(values) if _is_date_or_timestamp(values.type) else pa.nulls(len(values), target)


def _as_number(values: pa.Array, target: pa.DataType, *, is_key: bool) -> pa.Array:
    kind = values.type
    if _is_text(kind):
        return numbers_from_text(pc.utf8_trim_whitespace(values), target, is_key=is_key)
    if pa.types.is_decimal(kind):
        return numbers_from_text(decimal_texts(values), target, is_key=is_key)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or (pa.types.is_boolean(kind) and not is_key):
        return numbers(values, target, is_key=is_key)
    return pa.nulls(len(values), target)


def _is_missing(values: pa.Array, target: pa.DataType) -> pa.Array:
    """Which cells are no value at all: null, a blank cell of a CSV file, NaN where a float is wanted."""
    if not _is_text(values.type) or _is_text(target):
        return values.is_null()
    trimmed = pc.utf8_trim_whitespace(values)
    missing = pc.equal(trimmed, "")
    if pa.types.is_floating(target):
        missing = pc.or_(missing, pc.match_substring_regex(trimmed, MISSING_NUMBER))
    return pc.fill_null(missing, fill_value=True)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_date_or_timestamp(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _text_of(cell: pa.Scalar) -> str:
    """A cell as a person would write it."""
    try:
        return str(cell.as_py())
    except (OverflowError, ValueError):  # a date beyond the years that Python knows
        return str(cell.cast(pa.string()))


def texts_of(cells: pa.Array | pa.ChunkedArray) -> list[str]:
    """Cells as a person would write them."""
    if _is_text(cells.type) and not cells.null_count:  # at once, without an object for each cell
        written: list[str] = cells.to_numpy(zero_copy_only=False).tolist()
        return written
    return list(map(_text_of, cells))


def _as_they_came(values: pa.Array, misfit: pa.Array) -> pa.Array:
    """The text of each misfit as JSON, null for the other rows."""
    written = [json.encoder.encode_basestring(text) for text in texts_of(values.filter(misfit))]
    return pc.replace_with_mask(pa.nulls(len(values), pa.string()), misfit, pa.array(written, pa.string()))


def _rescued(misfits: dict[str, pa.Array], rows: int) -> pa.Array:
    """One JSON object a row: the misfits of each column under its name; null where all cells fit."""
    if not misfits:
        return pa.nulls(rows, pa.string())
    broken = reduce(pc.or_, (each.is_valid() for each in misfits.values()))
    cells = [pc.binary_join_element_wise(_quoted(name), each.filter(broken), ": ") for name, each in misfits.items()]
    joined = pc.binary_join_element_wise(*cells, ", ", null_handling="skip")
    objects = pc.binary_join_element_wise("{", joined, "}", "")
    return pc.replace_with_mask(pa.nulls(rows, pa.string()), broken, objects)


def _quoted(name: str) -> pa.Scalar:
    return pa.scalar(json.encoder.encode_basestring(name), pa.string())


def cast_exactly(rows: pa.Table, schema: pa.Schema, names: list[str]) -> tuple[pa.Table, dict[str, int]]:
    """The columns `names` of `rows` in their types of `schema`, read as the cells of a source are.

    Returns:
        Those columns, and how many cells of each are lost by it.
    """
    wanted = pa.schema([*(schema.field(name) for name in names), pa.field(RESCUED, pa.string())])
    cast = cast_batch(rows.select(names), wanted)
    lost = {name: cast.column(name).null_count - rows.column(name).null_count for name in names}
    return cast.select(names), {name: cells for name, cells in lost.items() if cells}
