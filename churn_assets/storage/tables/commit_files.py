"""The commit files of a Delta log: on disk before anybody is told, refused where a power cut left one torn, and mended.

The library writes a commit and leaves it to the operating system when it reaches the disk. A cut can leave the newest
file empty, which the library reads as the state before; so a file is synced before its commit is acknowledged, and one
that holds no commit is refused instead of being passed over.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from churn_assets.core.errors import RunError
from churn_assets.storage.files import fsync_file, fsync_folder

__all__ = ["check_commits", "commit_file", "newest_commit", "set_aside_torn_commits", "sync_commits"]

LOG = "_delta_log"
HINT = "_last_checkpoint"


def commit_file(root: Path, number: int) -> Path:
    """The file of a commit of the table below `root`."""
    return root / LOG / f"{number:020}.json"


def newest_commit(root: Path) -> int:
    """The number of the newest commit file, -1 where there is none."""
    return max((int(path.stem) for path in (root / LOG).glob("*.json") if path.stem.isdecimal()), default=-1)


def sync_commits(root: Path, numbers: Iterable[int]) -> None:
    """Let commits, the checkpoints made with them, and their names survive a power cut."""
    folder = root / LOG
    for number in numbers:
        for path in (commit_file(root, number), *folder.glob(f"{number:020}.checkpoint*.parquet")):
            with suppress(FileNotFoundError):  # another writer's tidying, or an old log's own
                fsync_file(path)
    with suppress(FileNotFoundError):
        fsync_file(folder / HINT)
    for each in (folder, root, root.parent):
        fsync_folder(each)


def check_commits(root: Path, numbers: Iterable[int]) -> None:
    """Refuse a commit whose file holds none.

    Raises:
        RunError: it is empty or torn; the sentence says what mends it.
    """
    for number in numbers:
        path = commit_file(root, number)
        if path.exists() and (fault := _fault_of(path)):
            raise RunError(
                f"{path} {fault}, as a power cut leaves a commit of which nobody was told: `churn-assets repair` sets "
                "it aside, and what was current before it is current"
            )


def set_aside_torn_commits(root: Path) -> list[Path]:
    """Rename the newest commit files as long as they hold no commit; where they lie now."""
    renamed: list[Path] = []
    with suppress(OSError):
        if not (root / LOG / HINT).read_bytes().strip():
            (root / LOG / HINT).unlink()  # only a hint, which is made again
    while (number := newest_commit(root)) >= 0 and _fault_of(path := commit_file(root, number)):
        renamed.append(path.rename(path.with_suffix(".json.torn")))
    if renamed:
        fsync_folder(root / LOG)
    return renamed


def _fault_of(path: Path) -> str:
    """What is wrong with a commit's file, as the end of a sentence; nothing where it holds one."""
    content = path.read_bytes()
    if not content.strip():
        return "is empty"
    try:
        actions = [json.loads(line) for line in content.splitlines() if line.strip()]
    except ValueError:
        return "is torn"
    return "" if all(isinstance(action, dict) for action in actions) else "is torn"
