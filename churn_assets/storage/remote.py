"""Folders below `data_dir`, which may be kept in an object store: the only place that moves bytes between the two.

This machine mirrors an object store: what is written is written here first and pushed to its final key, where it is
seen by nobody until a commit names it; what is read is fetched first. So everything else works on files.
"""

import datetime as dt
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.errors import RunError
from churn_assets.core.object_store import ObjectStore, StorageOptions
from churn_assets.core.table_schemas import SNAPSHOT_DATE

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, S3FileSystem

__all__ = ["Folder", "StoredObject", "as_folder", "reason_of"]

CHUNK = 16 * 2**20  # bytes that are asked for, or sent, at once
FETCHED = "_fetched"  # below the mirror: what is on its way here, and seen by nobody
DAY_SECONDS = 24 * 3600
REASON_LENGTH = 200
CODE = re.compile(r"<Code>(\w+)</Code>")
AWS = re.compile(r"AWS Error (\w+)(?: \((HTTP status \d+)\))? during (\w+) operation")
STATUS = re.compile(r"\b[45]\d\d [A-Z][A-Za-z ]+")
COLOURS = re.compile(r"\x1b\[[0-9;]*m|↳")


class StoredObject(NamedTuple):
    """A file of an object store: its name from a folder, its size, and when it was stored."""

    name: str
    bytes: int
    modified: dt.datetime


