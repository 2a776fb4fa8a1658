"""Where customers come from. Files today; another kind of source offers the same three questions."""

import datetime as dt
import glob
import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from churn_assets.core.batches import BATCH_ROWS
from churn_assets.core.errors import SourceFault, SourceMissing

__all__ = ["FileSource", "Source", "SourceFile"]

PLACEHOLDER = "{snapshot_date}"


@dataclass(frozen=True)
class SourceFile:
    """One file of a snapshot, and what it was when it was read."""

    path: Path
    size: int
    sha256: str


class Source(Protocol):
    """What the chain asks of a source."""

    template: str

    @property
    def dated(self) -> bool:
        """Whether it holds a snapshot for each day, or one export without a date."""

    def days(self) -> list[dt.date]:
        """The days it holds, in order; none for an export without a date."""

    def has(self, day: dt.date) -> bool:
        """Whether it can give a snapshot of `day`."""

    def files(self, day: dt.date) -> list[SourceFile]:
        """The files of a snapshot, with their digests."""

    def batches(self, file: SourceFile) -> Iterator[pa.RecordBatch]:
        """The rows of one of them."""


class FileSource:
    """Parquet or CSV files found by a path template."""

    def __init__(self, template: str, base: Path) -> None:
        """Look for `template`, which may hold `{snapshot_date}` and wildcards; relative to `base`."""
        self.template = str(base / template)

    @property
    def dated(self) -> bool:
        """Whether the template holds `{snapshot_date}`."""
        return PLACEHOLDER in self.template

    def days(self) -> list[dt.date]:
        """The days for which there is a file."""
        if not self.dated:
            return []
        pattern = re.compile(_regex(self.template))
        found: set[dt.date] = set()
        for path in glob.iglob(self.template.replace(PLACEHOLDER, "*"), recursive=True):  # noqa: PTH207  # from the root, with wildcards
            if match := pattern.match(path):
                with suppress(ValueError):  # a folder such as 2026-02-31 is no day
                    found.add(dt.date.fromisoformat(match[1]))
        return sorted(found)

    def has(self, day: dt.date) -> bool:
        """Whether there is a file for `day`."""
        return bool(self._paths(day))

    def files(self, day: dt.date) -> list[SourceFile]:
        """The files of `day`, by name.

        Raises:
            SourceMissing: there is none.
        """
        paths = self._paths(day)
        if not paths:
            raise SourceMissing(
                f"source: nothing for {day} at {self.template.replace(PLACEHOLDER, day.isoformat())}; "
                "export that day, or correct source.path"
            )
        return [_fingerprint(path) for path in paths]

    def batches(self, file: SourceFile) -> Iterator[pa.RecordBatch]:
        """The rows of `file`; text as it stands in a CSV file, Parquet in its own types.

        Raises:
            SourceFault: it cannot be read.
        """
        if file.size == 0:
            raise SourceFault(f"{file.path} is empty (0 bytes); export it again")
        name = file.path.name.lower()
        try:
            if name.endswith((".parquet", ".pq")):
                yield from _parquet(file.path)
            elif name.endswith((".csv", ".csv.gz")):
                yield from _csv(file.path)
            else:
                raise SourceFault(f"{file.path} is neither .parquet nor .csv; correct source.path")
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            told = str(error).splitlines()[0][:200]
            raise SourceFault(f"{file.path} cannot be read ({told}); export it again") from error

    def _paths(self, day: dt.date) -> list[Path]:
        pattern = self.template.replace(PLACEHOLDER, day.isoformat())
        found = glob.glob(pattern, recursive=True)  # noqa: PTH207  # from the root, with wildcards
        return sorted(path for path in map(Path, found) if path.is_file())


def _regex(template: str) -> str:
    """The template with its first date captured (`glob.translate` is not there before Python 3.13)."""
    escaped = re.escape(template).replace(re.escape("**/"), "(?:.*/)?").replace(re.escape("*"), "[^/]*")
    first = escaped.replace(re.escape("?"), "[^/]").replace(re.escape(PLACEHOLDER), r"(\d{4}-\d{2}-\d{2})", 1)
    return first.replace(re.escape(PLACEHOLDER), r"\1") + r"\Z"


def _fingerprint(path: Path) -> SourceFile:
    with path.open("rb") as file:
        return SourceFile(path, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _parquet(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        yield from file.iter_batches(BATCH_ROWS)


def _csv(path: Path) -> Iterator[pa.RecordBatch]:
    parsing = pacsv.ParseOptions(newlines_in_values=True)
    with pacsv.open_csv(path, parse_options=parsing) as peek:
        names = peek.schema.names
    converting = pacsv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    with pacsv.open_csv(path, parse_options=parsing, convert_options=converting) as reader:
        yield from reader
