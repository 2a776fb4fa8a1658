"""A key lookup as it is read: memory-mapped, never changed, exact for whatever text an id is.

The sparse keys bring a search down to a few dozen rows; among those, and among however many ids
that begin alike, the whole id decides. A search takes steps in the logarithm of the rows, so ids
longer than a key cost a few steps more and no scan.
"""

import base64
import binascii
import datetime as dt
import math
import mmap
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from churn_assets.core.errors import InputError, LookupFault
from churn_assets.storage.lookup_files import (
    AT_RISK,
    CHUNK_ROWS,
    KEY_STEP,
    KEY_WIDTH,
    KEYS,
    LOOKUP_SCHEMA,
    SCORES_FILE,
    Kind,
    LookupCard,
)

__all__ = ["Found", "Lookup", "Place", "open_lookup"]


class Found(NamedTuple):
    """A row of a lookup: the probability and the number of its kind."""

    probability: float
    kind: int


class Place(NamedTuple):
    """Where a page of the customers at risk ended: it means the same in every version."""

    probability: float
    customer_id: str

    def token(self) -> str:
        """The place as text for a URL."""
        packed = struct.pack(">d", self.probability) + self.customer_id.encode()
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def of(cls, token: str) -> "Place":
        """The place that `token` says.

        Raises:
            InputError: it is no such text.
        """
        try:
            packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            (probability,) = struct.unpack(">d", packed[:8])
            place = cls(probability, packed[8:].decode())
        except (binascii.Error, struct.error, ValueError) as error:
            raise InputError("it is not the `next` of a page") from error
        if not math.isfinite(place.probability):
            raise InputError("it is not the `next` of a page")
        return place


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One record batch: where its ids begin in the file, their offsets, and the columns beside them."""

    start: int
    offsets: "memoryview[int]"
    probabilities: "memoryview[float]"
    kinds: "memoryview[int]"


class Lookup:
    """The scores of one version, by customer id."""

    def __init__(self, card: LookupCard, keys: "_Keys", scores: mmap.mmap, at_risk: "memoryview[int]") -> None:
        """Over files that were verified; `open_lookup` gives one."""
        self.card = card
        self._keys = keys
        self._scores = scores
        self._at_risk = at_risk
        self._chunks = _chunks(card, scores)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What the numbers of the kinds stand for."""
        return self.card.kinds

    def find(self, customer_id: str) -> Found | None:
        """The score of a customer, None where there is none."""
        wanted = customer_id.encode("utf-8", "surrogatepass")  # half a surrogate pair is in no table
        row = self._first_not_before(wanted)
        if row == self.card.rows or self._id(row) != wanted:
            return None
        return self._found(row)

    def at_risk(self, after: Place | None, limit: int) -> Iterator[tuple[str, Found]]:
        """Customers at risk, the highest probability first and equal ones by id, from behind `after`."""
        first = 0 if after is None else self._position_behind(after)
        for row in self._at_risk[first : first + limit]:
            yield self._id(row).decode(), self._found(row)

    @property
    def listed(self) -> int:
        """How many customers `at_risk` gives in all."""
        return len(self._at_risk)

    def rows(self) -> Iterator[tuple[str, Found]]:
        """Every row in order."""
        for row in range(self.card.rows):
            yield self._id(row).decode(), self._found(row)

    def _id(self, row: int) -> bytes:
        chunk = self._chunks[row // CHUNK_ROWS]
        at = row % CHUNK_ROWS
        start = chunk.start
        return self._scores[start + chunk.offsets[at] : start + chunk.offsets[at + 1]]

    def _found(self, row: int) -> Found:
        chunk = self._chunks[row // CHUNK_ROWS]
        at = row % CHUNK_ROWS
        return Found(chunk.probabilities[at], chunk.kinds[at])

    def _first_not_before(self, wanted: bytes) -> int:
        """The first row whose id is not less than `wanted`."""
        key, keys = wanted[:KEY_WIDTH].ljust(KEY_WIDTH, b"\0"), self._keys
        above = _first(0, keys.count, lambda at: keys[at] > key)
        same = above  # where several ids begin alike, the row may lie anywhere among them
        if above and keys[above - 1] == key:
            same = _first(0, above, lambda at: keys[at] >= key)
        start, end = max(same - 1, 0) * KEY_STEP, min(above * KEY_STEP, self.card.rows)
        return _first(start, end, lambda row: self._id(row) >= wanted)

    def _position_behind(self, after: Place) -> int:
        """How many of the customers at risk stand at `after` or before it."""
        wanted = (-after.probability, after.customer_id.encode("utf-8", "surrogatepass"))

        def lies_behind(position: int) -> bool:
            row = self._at_risk[position]
            return (-self._found(row).probability, self._id(row)) > wanted

        return _first(0, len(self._at_risk), lies_behind)


class _Keys:
    """The sparse keys, mapped."""

    def __init__(self, mapped: mmap.mmap, start: int, count: int) -> None:
        self.count = count
        self._mapped = mapped
        self._start = start

    def __getitem__(self, at: int) -> bytes:
        start = self._start + at * KEY_WIDTH
        return self._mapped[start : start + KEY_WIDTH]


def open_lookup(folder: Path, day: dt.date, version: str) -> Lookup:
    """The lookup in `folder`, verified to the last byte.

    Raises:
        LookupFault: it is not there, damaged, or that of other scores.
    """
    card = LookupCard.read(folder, day, version)
    card.verify(folder)
    try:
        keys = np.load(folder / KEYS, mmap_mode="r", allow_pickle=False)
        at_risk = memoryview(np.load(folder / AT_RISK, allow_pickle=False))
        mapped = _Keys(_map(folder / KEYS), keys.offset, keys.size) if keys.size else _Keys(_map(folder / KEYS), 0, 0)
        return Lookup(card, mapped, _map(folder / SCORES_FILE), at_risk)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise LookupFault(f"{folder}: it cannot be read ({error})") from error


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _chunks(card: LookupCard, scores: mmap.mmap) -> list[_Chunk]:
    """Where the columns of each record batch lie in the mapped file.

    Raises:
        LookupFault: it holds other rows than the card says.
    """
    whole = pa.py_buffer(scores)
    view = memoryview(scores)
    file = pa.ipc.open_file(whole)
    batches = [file.get_batch(number) for number in range(file.num_record_batches)]
    full = all(batch.num_rows == CHUNK_ROWS for batch in batches[:-1])
    if not (full and file.schema.equals(LOOKUP_SCHEMA) and sum(batch.num_rows for batch in batches) == card.rows):
        raise LookupFault(f"lookup {card.score_version} of {card.snapshot_date}: its rows are not those of its card")

    def mapped(buffer: pa.Buffer, count: int, width: int, kind: Literal["i", "d", "H"]) -> "memoryview[Any]":
        start = buffer.address - whole.address
        return view[start : start + count * width].cast(kind)

    chunks = []
    for batch in batches:
        rows = batch.num_rows
        (_, offsets, ids), (_, probabilities), (_, kinds) = (column.buffers() for column in batch.columns)
        chunks.append(
            _Chunk(
                start=ids.address - whole.address if ids is not None else 0,
                offsets=mapped(offsets, rows + 1, 4, "i"),
                probabilities=mapped(probabilities, rows, 8, "d"),
                kinds=mapped(kinds, rows, 2, "H"),
            )
        )
    return chunks


def _first(low: int, end: int, holds: Callable[[int], bool]) -> int:
    """The first number from `low` to before `end` for which `holds`; for all behind it, it holds too. Else `end`."""
    while low < end:
        middle = (low + end) // 2
        if holds(middle):
            end = middle
        else:
            low = middle + 1
    return low
