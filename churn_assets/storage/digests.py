"""Digests of what has none inside: commits, records and small files beside a version, noted as they are written.

Each table has a file `_digests` of its own, to which a line is added for each such file: its SHA-256, its path from the
table's root, and a CRC-32 of both. Nothing is ever added to a file of an object store: there each note is an object of
its own, `_sha256/<path>/<digest>`, so that all of them are told by their names. Nothing that is read depends on these:
`churn-assets verify` does, and a file that none names, such as one of an earlier release, is checked by its form alone.
"""

import hashlib
import logging
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from churn_assets.core.errors import RunError
from churn_assets.storage.files import sha256_of
from churn_assets.storage.remote import Folder, as_folder

__all__ = ["DIGESTS", "NOTES", "NotedDigests", "note_digests", "read_digests"]

DIGESTS = "_digests"
NOTES = "_sha256"  # in an object store
DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)

logger = logging.getLogger("churn_assets")


@dataclass(frozen=True)
class NotedDigests:
    """The SHA-256 in hex that the files of a table may have, by their path from its root.

    Attributes:
        folder: the root of the table.
        by_path: one each on this machine, the last; in an object store any that was ever noted.
        broken: the numbers of the lines that hold none.
    """

    folder: Folder
    by_path: Mapping[str, frozenset[str]]
    broken: tuple[int, ...]

    def allows(self, path: str, digest: str) -> bool:
        """Whether a file may have this digest: it was noted, or none was."""
        return digest in self.by_path.get(path, {digest})


def note_digests(root: Path | Folder, paths: Iterable[Path], *, as_stored: bool = False) -> None:
    """Note what files of the table below `root` hold now, as they lie here; or `as_stored` in its object store.

    What the files say stands without: where it cannot be noted, that is only told.
    """
    folder = as_folder(root)
    try:
        named = [(path, path.relative_to(folder.path).as_posix()) for path in paths]
        if folder.store is not None:
            for path, name in named:
                digest = _stored_digest(folder, name) if as_stored else sha256_of(path).hex()
                folder.put(f"{NOTES}/{name}/{digest}", f"{digest}  {name}\n".encode())  # as sha256sum writes it
            return
        lines = [f"{sha256_of(path).hex()} {name}" for path, name in named]
        with (folder / DIGESTS).open("ab") as file:  # a line of its own, also behind one that a power cut tore
            file.write("".join(f"\n{line} {_check(line)}\n" for line in lines).encode())
    except (OSError, RunError) as error:
        logger.warning("%s: a digest could not be noted: %s", folder, error)


def read_digests(root: Path | Folder) -> NotedDigests:
    """What was noted of the files of the table below `root`; in an object store, with the lines that were copied there.

    Raises:
        RunError: the object store does not tell.
    """
    folder = as_folder(root)
    if folder.store is None:
        path = folder / DIGESTS
        return NotedDigests(folder, *_read_lines(path.read_bytes() if path.is_file() else b""))
    by_path, broken = _read_lines(folder.read(DIGESTS) or b"")
    for note in folder.listed(NOTES):
        name, _, digest = note.rpartition("/")
        if DIGEST.fullmatch(digest):
            by_path[name] = by_path.get(name, frozenset()) | {digest}
    return NotedDigests(folder, by_path, broken)


def _read_lines(content: bytes) -> tuple[dict[str, frozenset[str]], tuple[int, ...]]:
    by_path: dict[str, frozenset[str]] = {}
    broken = []
    for number, line in enumerate(content.decode(errors="replace").split("\n"), 1):
        noted, _, check = line.rpartition(" ")
        digest, _, name = noted.partition(" ")
        if noted and check == _check(noted):
            by_path[name] = frozenset({digest})
        elif line:
            broken.append(number)
    return by_path, tuple(broken)


def _stored_digest(folder: Folder, name: str) -> str:
    content = folder.read(name)
    if content is None:
        raise RunError(f"{folder.uri}/{name} is not there")
    return hashlib.sha256(content).hexdigest()


def _check(line: str) -> str:
    return f"{zlib.crc32(line.encode()):08x}"
