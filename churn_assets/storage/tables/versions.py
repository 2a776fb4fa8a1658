"""Partition versions as files: those that are published, and those that no reader sees yet."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pyarrow as pa

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.storage.layout import part_name
from churn_assets.storage.tables.parquet import (
    as_today,
    count_rows,
    damaged,
    digest_files,
    open_part,
    read_batches,
    read_key,
)

__all__ = ["PartitionVersion", "Published", "Staged", "parts_of"]


@dataclass(frozen=True)
class PartitionVersion:
    """An immutable set of Parquet files; `columns` are those of its table today, where they are known."""

    day: dt.date
    version: str
    files: tuple[Path, ...]
    columns: pa.Schema | None = field(default=None, compare=False, repr=False)

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return sum(count_rows(path) for path in self.files)

    @property
    def schema(self) -> pa.Schema:
        """Its columns, as they are stored."""
        with open_part(self.files[0]) as file:
            return file.schema_arrow.remove_metadata()

    @property
    def parts(self) -> range:
        """The numbers of its files."""
        return range(len(self.files))

    def batches(
        self, columns: Sequence[str] | None = None, *, part: int | None = None, categories: Sequence[str] = ()
    ) -> Iterator[pa.Table]:
        """Its rows, or those of one part, in order, in tables of at most 131,072 rows.

        Text columns named in `categories` come dictionary-encoded, as they are stored.
        """
        files = self.files if part is None else [self.files[part]]
        return read_batches(files, columns, categories, schema=self.columns)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All its rows at once; every column may hold nulls by the table's schema, as in `batches`.

        Raises:
            DamagedVersion: a file is missing, or not what was written.
        """
        return pa.concat_tables(self._read_part(path, columns) for path in self.files)

    def verified(self) -> Self:
        """The same, after its bytes were found to be those that its name is the digest of.

        Raises:
            DamagedVersion: they are others, or cannot be read.
        """
        try:
            digest = digest_files(self.files)
        except OSError as error:
            raise damaged(self.files[0], f"{error.filename} cannot be read: {error.strerror}") from error
        if digest != self.version:
            raise damaged(self.files[0], f"its files have the digest {digest}")
        return self

    def _read_part(self, path: Path, columns: Sequence[str] | None) -> pa.Table:
        with open_part(path) as file:
            rows = file.read(columns and list(columns))
            return as_today(pa.Table.from_arrays(rows.columns, names=rows.column_names), columns, self.columns)


@dataclass(frozen=True)
class Staged:
    """Files of a version that no reader sees yet; `schema` is that of their rows."""

    day: dt.date
    version: str
    folder: Path
    schema: pa.Schema

    def rows_by(self, key: str) -> int:
        """How many rows can be read back, by the ids in the files; the other columns are read by what follows.

        Raises:
            DamagedVersion: a page is not what its checksum says, or the ids are not where the footers say.
        """
        rows, last = 0, None
        for span in ordered_map(lambda path: read_key(path, key), parts_of(self.folder)):
            if span.first is not None and last is not None and span.first < last:
                raise damaged(span.path, "its ids begin below the last of the part before it")
            rows, last = rows + span.rows, last if span.last is None else span.last
        return rows


@dataclass(frozen=True)
class Published:
    """The version that is current now, and whether a commit was needed for it."""

    version: str
    changed: bool


def parts_of(folder: Path) -> list[Path]:
    """The files of a version, in order; none where the folder, or one of them, is not there."""
    there = {path.name: path for path in folder.glob("part-*.parquet")}
    names = [part_name(number) for number in range(len(there))]
    return [there[name] for name in names] if there.keys() == set(names) else []
