"""Options that several commands share, and how their values are read."""

import datetime as dt
from datetime import datetime
from typing import Annotated, Any

import typer

from churn_assets.core.errors import InputError

__all__ = ["Date", "First", "Json", "Reason", "as_date", "day_option", "required_reason"]


def day_option(*names: str, text: str = "") -> Any:
    """An option that takes a day."""
    return typer.Option(*names, formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help=text)


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
