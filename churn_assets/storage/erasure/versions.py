"""A customer's rows in everything that is stored of a table, and versions rewritten without them.

Every access to stored files that an erasure makes beside the table's own stands here.
"""

import datetime as dt
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.errors import DamagedVersion
from churn_assets.storage.digests import note_digests
from churn_assets.storage.erasure.rewritten import Rewritten, RewrittenVersions
from churn_assets.storage.files import fsync_file, fsync_folder, replace_text
from churn_assets.storage.layout import (
    EXPIRED,
    STAGING,
    feature_counts_file,
    lookup_folder,
    part_name,
    report_file,
    stored_lookups,
    stored_versions,
    version_folder,
)
from churn_assets.storage.lookup.format import CARD as LOOKUP_CARD
from churn_assets.storage.lookup.writer import write_staged_lookup
from churn_assets.storage.remote import Folder
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.parquet import (
    as_filled,
    as_key,
    count_rows,
    damaged,
    open_part,
    read_batches,
    write_part,
)
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import parts_of

__all__ = ["Standing", "StoredTable", "remove_abandoned"]

ABANDONED_SECONDS = 3600  # nobody works so long on a part without a new file beside it


@dataclass(frozen=True)
class Standing:
    """Where a customer stands: a stored version of a table, and how many of their rows each of its parts holds."""

    table: str
    day: dt.date
    version: str
    rows: tuple[int, ...]
    is_current: bool


class StoredTable:
    """Everything that is stored of one table: versions that are current, were, or never became it."""

    def __init__(self, root: Folder, keys: Sequence[str]) -> None:
        """The table at `root`, whose customers are named by the first of the columns `keys` that it has."""
        self.table = Table(root)
        self.names = RewrittenVersions(root)
        self._keys = keys

    def standings(self, customer: str) -> Iterator[Standing | DamagedVersion]:
        """Where a customer stands, and what cannot be read; of a file only the row groups that can hold them are read.

        Versions that were rewritten and wait to be removed come without rows.
        """
        versions, current = stored_versions(self.table.folder), self.table.versions()
        self.names.refresh()
        rest = []
        for day, version in versions:
            if self._is_rewritten(day, version):
                yield Standing(self.table.name, day, version, (), is_current=False)
            else:
                rest.append((day, version))

        def look(at: tuple[dt.date, str]) -> Standing | DamagedVersion | None:
            try:
                rows = tuple(_rows_in(path, self._keys, customer) for path in self._parts(*at))
            except DamagedVersion as error:
                return error
            return Standing(self.table.name, *at, rows, is_current=current.get(at[0]) == at[1]) if any(rows) else None

        yield from (found for found in ordered_map(look, rest) if found is not None)

    def rewrite(self, standing: Standing, customer: str) -> Rewritten:
        """Make the version without the customer, beside the one with them; no reader meets it yet.

        Its other parts are the same files, its lookup is made anew, and what was counted of it goes on as it was.
        """
        day, old = standing.day, standing.version
        parts = self._parts(day, old)

        def write(folder: Path) -> None:
            for number, (path, rows) in enumerate(zip(parts, standing.rows, strict=True)):
                if rows:
                    _write_without(path, folder, number, self._keys, customer)
                else:
                    _link(path, folder / path.name)

        staged = self.table.stage(day, pa.schema([]), write)
        new = staged.version
        rows = tuple(count_rows(path) for path in parts_of(staged.folder))
        if self._has_lookup(day, old):
            write_staged_lookup(self.table.folder, staged)
        self.table.place(staged)
        return Rewritten(day, old, new, sum(standing.rows), rows)

    def settle(self, rewritten: Sequence[Standing], commit: Commit) -> None:
        """Let the log name what the versions became where they were current, and remove them.

        What was counted of them goes on under their new names: it tells of no customer. Who has a file of one open
        reads on.

        Raises:
            PartitionConflict: the table is too busy.
        """
        self.names.refresh()
        for each in rewritten:
            found = self.names.find(each.day, each.version)
            if found is None:
                continue
            self._carry_reports(each.day, each.version, found.new)
            made = next(self.table.backwards(each.day), None)
            as_made = replace(commit, model_version=made.commit.model_version if made else "")
            self.table.republish(each.day, each.version, found.new, as_made)
            self._remove(each.day, each.version)

    def _carry_reports(self, day: dt.date, old: str, new: str) -> None:
        for path, target in zip(_beside(day, old), _beside(day, new), strict=True):
            source, final = self.table.folder.fetch(path), self.table.root / target
            if source.exists():
                replace_text(final, self.names.renamed_text(source.read_text("utf-8")))
                note_digests(self.table.folder, [final])
                self.table.folder.push([final], replace=True)

    def _remove(self, day: dt.date, version: str) -> None:
        self._remove_folder(lookup_folder(day, version))
        self.table.folder.delete(_beside(day, version))
        self._remove_folder(version_folder(day, version))  # last: by it the next attempt finds what a killed one left
        fsync_folder((self.table.root / version_folder(day, version)).parent)

    def _remove_folder(self, name: str) -> None:
        folder = self.table.folder
        folder.delete(f"{name}/{each}" for each in folder.listed(name))
        if (folder / name).exists():
            shutil.rmtree(folder / name)

    def remove_lookups(self) -> None:
        """Remove lookups of versions that are not there, unless they are being made."""
        folder = self.table.folder
        for lost in set(stored_lookups(folder)) - set(stored_versions(folder)):
            name = lookup_folder(*lost)
            pushed = folder.stamp(f"{name}/{LOOKUP_CARD}")
            if _is_abandoned(folder / name, pushed[1] / 1e9 if pushed else 0.0):
                self._remove_folder(name)

    def _has_lookup(self, day: dt.date, version: str) -> bool:
        name = lookup_folder(day, version)
        return (self.table.root / name).is_dir() or bool(self.table.folder.listed(name))

    def _parts(self, day: dt.date, version: str) -> list[Path]:
        folder = self.table.folder.fetch_folder(version_folder(day, version))
        parts = parts_of(folder)
        if not parts and any(folder.glob("*.parquet")):
            raise damaged(folder / part_name(0), "parts of it are missing")
        return parts

    def _is_rewritten(self, day: dt.date, version: str) -> bool:
        """Whether what a version became is there; a record alone, from a copied folder say, is not enough."""
        new = self.names.resolve(day, version)
        return new != version and bool(parts_of(self.table.folder.fetch_folder(version_folder(day, new))))


