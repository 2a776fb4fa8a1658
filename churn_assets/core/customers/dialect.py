"""The dialect of a CSV export: how its text is cut into cells, and which words of a cell mean what."""

import codecs
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from churn_assets.core.customers.time_formats import ISO8601, format_fault

__all__ = ["CsvDialect"]

TRUE, FALSE = ("true", "1"), ("false", "0")


def _one_byte(mark: str) -> str:
    if len(mark.encode()) != 1 or mark in "\r\n":
        message = f"{mark!r} is not one ASCII character"
        raise ValueError(message)
    return mark


def _one_byte_or_none(mark: str) -> str:
    return _one_byte(mark) if mark else mark


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError as error:
        message = f"{name!r} is no encoding; write one such as utf-8, cp1252 or utf-16"
        raise ValueError(message) from error
    return name


def _time_format(text: str) -> str:
    if fault := format_fault(text):
        raise ValueError(fault)
    return text


class CsvDialect(BaseModel):
    """How CSV files are written; the defaults are those of RFC 4180, with ISO 8601 times.

    Attributes:
        delimiter: between cells.
        quote: around a cell; empty: a quote is a character like others.
        escape: what makes a quote in a cell a character; empty: it is doubled.
        encoding: of the text, as Python names it.
        decimal: before the fraction of a number.
        thousands: between groups of three digits; empty: none.
        null_values: words for a missing cell, beside an empty one that is not quoted.
        true_values: words for true, beside `true` and `1`, in any case.
        false_values: words for false, beside `false` and `0`, in any case.
        timestamp_formats: of dates and times, the first that fits; `ISO8601` is one of them.
        column_names: of a file without a heading.
        skip_rows: lines before the heading.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: Annotated[str, AfterValidator(_one_byte)] = ","
    quote: Annotated[str, AfterValidator(_one_byte_or_none)] = '"'
    escape: Annotated[str, AfterValidator(_one_byte_or_none)] = ""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    decimal: Annotated[str, Field(pattern=r"^[.,]$")] = "."
    thousands: Annotated[str, Field(pattern=r"^[.,' \u00a0\u202f]?$")] = ""
    null_values: tuple[str, ...] = ()
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()
    timestamp_formats: tuple[Annotated[str, AfterValidator(_time_format)], ...] = (ISO8601,)
    column_names: tuple[str, ...] = ()
    skip_rows: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _tells_apart(self) -> Self:
        if self.decimal == self.thousands:
            message = f"decimal and thousands are both {self.decimal!r}; a number could be read in two ways"
            raise ValueError(message)
        if len({self.delimiter, self.quote, self.escape} - {""}) < sum(map(bool, (1, self.quote, self.escape))):
            message = "delimiter, quote and escape must differ"
            raise ValueError(message)
        if not self.timestamp_formats:
            message = f"timestamp_formats is empty; write [{ISO8601}] or a format such as '%d/%m/%Y'"
            raise ValueError(message)
        if twice := {each.lower() for each in self.words_for(truth=True)} & {
            each.lower() for each in self.words_for(truth=False)
        }:
            message = f"{', '.join(sorted(twice))} stands for both true and false"
            raise ValueError(message)
        return self

    def words_for(self, *, truth: bool) -> tuple[str, ...]:
        """Every word for true, or for false."""
        return (*TRUE, *self.true_values) if truth else (*FALSE, *self.false_values)

    @property
    def is_plain(self) -> bool:
        """Whether cells are written as the default has it, however the text is cut into them."""
        plain = CsvDialect.model_construct()
        cells = ("decimal", "thousands", "null_values", "true_values", "false_values", "timestamp_formats")
        return all(getattr(self, name) == getattr(plain, name) for name in cells)
