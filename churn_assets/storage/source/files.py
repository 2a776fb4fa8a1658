"""What the chain asks of a source, and where most customers come from: files."""

import datetime as dt
import glob
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

import pyarrow as pa

from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.days import DayTemplate
from churn_assets.core.errors import SourceFault, SourceMissing
from churn_assets.storage.source.access import closed_folder
from churn_assets.storage.source.reading import check_file, is_csv, read_file

__all__ = ["UNDATED", "FileSource", "Source", "SourceBatch", "SourceFile", "chunks"]

TOLD_OTHERWISE = "cannot be read as a manifest: empty, a number of rows, or a JSON object, in which it is `rows`"
UNDATED = (
    "the source is one export, as source.path holds no {snapshot_date}, or source.query no :snapshot_date: say with "
    "--date which day it stands for"
)
SUCCESS = "_SUCCESS"  # what Spark and Hadoop write last
NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class SourceFile:
    """One file of a snapshot, and what it was when it was read.

    Of a database it is the answer to a query: `path` names the database, `size` in bytes is not known, and `day` is the
    one that is asked for.
    """

    path: Path
    size: int | None
    modified_ns: int
    day: dt.date | None = None


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
        """No day it holds is earlier; None for an export without a date, or an empty source."""

    def has(self, day: dt.date) -> bool:
        """Whether it can give a snapshot of `day`."""

    def files(self, day: dt.date) -> list[SourceFile]:
        """The files of a snapshot, as they stand."""

    def expected_rows(self, day: dt.date) -> int | None:
        """How many rows whoever exported `day` counted, where that is told."""

    def dialect_of(self, path: Path) -> CsvDialect:
        """How the text cells of one of its files are written."""

    def digest(self, file: SourceFile) -> str | None:
        """The SHA-256 of a file's bytes; None where it has none."""

    def batches(self, files: Sequence[SourceFile], categories: Collection[str] = ()) -> Iterator[SourceBatch]:
        """Their rows, in order, a batch at a time; the columns `categories` dictionary-encoded, where they can be."""


class FileSource:
    """Parquet or CSV files found by a path template."""

    def __init__(
        self,
        template: str,
        base: Path,
        *,
        follow_links: bool = False,
        manifest: str = "",
        csv: CsvDialect | None = None,
        row_number: str = "",
    ) -> None:
        """Look for `template`, which may hold `{snapshot_date}` and wildcards; relative to `base`.

        A snapshot is there once its `manifest` is, a file such as `_SUCCESS` that the export writes last; it may hold
        the number of rows, alone or as `rows` of a JSON object.

        Links may lead out of the folder of the source only where `follow_links` says so: whoever may write there
        would choose which files of this machine are read.

        CSV files are read as `csv` says. Folders such as `country=DE` below the fixed part of the template are columns;
        `row_number` names one that counts the rows of an export, which may serve as a key where it has none.
        """
        self.template = os.path.normpath(base / template) if ".." in Path(template).parts else str(base / template)
        self._days = DayTemplate(self.template)
        self._fixed = Path(*_fixed_parts(self.template))
        self._folder = None if follow_links else self._fixed
        self._manifest = DayTemplate(str(base / manifest)) if manifest else None
        relative = self.template.removeprefix(f"{base}/")
        literal = "" if Path(relative).is_absolute() else f"{glob.escape(str(base))}/"
        self._pattern = DayTemplate(literal + relative)
        self._csv = csv or CsvDialect()
        self._row_number = row_number

    @property
    def dated(self) -> bool:
        """Whether the template holds `{snapshot_date}`."""
        return self._days.is_dated

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
        return sorted({day for path in self._glob(self._pattern.anywhere()) for day in self._days.days_in(path)})

    def has(self, day: dt.date) -> bool:
        """Whether there is a file for `day`, and its manifest, where there must be one."""
        manifest = self._manifest_of(day)
        return bool(self._paths(day)) and (manifest is None or manifest.is_file())

    def files(self, day: dt.date) -> list[SourceFile]:
        """The files of `day`, by name.

        Raises:
            SourceMissing: there is none, the export is not complete, or a folder of it is closed to this user.
            SourceFault: one is a link that leads out of the source's folder.
        """
        if closed := closed_folder(self._pattern.on(day)):
            raise SourceMissing(f"source: uid {os.getuid()} may not read {closed}, on the way to {day}; give it access")
        paths = self._paths(day)
        if not paths:
            folder = next(iter(self._glob(self._pattern.on(day))), None)
            missing = f"nothing for {day} at {self._days.on(day)}; export that day, or correct source.path"
            raise SourceMissing(
                f"source: {folder} is a folder; write {self.template}/* in source.path for the files in it"
                if folder and Path(folder).is_dir()
                else f"source: {missing}"
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
            check_file(file.path, file.size or 0)
        rows = 0
        for file in files:
            columns = self._folder_columns(file.path)
            for batch in read_file(file.path, self._csv, categories):
                widened = _with_columns(batch, columns)
                if self._row_number:
                    numbers = pa.array(range(rows + 1, rows + 1 + batch.num_rows), pa.int64())
                    widened = widened.append_column(self._row_number, numbers)
                rows += batch.num_rows
                yield file.path, widened

    def dialect_of(self, path: Path) -> CsvDialect:
        """How its text cells are written: as configured in a CSV file, plainly in Parquet."""
        return self._csv if is_csv(path) else CsvDialect()

    def digest(self, file: SourceFile) -> str:
        """The SHA-256 of its bytes."""
        with file.path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()

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

    def _folder_columns(self, path: Path) -> dict[str, str | None]:
        """The columns that the folders of a file name, as Hive and Spark write them; the day is none of them."""
        fixed = len(self._fixed.parts)
        dated = {part.partition("=")[0] for part in Path(self.template).parts if DayTemplate(part).is_dated}
        named = (part.partition("=") for part in path.parts[fixed:-1] if "=" in part)
        return {key: None if value == NO_PARTITION else unquote(value) for key, _, value in named if key not in dated}

    def _manifest_of(self, day: dt.date) -> Path | None:
        return Path(self._manifest.on(day)) if self._manifest else None

    def _paths(self, day: dt.date) -> list[Path]:
        """The files of a day; none that is marked as no data, and no empty part of a job that Spark calls a success."""
        named = Path(self.template).name.startswith("_")
        paths = sorted(path for path in map(Path, self._glob(self._pattern.on(day))) if path.is_file())
        return [path for path in paths if (named or not path.name.startswith("_")) and not _is_empty_part(path)]

    def _glob(self, pattern: str) -> list[str]:
        return glob.glob(pattern, recursive=True)  # noqa: PTH207  # from the root


def _fixed_parts(template: str) -> Iterator[str]:
    """The folders of a template that are the same for every file."""
    parts = Path(template).parts[:-1]
    return takewhile(lambda part: not DayTemplate(part).is_dated and not glob.has_magic(part), parts)


def _is_empty_part(path: Path) -> bool:
    """Whether Spark left it: a task without rows writes a file of no bytes, and the job `_SUCCESS` beside it."""
    return is_csv(path) and path.stat().st_size == 0 and (path.parent / SUCCESS).is_file()


def _with_columns(batch: pa.RecordBatch, columns: dict[str, str | None]) -> pa.RecordBatch:
    """The batch with a column of one value for each of `columns` that it does not hold itself."""
    for name, value in columns.items():
        if name not in batch.schema.names:
            batch = batch.append_column(name, pa.repeat(pa.scalar(value, pa.string()), batch.num_rows))
    return batch


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
