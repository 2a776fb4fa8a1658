"""The sentence of a reason: words with one hole, and the features' values that fill it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.errors import ProfileError

__all__ = ["HOLE", "UNKNOWN", "Piece", "Sentence", "generic_sentence", "parse_sentence"]

HOLE = "{}"
UNKNOWN = "unknown"
YES_NO = {True: "yes", False: "no"}
WHOLE = frozenset("bcdoxX")  # presentation types that Python has for whole numbers alone


@dataclass(frozen=True)
class Piece:
    """Words, then the value of `feature` as `spec` formats it; no feature behind the last words."""

    words: str
    feature: str
    spec: str


@dataclass(frozen=True)
class Sentence:
    """`text` holds one hole at most; `pieces`, one after the other, are what stands in it."""

    text: str
    pieces: tuple[Piece, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """The features whose values it tells."""
        return tuple(piece.feature for piece in self.pieces)

    def values(self, rows: pa.Table, shown: Mapping[str, Callable[[Any], Any]]) -> pa.Array:
        """What fills the hole for each of `rows`, (n), as text; each distinct value is formatted once."""
        parts: list[Any] = []
        for piece in self.pieces:
            parts += [pa.scalar(piece.words)] if piece.words else []
            parts.append(_texts(rows, piece, shown.get(piece.feature)))
        if not parts:
            return pa.repeat(pa.scalar(""), rows.num_rows)
        return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, "")


def generic_sentence(feature: str) -> Sentence:
    """What is said of a feature that has no family."""
    return Sentence(f"{feature} is {HOLE}", (Piece("", feature, ""),))


def parse_sentence(text: str, where: str) -> Sentence:
    """The sentence that a profile writes as Python formats it: `pays {monthly_fee:.2f} a month`.

    Raises:
        ProfileError: it cannot be read, or a format fits no value.
    """
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise ProfileError(f"{where}: {text!r} cannot be read: {error}; write it as {_EXAMPLE!r}") from error
    pieces: list[Piece] = []
    first, last = "", ""
    for words, feature, spec, conversion in parsed:
        if HOLE in words or conversion or feature == "":
            raise ProfileError(f"{where}: {text!r}: a hole names a feature and a format; write it as {_EXAMPLE!r}")
        if feature is None:
            last = words
            continue
        _check_spec(spec or "", where, text)
        first = words if not pieces else first
        pieces.append(Piece(words if pieces else "", feature, spec or ""))
    return Sentence(f"{first}{HOLE}{last}" if pieces else last, tuple(pieces))


_EXAMPLE = "pays {monthly_fee:.2f} a month"


def _check_spec(spec: str, where: str, text: str) -> None:
    for value in (1.0, 1, "word"):
        try:
            format(value, spec)
        except ValueError:
            continue
        return
    raise ProfileError(f"{where}: {text!r}: {spec!r} is no format of Python's; write it as {_EXAMPLE!r}")


def _texts(rows: pa.Table, piece: Piece, shown: Callable[[Any], Any] | None) -> pa.Array:
    if piece.feature not in rows.column_names:  # a model of another time was not given it
        return pa.repeat(pa.scalar(UNKNOWN), rows.num_rows)
    column = rows.column(piece.feature).combine_chunks()
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    words = pa.array([*_formatted(encoded.dictionary.to_pylist(), piece.spec, shown), UNKNOWN], pa.string())
    return words.take(encoded.indices.fill_null(len(words) - 1))


def _formatted(values: Iterable[Any], spec: str, shown: Callable[[Any], Any] | None) -> Iterable[str]:
    for value in values:
        yield _one(value if shown is None or value is None else shown(value), spec)


def _one(value: Any, spec: str) -> str:
    """A value as its format says; as it is where the format is not one of its kind."""
    if value is None or value != value:  # noqa: PLR0124  # NaN alone
        return UNKNOWN
    if isinstance(value, bool):
        return YES_NO[value]
    if not spec and isinstance(value, float):
        return f"{value:.0f}" if value == round(value) else f"{value:.4g}"
    try:
        return format(round(value) if spec and spec[-1] in WHOLE and not isinstance(value, str) else value, spec)
    except (ValueError, TypeError):
        return str(value)
