"""Writing a key lookup: a segment for each part, by whichever core has its rows at hand, and all joined in order.

Segments are made in any order and know nothing of each other. The file of its rows stays as it is; joining looks at
the rest of each segment and at no row, so that it takes hardly any time, and no more memory for more customers.
"""

import datetime as dt
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.batches import ordered_map, rechunk
from churn_assets.core.errors import RunError
from churn_assets.core.scoring.histogram import TWENTIETHS, counts_between
from churn_assets.core.table_schemas import TIERS_AT_RISK
from churn_assets.storage.layout import lookup_folder, segments_folder
from churn_assets.storage.lookup.format import (
    AT_RISK,
    CHUNK_ROWS,
    KEY_STEP,
    KEY_WIDTH,
    KEYS,
    LOOKUP_SCHEMA,
    DaySummary,
    LookupCard,
    LookupPart,
    ScoreLabels,
    checksum,
    scores_name,
)
from churn_assets.storage.remote import Folder, as_folder
from churn_assets.storage.tables.parquet import read_batches
from churn_assets.storage.tables.versions import Staged, parts_of

__all__ = ["READ", "AtRiskRows", "LookupSegment", "place", "write_lookup", "write_segment", "write_staged_lookup"]

READ = ("customer_id", "churn_probability", *ScoreLabels._fields)
AT_RISK_LIMIT = 100_000
LABELS_LIMIT = 1 << 16


@dataclass(frozen=True)
class LookupSegment:
    """What a lookup needs of one part.

    Attributes:
        rows: how many rows it holds.
        labels: how many rows have each combination, in the order of their numbers in the file.
        total: the sum of the probabilities.
        histogram: rows by twentieths of the probability, (20).
        keys: the sampled keys, as bytes one after the other.
        at_risk: rows of the part, and their probabilities.
        file: the size of the file of its rows, and its CRC-32.
    """

    rows: int
    labels: dict[ScoreLabels, int]
    total: float
    histogram: NDArray[np.int64]
    keys: bytes
    at_risk: "AtRiskRows"
    file: tuple[int, int]


class AtRiskRows:
    """The customers at risk with the highest probabilities, no more than `AT_RISK_LIMIT`, in the order of the rows.

    Of those whose probability is the lowest one kept, the first rows are kept.
    """

    def __init__(self, at: NDArray[np.uint32] | None = None, probabilities: NDArray[np.float64] | None = None) -> None:
        """Nobody, or these rows, ascending, and their probabilities."""
        self.at = np.empty(0, np.uint32) if at is None else at
        self.probabilities = np.empty(0) if probabilities is None else probabilities
        self._above = -1.0

    def add(self, at: NDArray[np.uint32], probabilities: NDArray[np.float64]) -> None:
        """Take in rows that all lie behind those before."""
        kept = probabilities > self._above
        self.at = np.concatenate([self.at, at[kept]])
        self.probabilities = np.concatenate([self.probabilities, probabilities[kept]])
        if len(self.at) > AT_RISK_LIMIT:
            self._prune()

    def _prune(self) -> None:
        lowest = np.partition(self.probabilities, -AT_RISK_LIMIT)[-AT_RISK_LIMIT]
        kept = self.probabilities > lowest
        kept[np.flatnonzero(self.probabilities == lowest)[: AT_RISK_LIMIT - np.count_nonzero(kept)]] = True
        self.at, self.probabilities, self._above = self.at[kept], self.probabilities[kept], float(lowest)

    def ordered(self) -> NDArray[np.uint32]:
        """The rows, the highest probability first; equal ones stand in their order."""
        return self.at[np.argsort(-self.probabilities, kind="stable")]


