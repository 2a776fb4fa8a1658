"""Writing a key lookup: one pass over the sorted rows, in memory that does not grow with them."""

import datetime as dt
import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.batches import ordered_map, rechunk
from churn_assets.core.errors import RunError
from churn_assets.storage.layout import lookup_folder
from churn_assets.storage.lookup_files import (
    AT_RISK,
    CHUNK_ROWS,
    KEY_STEP,
    KEY_WIDTH,
    KEYS,
    LOOKUP_SCHEMA,
    SCORES_FILE,
    DaySummary,
    Kind,
    LookupCard,
    checksum,
)
from churn_assets.storage.parquet import read_batches
from churn_assets.storage.versions import Staged, parts_of

__all__ = ["AT_RISK_LIMIT", "LISTED_TIERS", "READ", "lookup_beside", "place", "write_lookup"]

AT_RISK_LIMIT = 100_000
LISTED_TIERS = ("medium", "high")
READ = ("customer_id", "churn_probability", "risk_tier", "action", "model_version")
BINS = 20
KINDS_LIMIT = 1 << 16


def lookup_beside(root: Path, staged: Staged) -> None:
    """Write the lookup of a staged score version below its table's `root`, before the version is published."""
    final = root / lookup_folder(staged.day, staged.version)
    final.parent.mkdir(parents=True, exist_ok=True)
    folder = final.with_name(f".{uuid.uuid4().hex}")
    parts = ordered_map(_read, parts_of(staged.folder))
    write_lookup(folder, staged.day, staged.version, (batch for part in parts for batch in part))
    place(folder, final)


def _read(part: Path) -> list[pa.Table]:
    """A part, read while those before it are written."""
    return list(read_batches([part], READ, Kind._fields))


def place(folder: Path, final: Path) -> None:
    """Move a written lookup to its name, over one that is there: what is open of that stays readable."""
    with suppress(OSError):
        final.rename(aside := folder.with_name(f"{folder.name}.old"))
        shutil.rmtree(aside, ignore_errors=True)
    try:
        folder.rename(final)
    except OSError:  # somebody else placed the same lookup just now
        if not final.is_dir():
            raise
        shutil.rmtree(folder, ignore_errors=True)


def write_lookup(folder: Path, day: dt.date, version: str, batches: Iterable[pa.Table]) -> None:
    """Write the lookup of a score version into a new folder; how the rows are cut leaves no trace.

    Args:
        folder: does not exist yet; gone again where writing fails.
        day: the snapshot date of the scores.
        version: their score version.
        batches: the columns `READ`, in UTF-8 byte order of the customer id.
    """
    folder.mkdir(parents=True)
    try:
        seen = _Seen()
        metadata = {"snapshot_date": day.isoformat(), "score_version": version}
        with pa.ipc.new_file(str(folder / SCORES_FILE), LOOKUP_SCHEMA.with_metadata(metadata)) as file:
            for chunk in rechunk(batches, CHUNK_ROWS):
                file.write_batch(seen.add(chunk))
        np.save(folder / KEYS, np.concatenate([np.empty(0, f"S{KEY_WIDTH}"), *seen.keys]))
        np.save(folder / AT_RISK, seen.at_risk())
        files = {
            name: ((folder / name).stat().st_size, checksum(folder / name)) for name in (KEYS, SCORES_FILE, AT_RISK)
        }
        LookupCard(day, version, seen.rows, tuple(seen.kinds), seen.summary(), files).write(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


class _Seen:
    """What a pass over the rows gathers beside the rows themselves."""

    def __init__(self) -> None:
        self.rows = 0
        self.keys: list[NDArray[np.bytes_]] = []
        self.kinds: dict[Kind, int] = {}
        self._counts: dict[Kind, int] = {}
        self._sum = 0.0
        self._histogram = np.zeros(BINS, np.int64)
        self._probabilities = np.empty(0)
        self._at: NDArray[np.uint32] = np.empty(0, np.uint32)
        self._above = -1.0

    def add(self, chunk: pa.Table) -> pa.RecordBatch:
        """Take in the next rows; the record batch that is written of them."""
        ids = chunk.column("customer_id").combine_chunks()
        stored = chunk.column("churn_probability").combine_chunks()
        probability = np.asarray(np.from_dlpack(stored), np.float64)  # `to_numpy` would load pandas
        numbers = self._numbers(chunk)
        sampled = [each.encode()[:KEY_WIDTH] for each in ids[::KEY_STEP].to_pylist()]
        self.keys.append(np.array(sampled, f"S{KEY_WIDTH}"))
        self._sum += float(probability.sum())
        bins = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
        self._histogram += np.bincount(bins, minlength=BINS)
        self._watch(probability, numbers)
        self.rows += chunk.num_rows
        kinds = pa.Array.from_buffers(pa.uint16(), len(numbers), [None, pa.py_buffer(numbers)])
        columns = [ids, stored, kinds]
        return pa.RecordBatch.from_arrays(columns, schema=LOOKUP_SCHEMA)

    def _numbers(self, chunk: pa.Table) -> NDArray[np.uint16]:
        """The number of each row's kind; kinds are numbered as they are met."""
        combined = np.zeros(chunk.num_rows, np.int64)
        names: list[list[Any]] = []
        for column in Kind._fields:
            encoded = chunk.column(column).combine_chunks().dictionary_encode()
            names.append(encoded.dictionary.to_pylist())
            combined = combined * len(names[-1]) + np.from_dlpack(encoded.indices)
        sizes = [len(each) for each in names]
        counts = np.bincount(combined, minlength=1)
        met = sorted((int(np.argmax(combined == code)), int(code)) for code in np.flatnonzero(counts))
        numbering = np.zeros(len(counts), np.uint16)
        for _, code in met:
            at = np.unravel_index(code, sizes)
            kind = Kind(*(values[place] for values, place in zip(names, at, strict=True)))
            number = self.kinds.setdefault(kind, len(self.kinds))
            if number >= KINDS_LIMIT:
                raise RunError(f"scores of more than {KINDS_LIMIT} tiers, actions and models have no lookup")
            numbering[code] = number
            self._counts[kind] = self._counts.get(kind, 0) + int(counts[code])
        return numbering[combined]

    def _watch(self, probability: NDArray[np.float64], numbers: NDArray[np.uint16]) -> None:
        """Keep whoever may be among the highest; equal probabilities stand in the order of the rows."""
        listed = np.array([kind.risk_tier in LISTED_TIERS for kind in self.kinds] or [False])
        found = np.flatnonzero(listed[numbers] & (probability > self._above))
        self._probabilities = np.concatenate([self._probabilities, probability[found]])
        self._at = np.concatenate([self._at, (found + self.rows).astype(np.uint32)])
        if len(self._at) > 2 * AT_RISK_LIMIT:
            self._prune()
            self._above = float(self._probabilities[-1])

    def _prune(self) -> None:
        order = np.lexsort((self._at, -self._probabilities))[:AT_RISK_LIMIT]
        self._probabilities, self._at = self._probabilities[order], self._at[order]

    def at_risk(self) -> NDArray[np.uint32]:
        """The rows of the customers at risk, the highest first, no more than the limit."""
        self._prune()
        return self._at

    def summary(self) -> DaySummary:
        """All rows in aggregates."""

        def count(column: int) -> dict[str, int]:
            told: dict[str, int] = {}
            for kind, rows in self._counts.items():
                told[kind[column]] = told.get(kind[column], 0) + rows
            return told

        mean = self._sum / self.rows if self.rows else 0.0
        return DaySummary(mean, count(0), count(1), count(2), self._histogram.tolist())
