"""Where customers come from: files. Another kind of source answers what `Source` asks, by files too."""

import datetime as dt
import glob
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from churn_assets.core.arrow.batches import BATCH_ROWS
from churn_assets.core.days import PLACEHOLDER
from churn_assets.core.errors import SourceFault, SourceMissing
from churn_assets.storage.source.quotes import QuoteCheckedStream, QuoteFault

__all__ = ["FileSource", "Source", "SourceBatch", "SourceFile", "chunks"]

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
BLOCK_BYTES = 1 << 20
UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError, QuoteFault)
RAGGED = re.compile(r"Expected (\d+) columns, got (\d+)")
NOT_UTF8 = re.compile(r"In CSV column #(\d+): .*invalid UTF8")
TOLD_OTHERWISE = "cannot be read as a manifest: empty, a number of rows, or a JSON object, in which it is `rows`"
REASONS = {  # words of Arrow's, and what they mean
    "straddling object": f"a line is longer than {BLOCK_BYTES >> 20} MB, or a quote is left open",
    "Empty CSV": "it has no heading",
    "CRC checksum": "a page is not what its checksum says",
    "magic bytes": "it is no Parquet file, or was cut short",
    "smaller than the minimum": "it is no Parquet file, or was cut short",
    "Truncated compressed stream": "it was cut short",
    "zlib": "it is not compressed by gzip, or damaged",
}


@dataclass(frozen=True)
class SourceFile:
    """One file of a snapshot, and what it was when it was read."""

    path: Path
    size: int
    modified_ns: int


SourceBatch = tuple[Path, pa.RecordBatch]


class Source(Protocol):
    """What the chain asks of a source."""

    template: str

    @property
    def dated(self) -> bool:
        """Whether it holds a snapshot for each day, or one export without a date."""

    def days(self) -> list[dt.date]:
        """The days it holds, in order; none for an export without a date."""

    def first_day(self) -> dt.date | None:
        """The first day it holds; None for an export without a date, or an empty source."""

    def has(self, day: dt.date) -> bool:
        """Whether it can give a snapshot of `day`."""

    def files(self, day: dt.date) -> list[SourceFile]:
        """The files of a snapshot, as they stand."""

    def expected_rows(self, day: dt.date) -> int | None:
        """How many rows whoever exported `day` counted, where that is told."""

    def batches(self, files: Sequence[SourceFile], categories: Collection[str] = ()) -> Iterator[SourceBatch]:
        """Their rows, in order, a batch at a time; the columns `categories` dictionary-encoded, where they can be."""


