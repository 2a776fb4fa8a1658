"""What a power cut leaves torn of a table, set aside: what was current before is current, as was acknowledged."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.core.errors import RunError
from churn_assets.storage.files import fsync_folder
from churn_assets.storage.layout import record_file
from churn_assets.storage.tables.commit_files import (
    HINT,
    LOG,
    commit_fault,
    commit_file,
    commit_numbers,
    newest_commit,
    refuse_obstacles,
)

__all__ = ["cut_record", "set_aside_torn_files"]


def set_aside_torn_files(root: Path) -> list[Path]:
    """Rename torn checkpoints, and the newest commits as long as they are torn; where they lie now.

    A commit is torn that holds no actions, or a ledger's whose record is not on disk: it is written before its record
    is synced, and acknowledged after. A checkpoint is a copy of what commits say, and needed for nothing while all are
    there.
    """
    refuse_obstacles(root)
    renamed = [_set_aside(path) for path in _torn_checkpoints(root)]
    while (path := commit_file(root, newest_commit(root))).is_file() and (commit_fault(path) or cut_record(root)):
        renamed.append(_set_aside(path))
    hint = root / LOG / HINT
    with suppress(OSError):
        if renamed or not hint.read_bytes().strip():
            hint.unlink()  # only a hint, which is made again
    if renamed:
        fsync_folder(root / LOG)
    return renamed


def cut_record(root: Path) -> Path | None:
    """The file of records that a ledger's newest commit added and that is not as long as it says, None where all are.

    None of tables: their files are on disk before their commit is written.
    """
    with suppress(OSError, ValueError, RunError):
        for line in commit_file(root, newest_commit(root)).read_text("utf-8").splitlines():
            action: dict[str, Any] = json.loads(line).get("add") or {}
            if action and not action["partitionValues"]:
                path = record_file(root, action["path"])
                if not path.is_file() or path.stat().st_size != action["size"]:
                    return path
    return None


def _torn_checkpoints(root: Path) -> Iterator[Path]:
    if (numbers := commit_numbers(root)) != list(range(len(numbers))):
        return
    for path in sorted((root / LOG).glob("*.checkpoint*.parquet")):
        try:
            pq.read_metadata(path)
        except (pa.ArrowException, OSError):
            yield path


def _set_aside(path: Path) -> Path:
    return path.rename(path.with_name(f"{path.name}.torn"))
