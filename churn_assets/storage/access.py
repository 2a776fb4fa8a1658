"""Which folders are closed to this user: a glob passes over them in silence, and what lies in them seems to be gone."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["closed_folder"]

ANY_DEPTH = "**"


def closed_folder(pattern: str) -> Path | None:
    """The first folder on the way of an absolute glob pattern that may not be looked into, None where all may."""
    root, *parts = Path(pattern).parts
    folders = [Path(root)]
    for part in parts:
        needed = os.R_OK | os.X_OK if glob.has_magic(part) else os.X_OK
        for folder in folders:
            if not os.access(folder, needed):
                return folder
        folders = [path for folder in folders for path in _below(folder, part) if path.is_dir()]
    return None


def _below(folder: Path, part: str) -> Iterator[Path]:
    """What a part of a pattern stands for in a folder; hidden names only where they are written out."""
    if part == ANY_DEPTH:
        yield folder
        for path, names, _ in os.walk(folder):
            names[:] = [name for name in names if not name.startswith(".")]
            yield from (Path(path) / name for name in names)
    elif glob.has_magic(part):
        yield from (folder / name for name in glob.glob(part, root_dir=folder))  # noqa: PTH207  # a part of a pattern
    else:
        yield folder / part
