"""One class for every partitioned table: write, audit, publish; roll back; read.

A partition version is a folder of Parquet files that never changes; which one is current is a
Delta commit. Commits are a compare-and-swap: the partition must still be as its writer found it.
"""

import datetime as dt
import errno
import json
import random
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError

from churn_assets.core.errors import (
    ExpiredVersion,
    PartitionConflict,
    PartitionMissing,
    RunError,
    SchemaChanged,
    UnknownVersion,
)
from churn_assets.core.table_schemas import SNAPSHOT_DATE
from churn_assets.storage.expirations import REMOVAL, Expirations, version_name
from churn_assets.storage.files import fsync_folder
from churn_assets.storage.layout import STAGING, version_folder
from churn_assets.storage.remote import Folder, as_folder
from churn_assets.storage.tables.commit_files import commit_nothing, commit_partition, sync_commits
from churn_assets.storage.tables.commits import Commit, Event, commit_metadata, version_before
from churn_assets.storage.tables.delta_log import DeltaLog
from churn_assets.storage.tables.parquet import count_rows, digest_files, write_parts
from churn_assets.storage.tables.versions import PartitionVersion, Published, Staged, parts_of

__all__ = ["COMMIT_ATTEMPTS", "Table"]

ROLLBACK_ADVICE = "correct the day's export and run it again, or name one of `churn-assets scores history` with --to"
STALE_SECONDS = 24 * 3600
COMMIT_ATTEMPTS = 200
CONFIGURATION = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.deletedFileRetentionDuration": "interval 90 days",
}


