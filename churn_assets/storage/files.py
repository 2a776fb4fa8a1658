"""Files and folders that survive a power cut, and digests of what they hold."""

import hashlib
import os
from pathlib import Path

__all__ = ["fsync_file", "fsync_folder", "sha256_of"]


def fsync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_file(path: Path) -> None:
    """Make the content of a file survive a crash."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sha256_of(path: Path) -> bytes:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
