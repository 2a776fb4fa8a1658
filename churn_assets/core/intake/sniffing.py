"""How the text of a CSV file is cut into cells, told from its first bytes."""

import codecs
import csv
import io
import re
from collections import Counter

from churn_assets.core.customers.dialect import CsvDialect

__all__ = ["HEAD_BYTES", "differences", "sniff"]

HEAD_BYTES = 1 << 18
LINES = 500
DELIMITERS = (",", ";", "\t", "|")
SEPARATOR_LINE = re.compile(r"^sep=(.)\r?$", re.IGNORECASE)
ESCAPED_QUOTE = re.compile(r'\\"(?![,;\t|\r\n]|$)', re.MULTILINE)
NUMBER = re.compile(r"^[+-]?\d[\d.,]*$")
NUL_SHARE = 0.2  # of UTF-16 text without a mark, in languages written with the Latin alphabet about a half


def sniff(head: bytes) -> CsvDialect:
    """The dialect that a file begins in: encoding, lines to skip, delimiter, escape, and names where it has none."""
    encoding = _encoding(head)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head).removeprefix("\ufeff")
    if len(head) >= HEAD_BYTES:
        text = text[: text.rfind("\n") + 1]
    lines = text.splitlines(keepends=True)[:LINES]
    named = SEPARATOR_LINE.match(lines[0].rstrip("\n")) if lines else None
    skipped = int(named is not None)
    body = "".join(lines[skipped:])
    escape = "\\" if ESCAPED_QUOTE.search(body) else ""
    delimiter = named[1] if named else max(DELIMITERS, key=lambda mark: _fit(body, mark, escape))
    heading = next(iter(_rows(body, delimiter, escape)), [])
    return CsvDialect(
        delimiter=delimiter,
        escape=escape,
        encoding=encoding,
        skip_rows=skipped,
        column_names=tuple(f"column_{at}" for at, _ in enumerate(heading, start=1)) if _is_data(heading) else (),
    )


def differences(configured: CsvDialect, head: bytes) -> list[str]:
    """What to set of `source.csv` for a file that begins with `head`, as sentences' parts: `source.csv.x to y`."""
    found = sniff(head)
    keys = ("encoding", "skip_rows", "delimiter", "escape")
    return [
        f"source.csv.{key} to {getattr(found, key)!r}"
        for key in keys
        if getattr(found, key) != getattr(configured, key)
        and not (key == "encoding" and found.encoding == "utf-8")  # plain ASCII is text of most encodings
    ]


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head and head.count(b"\0") > NUL_SHARE * len(head):
        return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _fit(body: str, delimiter: str, escape: str) -> tuple[float, int]:
    """How many of the lines have as many cells as the heading, and how many cells that is."""
    rows = _rows(body, delimiter, escape)
    if not rows or len(rows[0]) == 1:
        return 0.0, 1
    widths = Counter(map(len, rows))
    return widths[len(rows[0])] / len(rows), len(rows[0])


def _rows(body: str, delimiter: str, escape: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(body), delimiter=delimiter, escapechar=escape or None) if row]
    except csv.Error:
        return []


def _is_data(heading: list[str]) -> bool:
    """Whether the first line is one of customers: half of its cells are numbers."""
    return bool(heading) and 2 * sum(bool(NUMBER.match(cell.strip())) for cell in heading) >= len(heading)