class FileSource:
    """Parquet or CSV files found by a path template."""

    def __init__(self, template: str, base: Path, *, follow_links: bool = False, manifest: str = "") -> None:
        """Look for `template`, which may hold `{snapshot_date}` and wildcards; relative to `base`.

        A snapshot is there once its `manifest` is, a file such as `_SUCCESS` that the export writes last; it may hold
        the number of rows, alone or as `rows` of a JSON object.

        Links may lead out of the folder of the source only where `follow_links` says so: whoever may write there
        would choose which files of this machine are read.
        """
        self.template = str(base / template)
        self._folder = None if follow_links else base.joinpath(*_fixed_parts(template))
        self._manifest = str(base / manifest) if manifest else ""
        self._pattern = template if Path(template).is_absolute() else f"{glob.escape(str(base))}/{template}"

    @property
    def dated(self) -> bool:
        """Whether the template holds `{snapshot_date}`."""
        return PLACEHOLDER in self.template

    def days(self) -> list[dt.date]:
        """The days for which there is a file."""
        return [day for day in self._named_days() if self.has(day)]

    def first_day(self) -> dt.date | None:
        """The first day for which there is a file; the others are not looked at."""
        return next((day for day in self._named_days() if self.has(day)), None)

    def _named_days(self) -> list[dt.date]:
        """The days that paths name, in order."""
        if not self.dated:
            return []
        named = {text for path in self._glob("*") for text in DATE.findall(path)}
        days: set[dt.date] = set()
        for text in named:
            with suppress(ValueError):  # a folder such as 2026-02-31 is no day
                days.add(dt.date.fromisoformat(text))
        return sorted(days)

    def has(self, day: dt.date) -> bool:
        """Whether there is a file for `day`, and its manifest, where there must be one."""
        manifest = self._manifest_of(day)
        return bool(self._paths(day)) and (manifest is None or manifest.is_file())

    def files(self, day: dt.date) -> list[SourceFile]:
        """The files of `day`, by name.

        Raises:
            SourceMissing: there is none, or the export is not complete.
            SourceFault: one is a link that leads out of the source's folder.
        """
        paths = self._paths(day)
        if not paths:
            raise SourceMissing(
                f"source: nothing for {day} at {self.template.replace(PLACEHOLDER, day.isoformat())}; "
                "export that day, or correct source.path"
            )
        manifest = self._manifest_of(day)
        if manifest is not None and not manifest.is_file():
            raise SourceMissing(
                f"source: the export of {day} is not complete: {manifest} is not there; wait for it, or correct "
                "source.manifest"
            )
        self._refuse_links_out(paths)
        return [SourceFile(path, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]

    def expected_rows(self, day: dt.date) -> int | None:
        """The number of rows that the manifest of `day` tells, None where it tells none.

        Raises:
            SourceFault: it cannot be read, or tells something else.
        """
        manifest = self._manifest_of(day)
        if manifest is None:
            return None
        try:
            text = manifest.read_text("utf-8").strip()
            told = json.loads(text) if text else None
        except (OSError, ValueError) as error:
            raise SourceFault(f"{manifest} {TOLD_OTHERWISE}") from error
        rows = told.get("rows") if isinstance(told, dict) else told
        if rows is not None and (type(rows) is not int or rows < 0):
            raise SourceFault(f"{manifest} {TOLD_OTHERWISE}")
        return rows

    def batches(self, files: Sequence[SourceFile], categories: Collection[str] = ()) -> Iterator[SourceBatch]:
        """The rows of `files`; text as it stands in a CSV file, Parquet in its own types.

        Raises:
            SourceFault: a file cannot be read; raised before the first row, where its footer says so.
        """
        for file in files:
            if file.size == 0:
                raise SourceFault(f"{file.path} is empty (0 bytes); export it again")
            if not _is_parquet(file.path) and not _is_csv(file.path):
                raise SourceFault(f"{file.path} is neither .parquet nor .csv; correct source.path")
            if _is_parquet(file.path):
                try:
                    pq.read_metadata(file.path)
                except UNREADABLE as error:
                    raise _fault(file.path, error) from error
        for file in files:
            rows = 0
            try:
                for batch in _parquet(file.path, categories) if _is_parquet(file.path) else _csv(file.path):
                    rows += batch.num_rows
                    yield file.path, batch
            except UNREADABLE as error:
                raise _fault(file.path, error, rows) from error

    def _refuse_links_out(self, paths: Iterable[Path]) -> None:
        if self._folder is None:
            return
        folder = self._folder.resolve()
        for path in paths:
            if not path.resolve().is_relative_to(folder):
                raise SourceFault(
                    f"{path} is a link that leads out of {self._folder}: put the file itself there, or set "
                    "source.follow_links to true"
                )

    def _manifest_of(self, day: dt.date) -> Path | None:
        return Path(self._manifest.replace(PLACEHOLDER, day.isoformat())) if self._manifest else None

    def _paths(self, day: dt.date) -> list[Path]:
        return sorted(path for path in map(Path, self._glob(day.isoformat())) if path.is_file())

    def _glob(self, day: str) -> list[str]:
        return glob.glob(self._pattern.replace(PLACEHOLDER, day), recursive=True)  # noqa: PTH207  # from the root


def _fixed_parts(template: str) -> Iterator[str]:
    """The folders of a template that are the same for every file."""
    return takewhile(lambda part: PLACEHOLDER not in part and not glob.has_magic(part), Path(template).parts[:-1])


def chunks(arrived: Iterable[SourceBatch], rows: int) -> Iterator[list[SourceBatch]]:
    """What is read one after the other, in chunks of `rows` rows for parallel work; the last may be shorter."""
    chunk: list[SourceBatch] = []
    room = rows
    for path, batch in arrived:
        start = 0
        while start < batch.num_rows:
            taken = batch.slice(start, room)
            chunk.append((path, taken))
            start += taken.num_rows
            room -= taken.num_rows
            if not room:
                yield chunk
                chunk, room = [], rows
    if chunk:
        yield chunk


def _is_parquet(path: Path) -> bool:
    return path.name.lower().endswith((".parquet", ".pq"))


def _is_csv(path: Path) -> bool:
    return path.name.lower().endswith((".csv", ".csv.gz"))


def _fault(path: Path, error: Exception, rows: int = 0) -> SourceFault:
    """The sentence for a file that cannot be read, of which `rows` rows came."""
    where = f", below row {rows}" if rows else ""
    reason = str(error) if isinstance(error, QuoteFault) else _reason(error)
    return SourceFault(f"{path} cannot be read ({reason}{where}); export it again")


def _reason(error: Exception) -> str:
    """What is wrong with a file, without a word of its content: a link may lead to a file that is no customer's."""
    message = str(error)
    if found := RAGGED.search(message):
        return f"a row has {found[2]} columns, not the {found[1]} of the heading"
    if found := NOT_UTF8.search(message):
        return f"column {int(found[1]) + 1} holds text that is not UTF-8"
    for mark, reason in REASONS.items():
        if mark in message:
            return reason
    if isinstance(error, UnicodeDecodeError):
        return "its heading is not UTF-8"
    if isinstance(error, OSError) and error.errno and error.strerror:
        return os.strerror(error.errno)
    return "its content is damaged, or of another kind than its name says"


def _parquet(path: Path, categories: Collection[str]) -> Iterator[pa.RecordBatch]:
    footer = pq.read_metadata(path)
    there = footer.schema.to_arrow_schema().names
    encoded = [name for name in categories if name in there]
    rows = 0
    with pq.ParquetFile(
        path,
        metadata=footer,
        pre_buffer=False,
        read_dictionary=encoded,
        coerce_int96_timestamp_unit="us",  # nanoseconds end in 2262, and an open end is often 9999
        page_checksum_verification=True,
    ) as file:
        for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
            rows += batch.num_rows
            yield batch
    if rows != footer.num_rows:
        raise SourceFault(f"{path} holds {rows} rows and its footer says {footer.num_rows}; export it again")


def _csv(path: Path) -> Iterator[pa.RecordBatch]:
    parsing = pacsv.ParseOptions(newlines_in_values=True)
    compression = "gzip" if path.suffix.lower() == ".gz" else None
    reading = pacsv.ReadOptions(block_size=BLOCK_BYTES)
    with (
        pa.input_stream(str(path), compression=compression) as file,
        pacsv.open_csv(file, parse_options=parsing, read_options=reading) as peek,
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
        pa.PythonFile(QuoteCheckedStream(file), mode="r") as checked,
        pacsv.open_csv(checked, parse_options=parsing, read_options=reading, convert_options=converting) as reader,
    ):
        yield from reader