def remove_abandoned(root: Folder) -> int:
    """Remove what killed writers left in the staging folder below `root`; how many folders are too young to tell.

    They hold whoever was in the day that was being made, whole or torn. What an expiry has set aside goes with it.
    """
    young = sum(path.is_file() for path in (root / EXPIRED).rglob("*"))
    for folder in (root / STAGING).glob("*"):
        with suppress(FileNotFoundError):
            if _is_abandoned(folder):
                shutil.rmtree(folder)
            else:
                young += 1
    return young


def _is_abandoned(folder: Path, pushed: float = 0.0) -> bool:
    there = [path for path in [folder, *folder.rglob("*")] if path.exists()]
    newest = max((path.stat().st_mtime for path in there), default=pushed)
    return time.time() - newest > ABANDONED_SECONDS


def _beside(day: dt.date, version: str) -> Iterator[str]:
    """The files that tell of a version in aggregates, from its table's root."""
    yield feature_counts_file(day, version)
    yield from (report_file(day, version, suffix) for suffix in ("json", "svg", "md"))


def _rows_in(path: Path, keys: Sequence[str], customer: str) -> int:
    """How many rows of a file are the customer's: by the footer's bounds, and the ids of the row groups within them."""
    rows = 0
    with open_part(path) as file:
        key = _key_of(file.schema_arrow, keys)
        if key is None:
            return 0
        at = file.schema_arrow.get_field_index(key)
        wanted = as_key(customer, file.schema_arrow.field(at).type)
        if wanted is None:
            return 0
        for number in range(file.num_row_groups):
            bounds = file.metadata.row_group(number).column(at).statistics
            if bounds is None or not bounds.has_min_max or bounds.min <= wanted <= bounds.max:
                ids = file.read_row_group(number, [key], use_threads=False).column(key)
                rows += pc.sum(pc.equal(ids, pa.scalar(wanted, ids.type))).as_py() or 0
    return rows


def _write_without(path: Path, folder: Path, number: int, keys: Sequence[str], customer: str) -> None:
    """Write a part without the customer's rows, as it would have been written had they never been there."""
    with open_part(path) as file:
        schema = file.schema_arrow.remove_metadata()
        group_rows = file.metadata.row_group(0).num_rows if file.num_row_groups > 1 else None
    key = _key_of(schema, keys)
    if key is None:
        raise DamagedVersion(f"{path} has no column {' or '.join(keys)}: no customer can be found in it")
    wanted = pa.scalar(as_key(customer, schema.field(key).type), schema.field(key).type)

    before = list(read_batches([path]))
    optional = [field.name for field in schema if field.nullable]
    is_filled = all(any(rows.column(name).null_count for rows in before) for name in optional)
    after = [rows.filter(pc.fill_null(pc.not_equal(rows.column(key), wanted), True)) for rows in before]  # noqa: FBT003  # a value
    write_part(folder, number, as_filled(schema, after) if is_filled else schema, key, after, group_rows=group_rows)


def _key_of(schema: pa.Schema, keys: Sequence[str]) -> str | None:
    return next((key for key in keys if key in schema.names), None)


def _link(path: Path, target: Path) -> None:
    """The same file under another name, without a copy where the file system can."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copy2(path, target)
        fsync_file(target)
