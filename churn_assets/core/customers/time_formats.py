"""Dates and times in another form than ISO 8601, rewritten as that: one reader judges every calendar day."""

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["ISO8601", "format_fault", "has_form", "iso_texts"]

ISO8601 = "ISO8601"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PARTS = {  # directive of strftime: what a cell holds in its place
    "Y": r"(?P<year>\d{4})",
    "y": r"(?P<short>\d{2})",
    "m": r"(?P<month>\d{1,2})",
    "b": rf"(?P<word>(?i:{'|'.join(MONTHS)}))",
    "d": r"(?P<day>\d{1,2})",
    "H": r"(?P<hour>\d{1,2})",
    "I": r"(?P<half>0?[1-9]|1[0-2])",
    "p": r"(?P<noon>(?i:[AP]M))",
    "M": r"(?P<minute>\d{1,2})",
    "S": r"(?P<second>\d{1,2})",
    "f": r"(?P<fraction>\d+)",
    "z": r"(?P<zone>Z|UTC|[+-]\d\d:?\d\d|[+-]\d\d)",
}
DIRECTIVE = re.compile(r"%(.)")
CENTURY = 69  # of two digits: 69 is 1969, 68 is 2068, as in POSIX


def format_fault(text: str) -> str:
    """Why `text` is no format of times; empty where it is one."""
    if text == ISO8601:
        return ""
    letters = DIRECTIVE.findall(text)
    if odd := [letter for letter in letters if letter not in PARTS]:
        return f"%{odd[0]} in {text!r} is not known; a format is {ISO8601} or made of %{', %'.join(PARTS)}"
    if len(set(letters)) != len(letters):
        return f"{text!r} holds a part twice"
    has = set(letters)
    dated = len(has & {"Y", "y"}) == 1 and len(has & {"m", "b"}) == 1 and "d" in has
    timed = not has & {"H", "I", "M", "S", "f", "p", "z"} or (
        len(has & {"H", "I"}) == 1 and ("I" in has) == ("p" in has) and ("f" not in has or {"M", "S"} <= has)
    )
    if not dated or not timed or ("S" in has and "M" not in has):
        return f"{text!r} tells no moment: it needs a year, a month and a day, and %p goes with %I"
    return ""


def iso_texts(texts: pa.Array, formats: Sequence[str]) -> pa.Array:
    """Trimmed text of times as ISO 8601, by the first of `formats` that it has the form of; null where it has none."""
    result = pa.nulls(len(texts), texts.type)
    for form in formats:
        result = pc.coalesce(result, texts if form == ISO8601 else _rewritten(texts, form))
    return result


def has_form(text: str, form: str) -> bool:
    """Whether a trimmed text has the form, though it may be no day of the calendar."""
    return re.match(_pattern(form), text) is not None


def _pattern(form: str) -> str:
    """A form as a regular expression, of RE2's and of Python's kind alike."""
    pieces = DIRECTIVE.split(form)
    return f"^{''.join(PARTS[piece] if at % 2 else re.escape(piece) for at, piece in enumerate(pieces))}$"


def _rewritten(texts: pa.Array, form: str) -> pa.Array:
    found = pc.extract_regex(texts, _pattern(form))
    parts = {field.name: found.field(at) for at, field in enumerate(found.type)}
    year = parts["year"] if "year" in parts else _century(parts["short"])
    month = _two(parts["month"]) if "month" in parts else _month_of(parts["word"])
    written = pc.binary_join_element_wise(year, month, _two(parts["day"]), "-")
    if hour := _hour(parts):
        clock = pc.binary_join_element_wise(
            hour[0], *(_two(parts[name]) for name in ("minute", "second") if name in parts), ":"
        )
        written = pc.binary_join_element_wise(written, clock, " ")
        if "fraction" in parts:
            written = pc.binary_join_element_wise(written, parts["fraction"], ".")
        if "zone" in parts:
            written = pc.binary_join_element_wise(written, pc.replace_substring(parts["zone"], "UTC", "Z"), "")
    return pc.if_else(found.is_valid(), written, None)


def _hour(parts: dict[str, pa.Array]) -> list[pa.Array]:
    """The hour of 24, in a list; empty where there is none."""
    if "hour" in parts:
        return [_two(parts["hour"])]
    if "half" not in parts:
        return []
    known = pc.not_equal(parts["half"], "")  # where nothing was found, its parts are empty
    half = pc.if_else(known, parts["half"], "12").cast(pa.int64())
    hour = pc.if_else(pc.equal(half, 12), 0, half)
    after_noon = pc.equal(pc.ascii_lower(parts["noon"]), "pm")
    return [_two(pc.add(hour, pc.if_else(after_noon, 12, 0)).cast(pa.string()))]


def _century(short: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(pc.if_else(pc.less(short, str(CENTURY)), "20", "19"), short, "")


def _month_of(word: pa.Array) -> pa.Array:
    at = pc.index_in(pc.ascii_lower(word), value_set=pa.array(MONTHS, word.type))
    return _two(pc.add(pc.fill_null(at, 0), 1).cast(pa.string()))


def _two(digits: pa.Array) -> pa.Array:
    return pc.utf8_lpad(digits, 2, "0")
