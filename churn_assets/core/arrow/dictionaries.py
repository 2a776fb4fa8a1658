"""Columns whose text comes as codes of a dictionary, and the same columns as a table declares them."""

from collections.abc import Iterable

import pyarrow as pa

__all__ = ["as_coded", "as_stored", "check_codes"]

CODES = pa.dictionary(pa.int32(), pa.string())


def as_coded(schema: pa.Schema, arrived: pa.Schema) -> pa.Schema:
    """The columns of a table, without descriptions, as codes where they arrived so."""
    coded = {each.name for each in arrived if pa.types.is_dictionary(each.type)}
    kinds = [CODES if each.name in coded else each.type for each in schema]
    return pa.schema([pa.field(each.name, kind, each.nullable) for each, kind in zip(schema, kinds, strict=True)])


def as_stored(schema: pa.Schema) -> pa.Schema:
    """The columns as a table declares them, whose text may come as codes."""
    kinds = [each.type.value_type if pa.types.is_dictionary(each.type) else each.type for each in schema]
    return pa.schema([each.with_type(kind) for each, kind in zip(schema, kinds, strict=True)])


def check_codes(columns: Iterable[pa.Array]) -> None:
    """Hold the codes of each column that has any against its words.

    Parquet's reader does not, where a damaged page tells of fewer words than there are: a code that points nowhere is
    read from memory that is none of the column's.

    Raises:
        pyarrow.ArrowInvalid: a code points at no word, or a word is not UTF-8.
    """
    for column in columns:
        if pa.types.is_dictionary(column.type):
            column.validate(full=True)
