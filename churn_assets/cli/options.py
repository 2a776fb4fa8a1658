"""Options that several commands share, and how their values are read."""

import datetime as dt
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from churn_assets.core.errors import InputError

__all__ = ["Customer", "Date", "First", "Json", "Reason", "as_date", "day_option", "local_path", "required_reason"]


def day_option(*names: str, text: str = "") -> Any:
    """An option that takes a day."""
    return typer.Option(*names, formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help=text)


def _read_id(given: str) -> str:
    """The id as given, or the first line of standard input: no list of processes and no shell's history shows it."""
    if given != "-":
        return given
    told = sys.stdin.readline().rstrip("\r\n")
    if not told:
        raise InputError("standard input holds no id: write one to it, or name it in place of -")
    return told


Customer = Annotated[str, typer.Argument(help="An id, or - for one on standard input.", callback=_read_id)]
Date = Annotated[datetime | None, day_option("--date", text="A snapshot date.")]
First = Annotated[datetime | None, day_option("--from", text="The first of a range of days.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the record.")]


def required_reason(reason: str) -> str:
    """The reason as given; an empty one is refused."""
    if not reason.strip():
        raise InputError("--reason is empty: say why, for whoever reads the record")
    return reason


def as_date(given: datetime | None) -> dt.date | None:
    """The day of an option, where one was given."""
    return given.date() if given else None


def local_path(path: Path) -> Path:
    """The path as given; one of an object store is refused: it would become a folder named `s3:` here."""
    if store := re.match(r"[a-z][a-z0-9+.-]*:(?=/)", str(path), re.IGNORECASE):
        raise InputError(
            f"{store[0]}// is no folder of this machine: name one of its own, and copy it from or to there"
        )
    return path
