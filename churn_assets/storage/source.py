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
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


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
        self._pattern = template if Path(template).is_absolute() else f"{glob.escape(str(base))}/{template}"

    @property
    def dated(self) -> bool:
        """Whether the template holds `{snapshot_date}`."""
        return PLACEHOLDER in self.template

    def days(self) -> list[dt.date]:
        """The days for which there is a file."""
        if not self.dated:
            return []
        named = {text for path in self._glob("*") for text in DATE.findall(path)}
        days: set[dt.date] = set()
        for text in named:
            with suppress(ValueError):  # a folder such as 2026-02-31 is no day
                days.add(dt.date.fromisoformat(text))
        return sorted(day for day in days if self.has(day))

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
        return sorted(path for path in map(Path, self._glob(day.isoformat())) if path.is_file())

    def _glob(self, day: str) -> list[str]:
        return glob.glob(self._pattern.replace(PLACEHOLDER, day), recursive=True)  # noqa: PTH207  # from the root


def _fingerprint(path: Path) -> SourceFile:
    with path.open("rb") as file:
        return SourceFile(path, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _parquet(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        yield from file.iter_batches(BATCH_ROWS)


def _csv(path: Path) -> Iterator[pa.RecordBatch]:
    parsing = pacsv.ParseOptions(newlines_in_values=True)
    compression = "gzip" if path.suffix.lower() == ".gz" else None
    with (
        pa.input_stream(str(path), compression=compression) as file,
        pacsv.open_csv(file, parse_options=parsing) as peek,
    ):
        names = peek.schema.names
    converting = pacsv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    with (
        pa.input_stream(str(path), compression=compression) as file,
        pacsv.open_csv(file, parse_options=parsing, convert_options=converting) as reader,
    ):
        yield from reader
