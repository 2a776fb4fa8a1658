"""Digests of what has none inside: commits, records and small files beside a version, noted as they are written.

Each table has a file `_digests` of its own, to which a line is added for each such file: its SHA-256, its path from the
table's root, and a CRC-32 of both. Nothing that is read depends on it: `churn-assets verify` does, and a file that no
line names, such as one of an earlier release, is checked by its form alone.
"""

import logging
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from churn_assets.storage.files import sha256_of
from churn_assets.storage.remote import Folder, as_folder

__all__ = ["DIGESTS", "NotedDigests", "note_digests", "read_digests"]

DIGESTS = "_digests"

logger = logging.getLogger("churn_assets")


@dataclass(frozen=True)
class NotedDigests:
    """The SHA-256 of files in hex, by their path from the table's root; and the numbers of the lines that hold none."""

    by_path: dict[str, str]
    broken: tuple[int, ...] = ()


def note_digests(root: Path | Folder, paths: Iterable[Path]) -> None:
    """Note what files of the table below `root` hold now; a later line of the same file counts.

    What the files say stands without: where it cannot be noted, that is only told. An object store has its own.
    """
    if as_folder(root).store is not None:
        return
    root = as_folder(root).path
    try:
        lines = [f"{sha256_of(path).hex()} {path.relative_to(root).as_posix()}" for path in paths]
        with (root / DIGESTS).open("ab") as file:  # a line of its own, also behind one that a power cut tore
            file.write("".join(f"\n{line} {_check(line)}\n" for line in lines).encode())
    except OSError as error:
        logger.warning("%s: a digest could not be noted: %s", root, error)


def read_digests(root: Path | Folder) -> NotedDigests:
    """What was noted of the files of the table below `root`; nothing in an object store, whatever was copied there."""
    if as_folder(root).store is not None:
        return NotedDigests({})
    path = as_folder(root).path / DIGESTS
    content = path.read_bytes().decode(errors="replace") if path.is_file() else ""
    by_path: dict[str, str] = {}
    broken = []
    for number, line in enumerate(content.split("\n"), 1):
        noted, _, check = line.rpartition(" ")
        digest, _, name = noted.partition(" ")
        if noted and check == _check(noted):
            by_path[name] = digest
        elif line:
            broken.append(number)
    return NotedDigests(by_path, tuple(broken))


def _check(line: str) -> str:
    return f"{zlib.crc32(line.encode()):08x}"
