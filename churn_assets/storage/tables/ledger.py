"""Append-only records, such as promotions: a Delta table to which rows are only ever added."""

import logging
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from churn_assets.core.errors import RunError
from churn_assets.storage.digests import note_digests
from churn_assets.storage.files import fsync_file
from churn_assets.storage.layout import record_file
from churn_assets.storage.remote import Folder, as_folder, reason_of
from churn_assets.storage.tables.commit_files import (
    check_commits,
    commit_nothing,
    newest_commit,
    refuse_obstacles,
    sync_commits,
    unreadable,
)
from churn_assets.storage.tables.repair import cut_record

__all__ = ["Ledger"]

NUMBER = "record"  # the order of the records, whatever the clocks of their writers say
MARK = "record_mark"  # in the metadata of a record's commit
ATTEMPTS = 50
MANY_FILES = 32  # an append makes one; so many are made one, or each further record would cost more than the last
Row = dict[str, Any]
logger = logging.getLogger("churn_assets")


class Ledger:
    """Rows in the order in which they were recorded."""

    def __init__(self, root: Path | Folder, schema: pa.Schema) -> None:
        self.folder = as_folder(root)
        self.root = self.folder.path
        columns = [pa.field(field.name, field.type) for field in schema]
        self.schema = pa.schema([*columns, pa.field(NUMBER, pa.int64())])

    def rows(self) -> list[Row]:
        """Every record, oldest first.

        Raises:
            RunError: the log is torn, or a record cannot be read.
        """
        table = self._open()
        return [] if table is None else self._rows(table)

    def files(self) -> list[Path]:
        """The files that the records lie in now.

        Raises:
            RunError: the log is torn.
        """
        table = self._open()
        return [] if table is None else self._files(table)

    def append(self, make: Callable[[list[Row]], Row | None]) -> Row | None:
        """Record what `make` gives for the records so far; None records nothing.

        `make` is asked again when somebody else recorded something in the meantime, so what it
        decides holds at the moment its row is added.

        Raises:
            RunError: the log is torn, always busy, or the object store does not take the record.
        """
        mark, seen, row = uuid.uuid4().hex, None, None
        for attempt in range(ATTEMPTS):
            table = self._open_or_create()
            seen = table.version() if seen is None else seen
            if self._is_committed(table, seen, mark):
                return row
            so_far = self._rows(table)
            files, version = set(self._named(table)), table.version()
            row = make(so_far)
            if row is None:
                return None
            if not self._write(table, row | {NUMBER: len(so_far)}, mark, attempt):
                continue
            self._sync(table, version, files)
            try:
                self._tidy()
            except (DeltaError, RunError, pa.ArrowException, OSError):  # the record is made: the next one tidies
                logger.warning("%s: its files could not be made one", self.folder, exc_info=self.folder.store is None)
            return row
        raise RunError(f"{self.root.name}: busy {ATTEMPTS} times; try again")

    def interrupt(self, told: Mapping[str, str]) -> None:
        """Let whatever is being appended be decided anew, by a commit of what is `told` that adds nothing.

        What was decided on the records of before comes either before this commit, or is asked for again after it.

        Raises:
            RunError: the log is torn, always busy, or the object store does not take the commit.
        """
        for _ in range(ATTEMPTS):
            table = self._open()
            if table is None or commit_nothing(table, self.folder, told):  # who makes the first decides after that
                return
        raise RunError(f"{self.root.name}: busy {ATTEMPTS} times; try again")

    def _write(self, table: DeltaTable, row: Row, mark: str, attempt: int) -> bool:
        """Commit a record after the state of `table`; False where it is to be looked again what was recorded.

        The commit has a `mark`: one whose answer was lost is found by that, and not made again.

        Raises:
            RunError: the object store did not take it, and this was the last attempt.
        """
        try:
            write_deltalake(
                table,
                pa.Table.from_pylist([row], self.schema),
                mode="append",
                schema_mode="merge",  # columns that came later are null in earlier records
                commit_properties=CommitProperties(custom_metadata={MARK: mark}, max_commit_retries=0),
            )
        except CommitFailedError:
            return False
        except (DeltaError, OSError) as error:
            if self.folder.store is None:
                raise
            if attempt + 1 < self.folder.store.options.attempts:
                return False
            raise RunError(
                f"{self.folder}: whether this was recorded is not known ({reason_of(error)}): see that the object "
                "store can be reached, look, and try again"
            ) from None
        return True

    def _is_committed(self, table: DeltaTable, seen: int, mark: str) -> bool:
        """Whether one of the commits after number `seen` has this mark."""
        commits = table.history(table.version() - seen) if table.version() > seen else []
        return any(commit.get(MARK) == mark for commit in commits)

    def _tidy(self) -> None:
        """Make one file of many: the same rows, unless somebody recorded something in the meantime.

        Not by the library's own compaction: of two at once both are committed, and every record is there twice.
        """
        table = self._delta()
        before, version = set(self._named(table)), table.version()
        if len(before) < MANY_FILES:
            return
        with suppress(CommitFailedError):  # somebody else did it, or recorded something
            write_deltalake(
                table,
                self._recorded(table),
                mode="overwrite",
                schema_mode="merge",
                commit_properties=CommitProperties(max_commit_retries=0),
            )
            self._sync(table, version, before)

    def _sync(self, table: DeltaTable, seen: int, files: set[Path]) -> None:
        """Let the commits after number `seen` survive a power cut, and the files that are not among `files`."""
        new = sorted(set(self._named(table)) - files)
        if self.folder.store is None:  # which has them for good
            for path in new:
                fsync_file(path)
        note_digests(self.folder, new, as_stored=True)
        sync_commits(self.folder, range(seen + 1, table.version() + 1))

    def _open(self) -> DeltaTable | None:
        """The table as it stands, None where nothing was ever recorded.

        Raises:
            RunError: its log is torn.
        """
        try:
            table = self._delta()
        except TableNotFoundError:
            refuse_obstacles(self.folder)
            return None
        except (DeltaError, OSError, ValueError) as error:
            refuse_obstacles(self.folder)
            check_commits(self.folder, [newest_commit(self.root)])
            raise unreadable(self.folder, error) from self.folder.cause(error)
        check_commits(self.folder, [table.version()])
        return table

    def _open_or_create(self) -> DeltaTable:
        if (table := self._open()) is not None:
            return table
        with suppress(DeltaError):  # created by somebody else just now
            created = DeltaTable.create(
                self.folder.uri, schema=Schema.from_arrow(self.schema), storage_options=self.folder.storage_options
            )
            sync_commits(self.folder, [0])
            return created
        return self._delta()

    def _files(self, table: DeltaTable) -> list[Path]:
        return [self.folder.fetch(path.name) for path in self._named(table)]

    def _named(self, table: DeltaTable) -> list[Path]:
        """The same, whether they are here or not."""
        actions = pa.RecordBatchReader.from_stream(table.get_add_actions()).read_all()  # loads no pandas
        return [record_file(self.folder, path) for path in actions.column("path").to_pylist()]

    def _delta(self) -> DeltaTable:
        return DeltaTable(self.folder.uri, storage_options=self.folder.storage_options)

    def _rows(self, table: DeltaTable) -> list[Row]:
        """The records in order, without their numbers."""
        rows: list[Row] = self._recorded(table).drop_columns([NUMBER]).to_pylist()
        return rows

    def _recorded(self, table: DeltaTable) -> pa.Table:
        """Read file by file: Delta's own dataset reads through Python, from threads that may outlive the process."""
        try:
            parts = [pq.read_table(path, partitioning=None) for path in self._files(table)]
        except (pa.ArrowException, OSError) as error:
            if cut := cut_record(self.root):
                raise RunError(
                    f"{cut} is cut short, as a power cut leaves a record of which nobody was told: "
                    "`churn-assets repair` sets its commit aside"
                ) from error
            raise RunError(
                f"{self.folder}: a record cannot be read ({error}); restore the folder from a backup"
            ) from error
        recorded = pa.concat_tables([self.schema.empty_table(), *parts], promote_options="default")
        return recorded.sort_by(NUMBER)