def write_segment(folder: Path, number: int, batches: Iterable[pa.Table]) -> LookupSegment:
    """Write the file of a part's rows into `folder`; its segment. How the rows are cut leaves no trace.

    Args:
        folder: made where it is not there.
        number: of the part.
        batches: rows of `churn_scores`, in UTF-8 byte order of the customer id; their texts may come as codes.

    Raises:
        RunError: the rows have more combinations of labels than can be numbered.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / scores_name(number)
    seen = _Seen()
    with pa.ipc.new_file(str(path), LOOKUP_SCHEMA) as file:
        for chunk in rechunk(batches, CHUNK_ROWS):
            file.write_batch(seen.add(chunk))
    written = path.stat().st_size, checksum(path)
    keys = b"".join(seen.keys)
    return LookupSegment(seen.rows, seen.labels, seen.total, seen.histogram, keys, seen.at_risk, written)


def write_staged_lookup(root: Path | Folder, staged: Staged, segments: Sequence[LookupSegment] = ()) -> None:
    """Write the lookup of a staged score version below its table's `root`, before the version is published.

    Args:
        root: of `churn_scores`.
        staged: the version.
        segments: made while its parts were written, one for each; where there are none, its files are read for them.
    """
    named = lookup_folder(staged.day, staged.version)
    final = as_folder(root) / named
    final.parent.mkdir(parents=True, exist_ok=True)
    folder = segments_folder(staged.folder)
    if segments:
        _join(folder, staged.day, staged.version, segments)
    else:
        parts = [read_batches([path], READ, ScoreLabels._fields) for path in parts_of(staged.folder)]
        write_lookup(folder, staged.day, staged.version, parts)
    place(folder, final)
    as_folder(root).push_folder(named)


def place(folder: Path, final: Path) -> None:
    """Move a written lookup to its name, over one that is there: what is open of that stays readable."""
    with suppress(OSError):
        final.rename(replaced := folder.with_name(f"{folder.name}.old"))
        shutil.rmtree(replaced, ignore_errors=True)
    try:
        folder.rename(final)
    except OSError:  # somebody else placed the same lookup just now
        if not final.is_dir():
            raise
        shutil.rmtree(folder, ignore_errors=True)


def write_lookup(folder: Path, day: dt.date, version: str, parts: Sequence[Iterable[pa.Table]]) -> None:
    """Write the lookup of a score version; how the rows of a part are cut leaves no trace.

    Args:
        folder: a new one; gone where writing fails.
        day: the snapshot date of the scores.
        version: their score version.
        parts: of each the columns `READ`, in UTF-8 byte order of the customer id.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        segments = list(ordered_map(lambda part: write_segment(folder, *part), enumerate(parts)))
        _join(folder, day, version, segments)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _join(folder: Path, day: dt.date, version: str, segments: Sequence[LookupSegment]) -> None:
    """Make a lookup of the segments of all parts, in order."""
    parts: list[LookupPart] = []
    labels: dict[ScoreLabels, int] = {}
    files: dict[str, tuple[int, int]] = {}
    rows, at_risk, keys = 0, AtRiskRows(), bytearray()
    for number, segment in enumerate(segments):
        keys += segment.keys
        at_risk.add(segment.at_risk.at + np.uint32(rows), segment.at_risk.probabilities)
        rows += segment.rows
        for each, of_label in segment.labels.items():
            labels[each] = labels.get(each, 0) + of_label
        numbers = {each: at for at, each in enumerate(labels)}
        parts.append(LookupPart(segment.rows, [numbers[each] for each in segment.labels]))
        files[scores_name(number)] = segment.file
    np.save(folder / KEYS, np.ndarray(len(keys) // KEY_WIDTH, f"S{KEY_WIDTH}", keys))
    np.save(folder / AT_RISK, at_risk.ordered())
    files |= {name: ((folder / name).stat().st_size, checksum(folder / name)) for name in (KEYS, AT_RISK)}
    summary = _summary(segments, labels, rows)
    LookupCard(day, version, tuple(parts), tuple(labels), summary, files).write(folder)


def _summary(segments: Sequence[LookupSegment], labels: dict[ScoreLabels, int], rows: int) -> DaySummary:
    """The day in aggregates: the rows of each tier, of each action and of each model among them."""
    sums: list[dict[str, int]] = [{} for _ in ScoreLabels._fields]
    for label, of_label in labels.items():
        for counts, value in zip(sums, label, strict=True):
            counts[value] = counts.get(value, 0) + of_label
    total, histogram = 0.0, np.zeros(len(TWENTIETHS) + 1, np.int64)
    for segment in segments:
        total, histogram = total + segment.total, histogram + segment.histogram
    tiers, actions, models = sums
    return DaySummary(total / rows if rows else 0.0, tiers, actions, models, histogram.tolist())


class _Seen:
    """What a pass over the rows of a part counts and samples."""

    def __init__(self) -> None:
        self.rows = 0
        self.keys: list[bytes] = []
        self.labels: dict[ScoreLabels, int] = {}
        self._number: dict[ScoreLabels, int] = {}
        self.total = 0.0
        self.histogram = np.zeros(len(TWENTIETHS) + 1, np.int64)
        self.at_risk = AtRiskRows()

    def add(self, chunk: pa.Table) -> pa.RecordBatch:
        """Take in the next rows; the record batch that is written of them."""
        ids, stored = chunk.column("customer_id").chunk(0), chunk.column("churn_probability").chunk(0)
        probability = np.asarray(np.from_dlpack(stored), np.float64)  # `to_numpy` would load pandas
        numbers = self._numbers(chunk)
        self.keys.append(_keys(ids))
        self.total += float(probability.sum())
        self.histogram += counts_between(probability, TWENTIETHS)
        listed = np.array([each.risk_tier in TIERS_AT_RISK for each in self.labels])
        found = np.flatnonzero(listed.take(numbers))
        self.at_risk.add((found + self.rows).astype(np.uint32), probability[found])
        self.rows += chunk.num_rows
        numbers_column = pa.Array.from_buffers(pa.uint16(), len(numbers), [None, pa.py_buffer(numbers)])
        return pa.RecordBatch.from_arrays([ids, stored, numbers_column], schema=LOOKUP_SCHEMA)

    def _numbers(self, chunk: pa.Table) -> NDArray[np.uint16]:
        """The number of each row's kind; kinds are numbered as chunk after chunk brings them."""
        combined = np.zeros(chunk.num_rows, np.intp)
        names: list[list[str]] = []
        for column in ScoreLabels._fields:
            encoded = chunk.column(column).chunk(0).dictionary_encode()
            names.append(encoded.dictionary.to_pylist())
            if len(names[-1]) > 1:
                combined *= len(names[-1])
                combined += np.from_dlpack(encoded.indices)
        counts = np.bincount(combined)
        sizes = [len(each) for each in names]
        numbering = np.zeros(len(counts), np.uint16)
        codes = np.flatnonzero(counts)
        places = np.stack(np.unravel_index(codes, sizes), axis=1).tolist()
        labels = [ScoreLabels(*(values[at] for values, at in zip(names, place, strict=True))) for place in places]
        for each, code in sorted(zip(labels, codes.tolist(), strict=True)):
            number = self._number.setdefault(each, len(self._number))
            if number >= LABELS_LIMIT:
                raise RunError(f"scores of more than {LABELS_LIMIT} tiers, actions and models have no lookup")
            numbering[code] = number
            self.labels[each] = self.labels.get(each, 0) + int(counts[code])
        return numbering.take(combined)


def _keys(ids: pa.StringArray) -> bytes:
    """The first bytes of every 32nd id, NUL-padded, one after the other."""
    _, offsets, data = ids.buffers()
    bounds = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    content = np.frombuffer(data, np.uint8) if data else np.zeros(1, np.uint8)
    places = bounds[:-1:KEY_STEP, None] + np.arange(KEY_WIDTH)
    within = places < bounds[1::KEY_STEP, None]
    return np.where(within, content[np.where(within, places, 0)], np.uint8(0)).tobytes()
