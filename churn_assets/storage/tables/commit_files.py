"""The commit files of a Delta log: compared and swapped, on disk before anybody is told, refused where one is torn.

The library writes a commit and leaves it to the operating system when it reaches the disk. A cut can leave the newest
file empty, which the library reads as the state before; so a file is synced before its commit is acknowledged, and one
that holds no commit is refused instead of being passed over.
"""

import datetime as dt
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from churn_assets.core.errors import RunError
from churn_assets.core.table_schemas import SNAPSHOT_DATE
from churn_assets.storage.digests import note_digests
from churn_assets.storage.files import fsync_file, fsync_folder
from churn_assets.storage.remote import Folder, as_folder, reason_of
from churn_assets.storage.tables.parquet import count_rows

__all__ = [
    "HINT",
    "LOG",
    "add_action",
    "check_commits",
    "commit_actions",
    "commit_fault",
    "commit_file",
    "commit_nothing",
    "commit_numbers",
    "commit_partition",
    "newest_commit",
    "refuse_obstacles",
    "sync_commits",
    "unreadable",
]

LOG = "_delta_log"
HINT = "_last_checkpoint"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
REASON_LENGTH = 200


def commit_file(root: Path, number: int) -> Path:
    """The file of a commit of the table below `root`."""
    return root / LOG / f"{number:020}.json"


def commit_numbers(root: Path) -> list[int]:
    """The numbers of the commit files that are there, in order."""
    return sorted(int(path.stem) for path in (root / LOG).glob("*.json") if path.stem.isdecimal())


def newest_commit(root: Path) -> int:
    """The number of the newest commit file, -1 where there is none."""
    return max(commit_numbers(root), default=-1)


def commit_partition(
    table: DeltaTable, root: Folder, day: dt.date, files: Sequence[Path], metadata: Mapping[str, str], attempt: int
) -> bool:
    """Make `files` all that the partition of `day` holds, in one commit.

    False where it is to be looked again: somebody committed meanwhile, or an object store gave no answer.

    Raises:
        RunError: it gave none, and this was the last `attempt`, counted from 0.
    """
    adds: list[AddAction | RemoveAction] = [add_action(root.path, day, path) for path in files]
    return commit_actions(table, root, adds, metadata, attempt, only=day.isoformat())


def commit_actions(  # what a commit is
    table: DeltaTable,
    root: Folder,
    adds: Sequence[AddAction | RemoveAction],
    metadata: Mapping[str, str],
    attempt: int,
    *,
    only: str | None,
    schema: Schema | None = None,
) -> bool:
    """Make `adds` all that a table holds, or the partition of the one day `only`, in one commit; else as above.

    The table's columns become those of `schema` where it is given.
    """
    before = table.version()
    try:
        table.create_write_transaction(
            list(adds),
            mode="overwrite",
            schema=schema or table.schema(),
            partition_by=[SNAPSHOT_DATE],
            partition_filters=None if only is None else [(SNAPSHOT_DATE, "=", only)],
            commit_properties=CommitProperties(custom_metadata=dict(metadata), max_commit_retries=0),
        )
    except CommitFailedError:
        return False
    except (DeltaError, OSError) as error:
        if root.store is None:
            raise
        if attempt + 1 < root.store.options.attempts:
            return False
        day = f" {metadata[SNAPSHOT_DATE]}" if SNAPSHOT_DATE in metadata else ""
        raise RunError(
            f"{root}{day}: whether {metadata.get('version_id', 'the change')} was published is not known "
            f"({reason_of(error)}): see that the object store can be reached, and run {'the day' if day else 'it'} "
            "again"
        ) from None
    sync_commits(root, _commits_since(root, before))
    return True


def commit_nothing(table: DeltaTable, root: Folder, metadata: Mapping[str, str]) -> bool:
    """Commit `metadata` alone: no file comes or goes; False where somebody committed meanwhile.

    Raises:
        RunError: an object store did not answer.
    """
    before = table.version()
    try:
        table.create_write_transaction(
            [],
            mode="append",
            schema=table.schema(),
            partition_by=table.metadata().partition_columns,
            commit_properties=CommitProperties(custom_metadata=dict(metadata), max_commit_retries=0),
        )
    except CommitFailedError:
        return False
    except (DeltaError, OSError) as error:
        if root.store is None:
            raise
        raise RunError(
            f"{root}: what was to go was not committed ({reason_of(error)}): see that the object store can be reached, "
            "and run it again"
        ) from None
    sync_commits(root, _commits_since(root, before))
    return True


