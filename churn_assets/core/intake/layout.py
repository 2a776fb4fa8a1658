"""Python source in the layout that formatters give it: on one line where it fits, else an entry a line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Call", "Name", "laid_out"]

WIDTH = 120
INDENT = "    "


@dataclass(frozen=True)
class Name:
    """A name, which stands without quotes."""

    text: str


@dataclass(frozen=True)
class Call:
    """A call of `function` with arguments by name."""

    function: str
    arguments: Mapping[str, Any]


def laid_out(start: str, value: Any, end: str = "", indent: int = 0) -> str:
    """The line `start` with the value behind it and `end`, broken where it is too long."""
    pad = INDENT * indent
    line = f"{pad}{start}{_flat(value)}{end}"
    parts = _parts(value)
    if len(line) <= WIDTH or parts is None:
        return line
    opening, entries, closing = parts
    inner = INDENT * (indent + 1)
    flat = ", ".join(f"{prefix}{_flat(entry)}" for prefix, entry in entries)
    if isinstance(value, Call) and len(inner + flat) <= WIDTH:
        return f"{pad}{start}{opening}\n{inner}{flat}\n{pad}{closing}{end}"
    lines = [laid_out(prefix, entry, ",", indent + 1) for prefix, entry in entries]
    return "\n".join([f"{pad}{start}{opening}", *lines, f"{pad}{closing}{end}"])


def _parts(value: Any) -> tuple[str, list[tuple[str, Any]], str] | None:
    """A value's opening, its entries, each behind its prefix, and its closing; None where it has no entries."""
    if isinstance(value, Call):
        return f"{value.function}(", [(f"{name}=", each) for name, each in value.arguments.items()], ")"
    if isinstance(value, Mapping):
        return "{", [(f"{_flat(name)}: ", each) for name, each in value.items()], "}"
    if isinstance(value, tuple):
        return "(", [("", each) for each in value], ")"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[", [("", each) for each in value], "]"
    return None


def _flat(value: Any) -> str:
    if isinstance(value, Name):
        return value.text
    if isinstance(value, str):
        return _quoted(value)
    parts = _parts(value)
    if parts is None:
        return repr(value)
    opening, entries, closing = parts
    alone = "," if isinstance(value, tuple) and len(entries) == 1 else ""
    return f"{opening}{', '.join(f'{prefix}{_flat(each)}' for prefix, each in entries)}{alone}{closing}"


def _quoted(text: str) -> str:
    """In double quotes, with the fewest escapes, as formatters have it."""
    if '"' in text and "'" not in text and text.isprintable():
        return "'" + text.replace("\\", "\\\\") + "'"
    if text.isprintable():
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return json.dumps(text)