@dataclass(frozen=True)
class Folder:
    """A folder below `data_dir`: on this machine, and in the object store that it mirrors, if any."""

    path: Path
    store: ObjectStore | None = None

    def __fspath__(self) -> str:
        return str(self.path)

    def __truediv__(self, name: str | os.PathLike[str]) -> Path:
        return self.path / name

    def __str__(self) -> str:
        """Where a person finds it."""
        return self.uri

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path.name

    @property
    def uri(self) -> str:
        """What Delta opens."""
        if self.store is None:
            return str(self.path)
        below = self.path.relative_to(self.store.mirror).as_posix()
        return self.store.uri if below == "." else f"{self.store.uri}/{below}"

    @property
    def storage_options(self) -> dict[str, str] | None:
        """What Delta is told besides; the credentials it finds in the environment itself."""
        if self.store is None:
            return None
        options = self.store.options
        patience = int(options.attempts * (options.connect_seconds + options.request_seconds)) + 1
        endpoint = {"aws_endpoint_url": self.store.endpoint} if self.store.endpoint else {}
        return endpoint | {
            "timeout": f"{options.request_seconds}s",
            "connect_timeout": f"{options.connect_seconds}s",
            "max_retries": str(options.attempts - 1),
            "retry_timeout": f"{patience}s",
        }

    def cause(self, error: Exception) -> Exception | None:
        """What a sentence is raised from: nothing that an object store answered in full, as it may name a key."""
        return error if self.store is None else None

    def below(self, name: str) -> "Folder":
        """A folder in it."""
        return Folder(self.path / name, self.store)

    def stored(self) -> "tuple[S3FileSystem, str]":
        """What asks its object store, and bucket and key of this folder there, for whoever reads without a mirror."""
        assert self.store is not None  # noqa: S101  # asked of no other
        return _filesystem(self.store), self._full_key("")

    def push(self, paths: Iterable[Path], *, replace: bool = False) -> None:
        """Put files of this folder where everybody finds them, one after the other; the last one is seen last.

        A file that is there already, by its size, is not sent again unless it is to `replace` that: names hold digests.
        An upload that is cut leaves nothing to be seen.

        Raises:
            RunError: the object store did not take one.
        """
        if self.store is None:
            return
        for path in paths:
            self._push_file(self.store, path, replace=replace)

    def _push_file(self, store: ObjectStore, path: Path, *, replace: bool) -> None:
        key, size = self._full_key(path.relative_to(self.path).as_posix()), path.stat().st_size
        there = _filesystem(store)
        try:
            if not replace and there.get_file_info(key).size == size:
                return
            with path.open("rb") as local:
                remote = there.open_output_stream(key)
                shutil.copyfileobj(local, remote, CHUNK)
                remote.close()  # here, as what fails in it goes unheard elsewhere
            if there.get_file_info(key).size != size:
                raise RunError(f"s3://{key} was not stored whole; nothing was published: run it again")
        except OSError as error:
            raise RunError(
                f"s3://{key} could not be stored ({reason_of(error)}); nothing was published: see that the object "
                "store can be reached, and run it again"
            ) from None

    def push_folder(self, name: str) -> None:
        """Put all files of a folder in this one where everybody finds them.

        Raises:
            RunError: the object store did not take one.
        """
        if self.store is not None:
            self._sweep(self.store, self.path / name)
            self.push(sorted(path for path in (self.path / name).iterdir() if path.is_file()))

    def fetch(self, name: str, *, anew: bool = False) -> Path:
        """A file of this folder by its name, after it was fetched where it is not here, or is wanted `anew`.

        The path of no file where there is none in the object store either.

        Raises:
            RunError: the object store did not give it.
        """
        path = self.path / name
        if self.store is not None and (anew or not path.is_file()):
            partial = self._new_name(self.store)
            try:
                if self._fetch_file(self.store, name, partial):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        return path

    def fetch_folder(self, name: str) -> Path:
        """A folder in this one, after all its files were fetched where it is not here; it appears here whole or not.

        Raises:
            RunError: the object store did not give them.
        """
        path = self.path / name
        if self.store is None:
            return path
        if path.is_dir():
            with suppress(OSError):  # of a mirror that may only be read
                os.utime(path)  # it was used today
            return path
        files, store = self.listed(name), self.store
        if not files:
            return path
        self._sweep(store, path)
        partial = self._new_name(self.store)
        try:
            partial.mkdir()
            for each, came in ordered_map(
                lambda each: (each, self._fetch_file(store, f"{name}/{each}", partial / each)), files
            ):
                if not came:
                    raise RunError(f"{self.uri}/{name}/{each} is no longer there; try again")
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):  # somebody else fetched it just now
                partial.rename(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return path

    def _fetch_file(self, store: ObjectStore, name: str, target: Path) -> bool:
        """Copy a file to `target`; whether there was one."""
        key, there = self._full_key(name), _filesystem(store)
        try:
            for _ in range(store.options.attempts):
                with there.open_input_file(key) as remote, target.open("wb") as local:
                    shutil.copyfileobj(remote, local, CHUNK)
                    size = remote.size()
                if target.stat().st_size == size:
                    return True
        except (FileNotFoundError, ValueError):  # a name that no object can have, such as a//b, too
            return False
        except OSError as error:
            raise _unread(key, reason_of(error)) from None
        raise _unread(key, "it came cut short")

    def read(self, name: str) -> bytes | None:
        """What a small file of the object store holds, None where there is none; it is not kept here.

        Raises:
            RunError: the object store did not give it.
        """
        if self.store is None:
            return None
        key = self._full_key(name)
        try:
            with _filesystem(self.store).open_input_file(key) as file:
                content: bytes = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unread(key, reason_of(error)) from None
        return content

    def put(self, name: str, content: bytes) -> None:
        """Keep a small file in the object store, and not here.

        Raises:
            RunError: the object store did not take it.
        """
        assert self.store is not None  # noqa: S101  # asked of no other
        key = self._full_key(name)
        try:
            file = _filesystem(self.store).open_output_stream(key)
            file.write(content)
            file.close()  # here, as above
        except OSError as error:
            raise RunError(f"s3://{key} could not be stored ({reason_of(error)})") from None

    def listed(self, name: str = "") -> dict[str, int]:
        """The files of the object store below a folder in this one, by their names from there, and their sizes.

        Raises:
            RunError: the object store does not tell.
        """
        return {each.name: each.bytes for each in self.objects(name)}

    def objects(self, name: str = "") -> "list[StoredObject]":
        """The files of the object store below a folder in this one, by their names from there; no marks of folders.

        Raises:
            RunError: the object store does not tell.
        """
        prefix = len(self._full_key(name)) + 1 if self.store else 0
        return [
            StoredObject(info.path[prefix:], info.size, info.mtime)
            for info in self._infos(name, recursive=True)
            if info.is_file and not info.path.endswith("/")
        ]

    def folders(self, name: str = "") -> list[str]:
        """The names of the folders in the object store in a folder in this one, in order.

        Raises:
            RunError: the object store does not tell.
        """
        return sorted(info.base_name for info in self._infos(name, recursive=False) if not info.is_file)

    def stamp(self, name: str) -> tuple[int, int] | None:
        """Size and time of a file of the object store, None where there is none.

        Raises:
            RunError: the object store does not tell.
        """
        info = self._info(name)
        return (info.size, info.mtime_ns) if info is not None and info.is_file else None

    def has_folder(self, name: str) -> bool:
        """Whether anything lies in the object store below a folder in this one.

        Raises:
            RunError: the object store does not tell.
        """
        info = self._info(name)
        return info is not None and info.type.name == "Directory"

    def _info(self, name: str) -> "FileInfo | None":
        if self.store is None:
            return None
        key = self._full_key(name)
        try:
            info: FileInfo = _filesystem(self.store).get_file_info(key)
        except ValueError:  # as above
            return None
        except OSError as error:
            raise _unread(key, reason_of(error)) from None
        return info

    def delete(self, names: Iterable[str]) -> None:
        """Remove files, in the object store and here; those that are not there are passed over.

        Raises:
            RunError: the object store did not remove one.
        """
        for name in names:
            if self.store is not None:
                _remove(self._full_key(name), _filesystem(self.store).delete_file)
            (self.path / name).unlink(missing_ok=True)

    def delete_folder(self, name: str, first: str) -> None:
        """Remove a folder with all its files from the object store, the file `first` before the others.

        So what is left where this is cut off lacks that file.

        Raises:
            RunError: the object store did not remove one.
        """
        if self.store is None:
            return
        self.delete([f"{name}/{first}"])
        _remove(self._full_key(name), _filesystem(self.store).delete_dir)

    @contextmanager
    def scratch(self) -> "Iterator[Folder]":
        """The same folder with an empty mirror, which is removed afterwards: what is fetched into it is the store's."""
        assert self.store is not None  # noqa: S101  # asked of no other
        mirror = self._new_name(self.store)
        mirror.mkdir()
        try:
            yield Folder(mirror / self.path.relative_to(self.store.mirror), replace(self.store, mirror=mirror))
        finally:
            shutil.rmtree(mirror, ignore_errors=True)

    def _infos(self, name: str, *, recursive: bool) -> list["FileInfo"]:
        from pyarrow.fs import FileSelector  # noqa: PLC0415  # only where there is an object store

        if self.store is None:
            return []
        key = self._full_key(name)
        try:
            wanted = FileSelector(key, allow_not_found=True, recursive=recursive)
            infos: list[FileInfo] = _filesystem(self.store).get_file_info(wanted)
        except ValueError:  # as above
            return []
        except OSError as error:
            raise _unread(key, reason_of(error)) from None
        return infos

    def _full_key(self, name: str) -> str:
        """Bucket and key of what lies in this folder."""
        return f"{self.uri.removeprefix('s3://')}/{name}".rstrip("/")

    def _new_name(self, store: ObjectStore) -> Path:
        folder = store.mirror / FETCHED
        folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def _sweep(self, store: ObjectStore, used: Path) -> None:
        """Remove from the mirror what lies beside `used` and was used by nobody for days, and what a fetch left.

        Whoever has a file open reads on.
        """
        _remove_older(used.parent.parent.glob(f"{SNAPSHOT_DATE}=*/*"), store.options.mirror_days)
        _remove_older((store.mirror / FETCHED).glob("*"), 1)


def _remove_older(paths: Iterable[Path], days: int) -> None:
    """Remove files and folders that have been as they are for `days`."""
    for path in paths:
        with suppress(OSError):  # somebody else's sweep, or a mirror that may only be read
            if path.stat().st_mtime < time.time() - days * DAY_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _filesystem(store: ObjectStore) -> "S3FileSystem":
    """What asks an object store, with its patience; the credentials it finds by AWS's own chain."""
    return _connected(store.uri, store.endpoint, store.options)  # whatever mirrors it


@lru_cache(maxsize=8)
def _connected(uri: str, endpoint: str | None, options: StorageOptions) -> "S3FileSystem":
    from pyarrow.fs import AwsStandardS3RetryStrategy, FileSystem, S3FileSystem  # noqa: PLC0415  # as above

    if endpoint is None:
        found: S3FileSystem = FileSystem.from_uri(uri)[0]
        return found
    return S3FileSystem(
        endpoint_override=endpoint or None,
        connect_timeout=options.connect_seconds,
        request_timeout=options.request_seconds,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=options.attempts),
        allow_delayed_open=True,  # a small file is one request
    )


def as_folder(root: Path | Folder) -> Folder:
    """A folder of this machine alone, where a path is given."""
    return root if isinstance(root, Folder) else Folder(root)


def reason_of(error: Exception) -> str:
    """Why an object store did not do what it was asked, in few words: its answer in full may quote a key's name."""
    text = COLOURS.sub("", str(error))
    if found := CODE.search(text):
        return found[1]
    if found := AWS.search(text):
        return f"{found[1]}{', ' + found[2] if found[2] else ''}, {found[3]}"
    if found := STATUS.search(text):
        return found[0].strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:REASON_LENGTH] if lines else type(error).__name__


def _remove(key: str, delete: Callable[[str], None]) -> None:
    try:
        delete(key)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise RunError(f"s3://{key} could not be removed ({reason_of(error)}); try again") from None


def _unread(key: str, reason: str) -> RunError:
    return RunError(f"s3://{key} could not be read ({reason}): see that the object store can be reached, and try again")