def _commits_since(root: Folder, before: int) -> range:
    """The numbers of the commits after number `before`, of which the first is ours."""
    newest = newest_commit(root.path) if root.store is None else before + 1
    return range(before + 1, newest + 1)


def add_action(root: Path, day: dt.date, path: Path) -> AddAction:
    """A file of a partition version as a commit of the table below `root` names it."""
    status = path.stat()
    return AddAction(
        path=path.relative_to(root).as_posix(),
        size=status.st_size,
        partition_values={SNAPSHOT_DATE: day.isoformat()},
        modification_time=int(status.st_mtime * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": count_rows(path)}),
    )


def sync_commits(root: Path | Folder, numbers: Iterable[int]) -> None:
    """Let commits, the checkpoints made with them, and their names survive a power cut; and note their digests."""
    stored = as_folder(root)
    root = stored.path
    if stored.store is not None:  # which has them for good
        note_digests(stored, [commit_file(root, number) for number in numbers], as_stored=True)
        return
    folder = root / LOG
    for number in numbers:
        for path in (commit_file(root, number), *folder.glob(f"{number:020}.checkpoint*.parquet")):
            with suppress(FileNotFoundError):  # another writer's tidying, or an old log's own
                fsync_file(path)
                note_digests(root, [path])
    with suppress(FileNotFoundError):
        fsync_file(folder / HINT)
    for each in (folder, root, root.parent):
        fsync_folder(each)


def check_commits(root: Path | Folder, numbers: Iterable[int]) -> None:
    """Refuse a commit whose file holds none.

    Raises:
        RunError: it is empty or torn; the sentence says what mends it.
    """
    if as_folder(root).store is not None:
        return
    root = as_folder(root).path
    for number in numbers:
        path = commit_file(root, number)
        if path.exists() and (fault := commit_fault(path)):
            if number != newest_commit(root):
                raise RunError(f"{path} {fault}, and newer commits build on it: restore {path.parent} from a backup")
            raise RunError(
                f"{path} {fault}, as a power cut leaves a commit of which nobody was told: `churn-assets repair` sets "
                "it aside, and what was current before it is current"
            )


def refuse_obstacles(root: Path | Folder) -> None:
    """Refuse what is not the folder of a table, where the library would find none, or say nothing that helps.

    Raises:
        RunError: a file lies where a folder should, or this user may not read it.
    """
    if as_folder(root).store is not None:
        return
    root = as_folder(root).path
    for folder in (root.parent, root, root / LOG):
        if folder.exists() and not folder.is_dir():
            raise RunError(f"{folder} is a file, and should be a folder: move it away, and restore it from a backup")
        if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
            raise RunError(f"uid {os.getuid()} may not read {folder}; give it access")


def unreadable(root: Path | Folder, error: Exception) -> RunError:
    """The sentence for a log that the library cannot read: the reason in one line, and what to do."""
    if as_folder(root).store is not None:
        return RunError(
            f"{root}: its log cannot be read ({reason_of(error)}): see that the object store can be reached, and try "
            "again"
        )
    reason = COLOURS.sub("", str(error)).splitlines()[0][:REASON_LENGTH] if str(error) else type(error).__name__
    return RunError(
        f"{root}: its log cannot be read ({reason}): `churn-assets repair` mends what a power cut leaves; else "
        f"restore {root / LOG} from a backup"
    )


def commit_fault(path: Path) -> str:
    """What is wrong with a commit's file, as the end of a sentence; nothing where it holds one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read by uid {os.getuid()} ({error.strerror}); give it access") from error
    if not content.strip():
        return "is empty"
    try:
        actions = [json.loads(line) for line in content.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return "is torn"
    return "" if all(_is_action(action) for action in actions) else "is torn"


def _is_action(action: object) -> bool:
    """Whether it has the form of one: the library passes over what has not, as if there had been no commit."""
    return isinstance(action, dict) and any(isinstance(each, dict) for each in action.values())
