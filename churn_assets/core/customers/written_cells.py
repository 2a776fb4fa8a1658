"""Cells of text as a source writes them, brought to the plain form that the other modules of cells read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.customers.number_cells import only
from churn_assets.core.customers.time_formats import ISO8601, iso_texts

__all__ = ["PLAIN", "Reading", "spelt"]

WITHOUT_DIGITS = r"(?i)^[+-]?(inf(inity)?|nan)$"


@dataclass(frozen=True)
class Reading:
    """How text cells are read: by the dialect of their file, after the translations of the profile.

    `values` maps a column to its translated cells: the text as it comes, and the text it stands for (None: missing).
    """

    dialect: CsvDialect = field(default_factory=CsvDialect)
    values: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)

    def plain(self, texts: pa.Array, column: str, target: pa.DataType) -> pa.Array:
        """Text cells of a column in plain form; null where a cell is missing, or is nothing that `target` may be."""
        plain = texts if self.dialect.is_plain else _plain(texts, target, self.dialect)
        if not (translated := self.values.get(column)):
            return plain
        at = pc.index_in(pc.utf8_trim_whitespace(texts), value_set=pa.array(translated, texts.type))
        return pc.if_else(at.is_valid(), pa.array(translated.values(), texts.type).take(at), plain)

    def is_missing(self, texts: pa.Array, column: str, target: pa.DataType) -> pa.Array:
        """Which cells the dialect or a translation says to be no value."""
        words = set() if _is_text(target) else {word.strip() for word in self.dialect.null_values}
        words |= {cell for cell, value in self.values.get(column, {}).items() if value is None}
        return pc.is_in(pc.utf8_trim_whitespace(texts), value_set=pa.array(sorted(words), texts.type))


PLAIN = Reading()


def spelt(value: Any) -> str | None:
    """A translated value as a cell of plain text."""
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _plain(texts: pa.Array, target: pa.DataType, dialect: CsvDialect) -> pa.Array:
    if _is_text(target):
        return texts
    trimmed = pc.utf8_trim_whitespace(texts)
    if dialect.null_values:
        trimmed = only(pc.invert(pc.is_in(trimmed, value_set=pa.array(dialect.null_values, texts.type))), trimmed)
    if pa.types.is_timestamp(target):
        return trimmed if dialect.timestamp_formats == (ISO8601,) else iso_texts(trimmed, dialect.timestamp_formats)
    if pa.types.is_boolean(target):
        return _truths(trimmed, dialect)
    return _numbers(trimmed, dialect)


def _truths(texts: pa.Array, dialect: CsvDialect) -> pa.Array:
    lower = pc.utf8_lower(texts)
    for truth, word in ((True, "true"), (False, "false")):
        words = pa.array([each.lower() for each in dialect.words_for(truth=truth)], texts.type)
        texts = pc.if_else(pc.fill_null(pc.is_in(lower, value_set=words), fill_value=False), word, texts)
    return texts


def _numbers(texts: pa.Array, dialect: CsvDialect) -> pa.Array:
    """Numbers with a point and no groups; null where the marks stand elsewhere than the dialect has them."""
    if (dialect.decimal, dialect.thousands) == (".", ""):
        return texts
    point, mark = f"[{dialect.decimal}]", f"[{dialect.thousands}]"
    whole = rf"(\d+|\d{{1,3}}({mark}\d{{3}})+)" if dialect.thousands else r"\d+"
    form = rf"^[+-]?({whole}({point}\d*)?|{point}\d+)([eE][+-]?\d+)?$|{WITHOUT_DIGITS}"
    texts = only(pc.match_substring_regex(texts, form), texts)
    if dialect.thousands:
        texts = pc.replace_substring(texts, dialect.thousands, "")
    return pc.replace_substring(texts, dialect.decimal, ".")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
