"""The key lookups of the published scores: opened where they lie, made again where they are not fit to be read."""

import datetime as dt
import logging
import os
import shutil
import tempfile
import uuid
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from churn_assets.core.errors import DamagedVersion, LookupFault, RunError
from churn_assets.storage.layout import STAGING, lookup_folder, version_folder
from churn_assets.storage.lookup.format import ScoreLabels
from churn_assets.storage.lookup.reader import Lookup, open_lookup
from churn_assets.storage.lookup.writer import READ, place, write_lookup
from churn_assets.storage.remote import Folder, as_folder
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["LookupCache"]

OPEN_AT_ONCE = 32
SCRATCH_PREFIX = "churn-lookups-"
Version = tuple[dt.date, str]
logger = logging.getLogger("churn_assets.lookups")


class LookupCache:
    """Opens lookups, and keeps the last few open; threads may share it.

    Each version has a lock of its own: one that has to be made again holds up nobody who asks for another.
    """

    def __init__(self, root: Path | Folder, keep: int = OPEN_AT_ONCE) -> None:
        """Below the `root` of `churn_scores`; the last `keep` stay open."""
        self.folder = as_folder(root)
        self.root = self.folder.path
        self.keep = keep
        self._open: OrderedDict[Version, Lookup] = OrderedDict()
        self._opening: WeakValueDictionary[Version, Lock] = WeakValueDictionary()  # as long as anybody asks
        self._lock = Lock()  # of the two above, held for no longer than it takes to look
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def get(self, scores: PartitionVersion) -> Lookup:
        """The lookup of a score version; one that is missing or damaged is made again from its Parquet files.

        Raises:
            LookupFault: it could not be made.
        """
        version = (scores.day, scores.version)
        if (lookup := self._kept(version)) is not None:
            return lookup
        with self._lock_of(version):
            if (lookup := self._kept(version)) is not None:  # somebody else opened it meanwhile
                return lookup
            lookup = self._open_or_make(scores)
            with self._lock:
                self._open[version] = lookup
                while len(self._open) > self.keep:
                    self._forget(*self._open.popitem(last=False)[0])
        return lookup

    def _kept(self, version: Version) -> Lookup | None:
        with self._lock:
            if version in self._open:
                self._open.move_to_end(version)
            return self._open.get(version)

    def _forget(self, day: dt.date, version: str) -> None:
        """Remove what was made in a temporary folder for a lookup that is kept no longer; who has it open may go on."""
        if self._scratch is not None:
            shutil.rmtree(Path(self._scratch.name) / lookup_folder(day, version), ignore_errors=True)

    def _lock_of(self, version: Version) -> Lock:
        """The lock of a version, the same one for all who ask at the same time, also where nothing is kept for them."""
        with self._lock:
            return self._opening.setdefault(version, Lock())

    def close(self) -> None:
        """Remove what was made where nothing else is kept."""
        with self._lock:
            self._open.clear()
            if self._scratch is not None:
                self._scratch.cleanup()
                self._scratch = None

    def _open_or_make(self, scores: PartitionVersion) -> Lookup:
        named = lookup_folder(scores.day, scores.version)
        kept = self._fetched(named)
        try:
            return open_lookup(kept, scores.day, scores.version)
        except LookupFault as fault:
            logger.warning("making the lookup of %s again: %s", scores.day, fault)
        self._fetched(version_folder(scores.day, scores.version))
        try:
            return self._make(self.root, scores)
        except OSError as error:
            logger.warning("%s cannot be written (%s): the lookup lies in a temporary folder", self.root, error)
        scratch = self._scratch_folder()
        try:
            return open_lookup(scratch / named, scores.day, scores.version)
        except LookupFault:
            return self._make_in_scratch(scratch, scores)

    def _fetched(self, name: str) -> Path:
        """A folder of the table, from the object store where it is not here."""
        try:
            return self.folder.fetch_folder(name)
        except RunError as error:
            raise LookupFault(str(error)) from error
        except OSError as error:
            raise LookupFault(f"{self.root} cannot be written ({error}); give it room, and access") from error

    def _scratch_folder(self) -> Path:
        with self._lock:
            if self._scratch is None:
                _remove_abandoned_scratch()
                self._scratch = tempfile.TemporaryDirectory(
                    prefix=f"{SCRATCH_PREFIX}{os.getpid()}-", ignore_cleanup_errors=True
                )
            return Path(self._scratch.name)

    def _make_in_scratch(self, scratch: Path, scores: PartitionVersion) -> Lookup:
        try:
            return self._make(scratch, scores)
        except OSError as error:
            raise LookupFault(f"{scratch}: the lookup cannot be written ({error}); give it room") from error

    def _make(self, root: Path, scores: PartitionVersion) -> Lookup:
        final = root / lookup_folder(scores.day, scores.version)
        final.parent.mkdir(parents=True, exist_ok=True)
        folder = root / STAGING / uuid.uuid4().hex
        try:
            scores.verified()  # a lookup of rot would be as well-formed as any
            parts = [scores.batches(READ, part=part, categories=ScoreLabels._fields) for part in scores.parts]
            write_lookup(folder, scores.day, scores.version, parts)
        except DamagedVersion as error:
            raise LookupFault(str(error)) from error
        try:
            place(folder, final)
            return open_lookup(final, scores.day, scores.version)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned_scratch() -> None:
    """Remove what services left that were killed: folders named after a process that is no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH_PREFIX}*-*"):
        owner = folder.name.removeprefix(SCRATCH_PREFIX).partition("-")[0]
        if owner.isdecimal() and not _is_alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # somebody else's, or no number of a process
        return True
    return True
