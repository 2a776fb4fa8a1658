"""Files and folders that survive a power cut, and digests of what they hold."""

import hashlib
import os
from pathlib import Path

__all__ = ["fsync_file", "fsync_folder", "replace_text", "sha256_of"]


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


def replace_text(path: Path, content: str) -> None:
    """Let `path` hold this text: a reader meets the old or the new one, whole.

    Raises:
        OSError: it could not be written, and left nothing behind.
    """
    written = path.with_name(f".{path.name}")
    try:
        written.write_text(content, encoding="utf-8")
        fsync_file(written)
        written.replace(path)
    except OSError:
        written.unlink(missing_ok=True)
        raise


def sha256_of(path: Path) -> bytes:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
