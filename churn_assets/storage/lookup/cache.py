"""The key lookups of the published scores: opened where they lie, made again where they are not fit to be read."""

import datetime as dt
import logging
import shutil
import tempfile
import uuid
from collections import OrderedDict
from pathlib import Path
from threading import Lock

import pyarrow as pa

from churn_assets.core.errors import LookupFault
from churn_assets.storage.layout import lookup_folder
from churn_assets.storage.lookup.format import ScoreLabels
from churn_assets.storage.lookup.reader import Lookup, open_lookup
from churn_assets.storage.lookup.writer import READ, place, write_lookup
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["LookupCache"]

OPEN_AT_ONCE = 32
logger = logging.getLogger("churn_assets.lookups")


class LookupCache:
    """Opens lookups, and keeps the last few open; threads may share it."""

    def __init__(self, root: Path, keep: int = OPEN_AT_ONCE) -> None:
        """Below the `root` of `churn_scores`; the last `keep` stay open."""
        self.root = root
        self.keep = keep
        self._open: OrderedDict[tuple[dt.date, str], Lookup] = OrderedDict()
        self._lock = Lock()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def get(self, scores: PartitionVersion) -> Lookup:
        """The lookup of a score version; one that is missing or damaged is made again from its Parquet files.

        Raises:
            LookupFault: it could not be made.
        """
        key = (scores.day, scores.version)
        with self._lock:
            lookup = self._open.get(key)
            if lookup is None:
                lookup = self._open_or_make(scores)
                self._open[key] = lookup
            self._open.move_to_end(key)
            while len(self._open) > self.keep:
                self._open.popitem(last=False)
        return lookup

    def close(self) -> None:
        """Remove what was made where nothing else is kept."""
        with self._lock:
            self._open.clear()
            if self._scratch is not None:
                self._scratch.cleanup()
                self._scratch = None

    def _open_or_make(self, scores: PartitionVersion) -> Lookup:
        named = lookup_folder(scores.day, scores.version)
        try:
            return open_lookup(self.root / named, scores.day, scores.version)
        except LookupFault as fault:
            logger.warning("making the lookup of %s again: %s", scores.day, fault)
        try:
            return self._make(self.root / named, scores)
        except OSError as error:
            logger.warning("%s cannot be written (%s): the lookup lies in a temporary folder", self.root, error)
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="churn-lookups-", ignore_cleanup_errors=True)
        folder = Path(self._scratch.name) / named
        try:
            return open_lookup(folder, scores.day, scores.version)
        except LookupFault:
            return self._make_in_scratch(folder, scores)

    def _make_in_scratch(self, folder: Path, scores: PartitionVersion) -> Lookup:
        try:
            return self._make(folder, scores)
        except OSError as error:
            raise LookupFault(f"{folder}: the lookup cannot be written ({error}); give it room") from error

    def _make(self, final: Path, scores: PartitionVersion) -> Lookup:
        final.parent.mkdir(parents=True, exist_ok=True)
        folder = final.with_name(f".{uuid.uuid4().hex}")
        try:
            parts = [scores.batches(READ, part=part, categories=ScoreLabels._fields) for part in scores.parts]
            write_lookup(folder, scores.day, scores.version, parts)
        except pa.ArrowException as error:
            raise LookupFault(
                f"churn_scores {scores.day}: version {scores.version} cannot be read ({error})"
            ) from error
        try:
            place(folder, final)
            return open_lookup(final, scores.day, scores.version)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
