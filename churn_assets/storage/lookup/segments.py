"""A piece of a key lookup: what is made of the rows of one part, by whichever core has them at hand.

Pieces are made in any order and know nothing of each other. A piece is the file of its rows, which
stays as it is, and a small file of what was gathered, which is gone once the pieces were joined.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.batches import rechunk
from churn_assets.core.errors import RunError
from churn_assets.storage.lookup.format import (
    CHUNK_ROWS,
    KEY_STEP,
    KEY_WIDTH,
    LOOKUP_SCHEMA,
    ScoreLabels,
    checksum,
    scores_name,
)

__all__ = ["AtRiskRows", "LookupSegment", "write_segment"]

AT_RISK_LIMIT = 100_000
LISTED_TIERS = ("medium", "high")
BINS = 20
KINDS_LIMIT = 1 << 16


@dataclass(frozen=True)
class LookupSegment:
    """What was gathered of one part.

    Attributes:
        rows: how many rows it holds.
        kinds: how many rows are of each kind, in the order of the kinds' numbers in the file.
        total: the sum of the probabilities.
        histogram: rows by twentieths of the probability, (20).
        keys: the sampled keys, as bytes one after the other.
        at_risk: rows of the part, and their probabilities.
        file: the size of the file of its rows, and its CRC-32.
    """

    rows: int
    kinds: dict[ScoreLabels, int]
    total: float
    histogram: NDArray[np.int64]
    keys: bytes
    at_risk: "AtRiskRows"
    file: tuple[int, int]

    def write(self, folder: Path, number: int) -> None:
        """Write it beside the file of its rows."""
        told = {"rows": self.rows, "kinds": list(self.kinds.items()), "total": self.total, "file": self.file}
        np.savez(
            _gathered(folder, number),
            told=_bytes(json.dumps(told).encode()),
            histogram=self.histogram,
            keys=_bytes(self.keys),
            at=self.at_risk.at,
            probabilities=self.at_risk.probabilities,
        )

    @classmethod
    def take(cls, folder: Path, number: int) -> "LookupSegment":
        """Read what was gathered, which is needed no more: only the file of the rows stays in the folder."""
        path = _gathered(folder, number)
        with np.load(path, allow_pickle=False) as arrays:
            told: dict[str, Any] = json.loads(arrays["told"].tobytes())
            piece = cls(
                rows=told["rows"],
                kinds={ScoreLabels(*kind): rows for kind, rows in told["kinds"]},
                total=told["total"],
                histogram=arrays["histogram"],
                keys=arrays["keys"].tobytes(),
                at_risk=AtRiskRows(arrays["at"], arrays["probabilities"]),
                file=tuple(told["file"]),
            )
        path.unlink()
        return piece


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


def write_segment(folder: Path, number: int, batches: Iterable[pa.Table]) -> None:
    """Write the piece of a part into `folder`, unless it is there; how the rows are cut leaves no trace.

    Args:
        folder: made where it is not there.
        number: of the part.
        batches: rows of `churn_scores`, in UTF-8 byte order of the customer id; their texts may come as codes.

    Raises:
        RunError: the rows are of more kinds than can be numbered.
    """
    if _gathered(folder, number).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / scores_name(number)
    seen = _Seen()
    with pa.ipc.new_file(str(path), LOOKUP_SCHEMA) as file:
        for chunk in rechunk(batches, CHUNK_ROWS):
            file.write_batch(seen.add(chunk))
    file_told = path.stat().st_size, checksum(path)
    keys = b"".join(seen.keys)
    LookupSegment(seen.rows, seen.kinds, seen.total, seen.histogram, keys, seen.at_risk, file_told).write(
        folder, number
    )


class _Seen:
    """What a pass over the rows of a part gathers beside the rows themselves."""

    def __init__(self) -> None:
        self.rows = 0
        self.keys: list[bytes] = []
        self.kinds: dict[ScoreLabels, int] = {}
        self._number: dict[ScoreLabels, int] = {}
        self.total = 0.0
        self.histogram = np.zeros(BINS, np.int64)
        self.at_risk = AtRiskRows()

    def add(self, chunk: pa.Table) -> pa.RecordBatch:
        """Take in the next rows; the record batch that is written of them."""
        ids, stored = chunk.column("customer_id").chunk(0), chunk.column("churn_probability").chunk(0)
        probability = np.asarray(np.from_dlpack(stored), np.float64)  # `to_numpy` would load pandas
        numbers = self._numbers(chunk)
        self.keys.append(_keys(ids))
        self.total += float(probability.sum())
        counts = np.bincount((probability * BINS).astype(np.int32), minlength=BINS + 1)
        self.histogram += counts[:BINS]
        self.histogram[-1] += counts[BINS]  # of those that are 1
        listed = np.array([kind.risk_tier in LISTED_TIERS for kind in self.kinds])
        found = np.flatnonzero(listed.take(numbers))
        self.at_risk.add((found + self.rows).astype(np.uint32), probability[found])
        self.rows += chunk.num_rows
        kinds = pa.Array.from_buffers(pa.uint16(), len(numbers), [None, pa.py_buffer(numbers)])
        return pa.RecordBatch.from_arrays([ids, stored, kinds], schema=LOOKUP_SCHEMA)

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
        kinds = [ScoreLabels(*(values[at] for values, at in zip(names, place, strict=True))) for place in places]
        for kind, code in sorted(zip(kinds, codes.tolist(), strict=True)):
            number = self._number.setdefault(kind, len(self._number))
            if number >= KINDS_LIMIT:
                raise RunError(f"scores of more than {KINDS_LIMIT} tiers, actions and models have no lookup")
            numbering[code] = number
            self.kinds[kind] = self.kinds.get(kind, 0) + int(counts[code])
        return numbering.take(combined)


def _keys(ids: pa.StringArray) -> bytes:
    """The first bytes of every 32nd id, NUL-padded, one after the other."""
    _, offsets, data = ids.buffers()
    bounds = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    content = np.frombuffer(data, np.uint8) if data else np.zeros(1, np.uint8)
    places = bounds[:-1:KEY_STEP, None] + np.arange(KEY_WIDTH)
    within = places < bounds[1::KEY_STEP, None]
    return np.where(within, content[np.where(within, places, 0)], np.uint8(0)).tobytes()


def _gathered(folder: Path, number: int) -> Path:
    return folder / f"gathered-{number}.npz"


def _bytes(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content, np.uint8)