class Table:
    """A Delta table of immutable partition versions, one of which is current for each day."""

    def __init__(self, root: Path | Folder) -> None:
        self.folder = as_folder(root)
        self.root = self.folder.path
        self.name = self.root.name
        self._log = DeltaLog(self.folder)

    def days(self) -> list[dt.date]:
        """The days that have a current version, in order."""
        return sorted(self._log.refresh().files())

    def columns(self) -> pa.Schema | None:
        """Its columns but the partition's, None where it was never made."""
        return self._log.refresh().columns()

    def rows(self) -> int:
        """How many rows all current partitions hold."""
        return self._log.refresh().rows()

    def current(self, day: dt.date) -> str | None:
        """The current version of `day`, None where it was never published."""
        return self._log.refresh().current(day)

    def versions(self) -> dict[dt.date, str]:
        """The current version of each day that has one."""
        log = self._log.refresh()
        return {day: version for day in log.files() if (version := log.current(day))}

    def version(self, day: dt.date, version: str | None = None) -> PartitionVersion:
        """A version of `day`, the current one where none is named.

        Raises:
            PartitionMissing: the day was never published.
            UnknownVersion: the named version does not exist, or its files are gone; `ExpiredVersion` by an expiry.
        """
        log = self._log.refresh()
        chosen = log.resolve(day, version) if version else log.current(day)
        if chosen is None:
            raise PartitionMissing(f"{self.name} has no partition {day}; `churn-assets run --date {day}` makes it")
        files = parts_of(self.folder.fetch_folder(version_folder(day, chosen)))
        if not files or (version is None and len(files) != len(log.files()[day])):
            raise self._missing(day, chosen)
        return PartitionVersion(day, chosen, tuple(files), log.columns())

    def current_files(self, day: dt.date) -> list[str]:
        """The files of a day's current version, in order, by their names from the root; they may not be here."""
        files = sorted(self._log.refresh().files().get(day, []), key=lambda file: file.number)
        return [file.path.relative_to(self.root).as_posix() for file in files]

    def events(self) -> dict[dt.date, list[Event]]:
        """Every commit of every day, oldest first; reads all of the log."""
        return self._log.refresh().events()

    def newest(self, days: Iterable[dt.date]) -> dict[dt.date, Event]:
        """The newest commit of each of `days` that was ever published; the log is read as far back as they lie."""
        return self._log.refresh().newest(days)

    def backwards(self, day: dt.date) -> Iterator[Event]:
        """Every commit of `day` but erasures, newest first; the log is read as far back as the caller goes."""
        return self._log.refresh().backwards(day)

    def history(self, day: dt.date, *, erasures: bool = False) -> list[Event]:
        """Every commit of `day`, oldest first; erasures where they are asked for."""
        return list(self._log.refresh().backwards(day, erasures=erasures))[::-1]

    def resolve(self, day: dt.date, version: str) -> str:
        """The name that a version of `day` has now: another one where an erasure rewrote it."""
        return self._log.refresh().resolve(day, version)

    def follow_erasures(self) -> bool:
        """Read what erasures have rewritten since, also of other tables; whether there was anything.

        Of an object store that is else asked only where this table has a new commit.
        """
        return self._log.follow_erasures()

    def write(self, day: dt.date, schema: pa.Schema, key: str, batches: Iterable[pa.Table]) -> Staged:
        """Write a version where no reader looks; `discard` or `publish` it."""
        return self.stage(day, schema, lambda folder: write_parts(folder, schema, key, batches))

    def stage(self, day: dt.date, schema: pa.Schema, write: Callable[[Path], object]) -> Staged:
        """Let `write` fill a folder with the parts of a version where no reader looks; `discard` or `publish` it."""
        folder = self._new_folder()
        try:
            write(folder)
            fsync_folder(folder)
            return Staged(day, digest_files(parts_of(folder)), folder, schema)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for what is needed only while a version is made; removed afterwards."""
        folder = self._new_folder()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def discard(self, staged: Staged) -> None:
        """Remove what failed its audit."""
        shutil.rmtree(staged.folder, ignore_errors=True)

    def publish(self, staged: Staged, expected: str | None, commit: Commit) -> Published:
        """Make `staged` the current version of its day, in one commit.

        Args:
            staged: audited files.
            expected: the version that was current when the work began, None for none.
            commit: goes into the commit's metadata.

        Raises:
            PartitionConflict: another version became current in the meantime.
            SchemaChanged: the table has other columns.
        """
        self._refuse_other_columns(self._open_or_create(staged.schema), staged.schema)
        self._refuse_rewritten(staged, commit)
        self.place(staged)
        return self._commit(staged.day, staged.version, expected, commit, staged.schema)

    def place(self, staged: Staged) -> None:
        """Move `staged` to the name of its version, safe against a power cut; current only by a commit."""
        final = self.root / version_folder(staged.day, staged.version)
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            staged.folder.rename(final)
        except OSError as error:
            if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
                raise
            if digest_files(parts_of(final)) == staged.version:  # the same content was written before
                self.discard(staged)
            else:  # it was damaged since: what is staged takes its place
                final.rename(staged.folder.with_name(uuid.uuid4().hex))
                staged.folder.rename(final)
        fsync_folder(final.parent)
        fsync_folder(self.root)  # the partition's name in it: a commit names files that a power cut leaves in place
        self.folder.push_folder(version_folder(staged.day, staged.version))

    def republish(self, day: dt.date, old: str, new: str, commit: Commit) -> bool:
        """Let the log name `new` where it names `old`, which was rewritten; False where it names another by now."""
        files = parts_of(self.folder.fetch_folder(version_folder(day, new)))
        metadata = commit_metadata(day, new, sum(count_rows(path) for path in files), commit)
        for attempt in range(COMMIT_ATTEMPTS):
            table = self._existing()
            if self._log.stored(day) != {old}:  # or it is done, and only the answer was lost
                return attempt > 0 and self._log.stored(day) == {new}
            if commit_partition(table, self.folder, day, files, metadata, attempt):
                return True
            _wait()
        raise PartitionConflict(f"{self.name} {day}: the table was busy {COMMIT_ATTEMPTS} times; erase again")

    def rollback(self, day: dt.date, to: str | None, commit: Commit) -> tuple[str, str]:
        """Make an earlier version current again, without rewriting it.

        Returns:
            The version that was current, and the one that is now.

        Raises:
            UnknownVersion: there is no earlier version, or `to` was never published on `day`.
            DamagedVersion: its files are not what was published.
        """
        before, target = self.rollback_target(day, to)
        self.version(day, target).verified()
        self._commit(day, target, before, commit)
        return before, target

    def rollback_target(self, day: dt.date, to: str | None = None) -> tuple[str, str]:
        """The current version of `day` and the one a rollback would go to; moves nothing.

        Raises:
            UnknownVersion: as `rollback`.
        """
        where = f"{self.name} {day}"
        events = self.history(day)
        current = self.current(day)
        if current is None:
            raise UnknownVersion(f"{where} was never published: there is nothing to roll back")
        target = version_before(events, where, ROLLBACK_ADVICE) if to is None else self.resolve(day, to)
        published = [event for event in events if event.version == target]
        if not published:
            raise UnknownVersion(f"{where}: no version {target}; `churn-assets scores history --date {day}` lists them")
        if target == current:
            raise UnknownVersion(f"{where}: version {target} is current already")
        if self.version(day, target).rows != published[-1].rows:
            raise self._missing(day, target)
        return current, target

    def release(self, versions: Iterable[tuple[dt.date, str]], actor: str) -> list[tuple[dt.date, str]]:
        """Those of `versions` that are not current, and that no commit can make current any more.

        To be asked once their files are where no reader looks, and before they are removed. The answer is a commit
        that adds and removes nothing: a writer looks for its files at the state that its commit builds on, so either
        this commit comes first, and the writer finds none, or the writer's does, and the version is current here.
        """
        asked = list(versions)
        for _ in range(COMMIT_ATTEMPTS):
            table = self._existing()
            free = [(day, version) for day, version in asked if self._log.current(day) != version]
            if not free:
                return []
            told = {"kind": "expire", "actor": actor, "versions": json.dumps([f"{day}/{each}" for day, each in free])}
            if commit_nothing(table, self.folder, told):
                return free
            _wait()
        raise PartitionConflict(f"{self.name}: the table was busy {COMMIT_ATTEMPTS} times; try again")

    def _missing(self, day: dt.date, version: str) -> UnknownVersion:
        """The sentence for a version whose files are not there: on purpose, or not."""
        expired = (
            Expirations(Folder(self.root.parent, self.folder.store)).versions(self.name).get(version_name(day, version))
        )
        if expired is not None:
            return ExpiredVersion(
                f"{self.name} {day}: version {version} expired on {expired:%Y-%m-%d}, its files are gone: name a newer "
                f"one (`churn-assets scores history --date {day}`), or restore it from a backup"
            )
        return UnknownVersion(f"{self.name} {day}: files of version {version} are missing; restore them from a backup")

    def _commit(
        self, day: dt.date, version: str, expected: str | None, commit: Commit, schema: pa.Schema | None = None
    ) -> Published:
        files = self.version(day, version).files
        rows = sum(count_rows(path) for path in files)
        for attempt in range(COMMIT_ATTEMPTS):
            table = self._existing()
            if schema is not None:  # a migration may have come in between
                self._refuse_other_columns(table, schema)
            current = self._log.current(day)
            if current == version and self._repeats_newest(day, commit):
                return Published(version, changed=attempt > 0)
            if current not in {expected, version}:
                raise PartitionConflict(
                    f"{self.name} {day}: version {current} was published while {version} was being made from "
                    f"{expected or 'nothing'}; nothing was published: run the day again"
                )
            self._refuse_expired(day, version, files)
            metadata = commit_metadata(day, version, rows, commit, is_first=current is None)
            if commit_partition(table, self.folder, day, files, metadata, attempt):
                return Published(version, changed=current != version)
            _wait()  # somebody committed to the table: look again
        raise PartitionConflict(f"{self.name} {day}: the table was busy {COMMIT_ATTEMPTS} times; run the day again")

    def _refuse_expired(self, day: dt.date, version: str, files: Iterable[Path]) -> None:
        """Refuse to commit a version that an expiry took since its files were placed, or may be taking now.

        In an object store nothing is taken away at once, but what is to go is recorded before `release` is asked.
        Either its commit comes first, and this one, tried again, finds the record; or it finds the version current.
        """
        store = self.folder.store
        if store is None:
            if any(not path.is_file() for path in files):
                raise self._missing(day, version)
            return
        expired = Expirations(Folder(self.root.parent, store)).versions(self.name).get(version_name(day, version))
        if expired is not None and (until := expired + REMOVAL) > dt.datetime.now(dt.UTC):
            raise PartitionConflict(
                f"{self.name} {day}: version {version} has expired and is being removed; nothing was published: run it "
                f"again after {until:%Y-%m-%d %H:%M} UTC"
            )
        there = self.folder.listed(version_folder(day, version))
        if any(there.get(path.name) != path.stat().st_size for path in files):
            raise self._missing(day, version)

    def _repeats_newest(self, day: dt.date, commit: Commit) -> bool:
        """Whether the newest commit of `day` names the same model and inputs as `commit` would."""
        newest = next(self._log.backwards(day), None)
        if newest is None or newest.version != self._log.current(day):  # another program made it current
            return False
        details = json.loads(json.dumps(commit.details, default=str))
        return (newest.commit.model_version, newest.commit.details) == (commit.model_version, details)

    def _existing(self) -> DeltaTable:
        table = self._log.refresh().table
        if table is None:
            raise RunError(f"{self.folder} is no longer there; restore the folder")
        return table

    def _open_or_create(self, schema: pa.Schema) -> DeltaTable:
        table = self._log.refresh().table
        if table is not None:
            return table
        columns = pa.schema([pa.field(SNAPSHOT_DATE, pa.date32()), *_plain(schema)])
        with suppress(CommitFailedError):  # created by somebody else just now
            DeltaTable.create(
                self.folder.uri,
                schema=Schema.from_arrow(columns),
                mode="ignore",
                partition_by=[SNAPSHOT_DATE],
                configuration=CONFIGURATION,
                commit_properties=CommitProperties(max_commit_retries=0),
                storage_options=self.folder.storage_options,
            )
        sync_commits(self.folder, [0])
        return self._existing()

    def _refuse_other_columns(self, table: DeltaTable, schema: pa.Schema) -> None:
        there = {field.name: str(field.type) for field in pa.schema(table.schema().to_arrow())}
        there.pop(SNAPSHOT_DATE)
        written = {field.name: str(field.type) for field in _plain(schema)}
        if there == written:
            return
        differing = [
            f"{name} is {there.get(name, 'absent')} in the table and {written.get(name, 'absent')} now"
            for name in sorted(there.keys() | written.keys())
            if there.get(name) != written.get(name)
        ]
        raise SchemaChanged(
            f"{self.name}: {'; '.join(differing)}; nothing was published: undo the profile's change, or move the "
            "tables to it with `churn-assets migrate --reason TEXT`"
        )

    def _refuse_rewritten(self, staged: Staged, commit: Commit) -> None:
        log = self._log.refresh()
        if log.rewritten_names(commit.details) or log.resolve(staged.day, staged.version) != staged.version:
            raise PartitionConflict(
                f"{self.name} {staged.day}: a customer was erased from what {staged.version} was made of; nothing was "
                "published: run the day again"
            )

    def _new_folder(self) -> Path:
        folder = self.root / STAGING / uuid.uuid4().hex
        self._clear_stale_staging()
        folder.mkdir(parents=True)
        return folder

    def _clear_stale_staging(self) -> None:
        for folder in (self.root / STAGING).glob("*"):
            with suppress(FileNotFoundError):  # published or discarded meanwhile
                if time.time() - folder.stat().st_mtime > STALE_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)


def _wait() -> None:
    time.sleep(random.uniform(0.001, 0.02))  # noqa: S311  # spreads retries, guards nothing


def _plain(schema: pa.Schema) -> list[pa.Field]:
    return [pa.field(field.name, field.type) for field in schema]
