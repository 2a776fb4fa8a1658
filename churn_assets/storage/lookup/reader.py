"""A key lookup as it is read: memory-mapped, never changed, exact for whatever text an id is.

The first ids of the parts say in which one an id lies, its sparse keys bring the search down to a few
dozen rows; among those, and among however many ids that begin alike, the whole id decides. A search
takes steps in the logarithm of the rows, so ids longer than a key cost a few steps more and no scan.
"""

import base64
import binascii
import datetime as dt
import hashlib
import math
import mmap
import struct
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from churn_assets.core.errors import InputError, LookupFault
from churn_assets.storage.lookup.format import (
    AT_RISK,
    CHUNK_ROWS,
    KEY_STEP,
    KEY_WIDTH,
    KEYS,
    LOOKUP_SCHEMA,
    LookupCard,
    ScoreLabels,
    scores_name,
)

__all__ = ["Cursor", "Lookup", "LookupHit", "open_lookup", "read_part"]

LONGEST_IN_CURSOR = 512  # bytes of an id
DIGEST_BYTES = 32
CUT = "."  # no letter of the encoding


class LookupHit(NamedTuple):
    """A row of a lookup: the probability and the number of its kind."""

    probability: float
    kind: int


class Cursor(NamedTuple):
    """Where a page of the customers at risk ended: it means the same in every version.

    An id too long for a URL is cut; its SHA-256 then tells it from others that begin alike.
    """

    probability: float
    customer_id: bytes
    digest: bytes = b""

    @classmethod
    def after(cls, probability: float, customer_id: str) -> "Cursor":
        """Behind this customer."""
        whole = customer_id.encode()
        if len(whole) <= LONGEST_IN_CURSOR:
            return cls(probability, whole)
        return cls(probability, whole[:LONGEST_IN_CURSOR], hashlib.sha256(whole).digest())

    def token(self) -> str:
        """The cursor as text for a URL."""
        packed = struct.pack(">d", self.probability) + self.digest + self.customer_id
        text = base64.urlsafe_b64encode(packed).decode().rstrip("=")
        return f"{CUT}{text}" if self.digest else text

    @classmethod
    def of(cls, token: str) -> "Cursor":
        """The cursor that `token` says.

        Raises:
            InputError: it is no such text.
        """
        text = token.removeprefix(CUT)
        try:
            packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            (probability,) = struct.unpack(">d", packed[:8])
            behind = 8 + (DIGEST_BYTES if text != token else 0)
            cursor = cls(probability, packed[behind:], packed[8:behind])
            if not cursor.digest:
                cursor.customer_id.decode()
        except (binascii.Error, struct.error, ValueError) as error:
            raise InputError("it is not the `next` of a page") from error
        whole = text == token or (len(cursor.digest), len(cursor.customer_id)) == (DIGEST_BYTES, LONGEST_IN_CURSOR)
        if not (math.isfinite(cursor.probability) and whole):
            raise InputError("it is not the `next` of a page")
        return cursor


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One record batch: where its ids begin in the file, their offsets, and the columns beside them."""

    start: int
    offsets: "memoryview[int]"
    probabilities: "memoryview[float]"
    kinds: "memoryview[int]"


class Lookup:
    """The scores of one version, by customer id."""

    def __init__(self, card: LookupCard, parts: "list[_Part]", at_risk: "memoryview[int]") -> None:
        """Over files that were verified; `open_lookup` gives one."""
        self.card = card
        self._parts = [part for part in parts if part.rows]
        self._at_risk = at_risk
        self._first_ids = [part.id(0) for part in self._parts]
        self._first_rows = [part.first_row for part in self._parts]

    @property
    def kinds(self) -> tuple[ScoreLabels, ...]:
        """What the numbers of the kinds stand for."""
        return self.card.kinds

    def find(self, customer_id: str) -> LookupHit | None:
        """The score of a customer, None where there is none."""
        wanted = customer_id.encode("utf-8", "surrogatepass")  # half a surrogate pair is in no table
        at = bisect_right(self._first_ids, wanted)
        return self._parts[at - 1].find(wanted) if at else None

    def at_risk(self, after: Cursor | None, limit: int) -> Iterator[tuple[str, LookupHit]]:
        """Customers at risk, the highest probability first and equal ones by id, from behind `after`."""
        first = 0 if after is None else self._position_behind(after)
        for row in self._at_risk[first : first + limit]:
            customer_id, found = self._row(row)
            yield customer_id.decode(), found

    def _row(self, row: int) -> tuple[bytes, LookupHit]:
        part = self._parts[bisect_right(self._first_rows, row) - 1]
        return part.id(row - part.first_row), part.found(row - part.first_row)

    def _position_behind(self, after: Cursor) -> int:
        """How many of the customers at risk stand at `after` or before it."""
        wanted = (-after.probability, after.customer_id)

        def lies_behind(position: int) -> bool:
            customer_id, found = self._row(self._at_risk[position])
            return (-found.probability, customer_id) > wanted

        position = _first(0, len(self._at_risk), lies_behind)
        return self._behind_the_whole_id(after, position) if after.digest else position

    def _behind_the_whole_id(self, after: Cursor, start: int) -> int:
        """The position behind the customer whose id was cut, among those from `start` on that begin alike."""
        for position in range(start, len(self._at_risk)):
            customer_id, found = self._row(self._at_risk[position])
            if found.probability != after.probability or not customer_id.startswith(after.customer_id):
                break
            if hashlib.sha256(customer_id).digest() == after.digest:
                return position + 1
        return start


class _Part:
    """The rows of one file and their sparse keys, both mapped."""

    def __init__(self, rows: range, keys: mmap.mmap, first_byte: int, scores: mmap.mmap, kinds: Sequence[int]) -> None:
        """These `rows` of all, whose keys begin at `first_byte`; `kinds` are the card's numbers of those in the file.

        Raises:
            LookupFault: the file holds other rows.
        """
        self.rows = len(rows)
        self.first_row = rows.start
        self._keys = keys
        self._first_byte = first_byte
        self._scores = scores
        self._kinds = tuple(kinds)
        self._chunks = _chunks(self.rows, scores)

    def find(self, wanted: bytes) -> LookupHit | None:
        """The score of the customer of this id, None where there is none."""
        row = self._first_not_before(wanted)
        if row == self.rows or self.id(row) != wanted:
            return None
        return self.found(row)

    def id(self, row: int) -> bytes:
        """The id of a row of this part."""
        chunk = self._chunks[row // CHUNK_ROWS]
        at = row % CHUNK_ROWS
        start = chunk.start
        return self._scores[start + chunk.offsets[at] : start + chunk.offsets[at + 1]]

    def found(self, row: int) -> LookupHit:
        """What a row of this part says."""
        chunk = self._chunks[row // CHUNK_ROWS]
        at = row % CHUNK_ROWS
        return LookupHit(chunk.probabilities[at], self._kinds[chunk.kinds[at]])

    def _key(self, at: int) -> bytes:
        start = self._first_byte + at * KEY_WIDTH
        return self._keys[start : start + KEY_WIDTH]

    def _first_not_before(self, wanted: bytes) -> int:
        """The first row whose id is not less than `wanted`."""
        key = wanted[:KEY_WIDTH].ljust(KEY_WIDTH, b"\0")
        above = _first(0, -(-self.rows // KEY_STEP), lambda at: self._key(at) > key)
        same = above  # where several ids begin alike, the row may lie anywhere among them
        if above and self._key(above - 1) == key:
            same = _first(0, above, lambda at: self._key(at) >= key)
        start, end = max(same - 1, 0) * KEY_STEP, min(above * KEY_STEP, self.rows)
        return _first(start, end, lambda row: self.id(row) >= wanted)


def open_lookup(folder: Path, day: dt.date, version: str) -> Lookup:
    """The lookup in `folder`, verified to the last byte.

    Raises:
        LookupFault: it is not there, damaged, or that of other scores.
    """
    card = LookupCard.read(folder, day, version)
    card.verify(folder)
    try:
        stored = np.load(folder / KEYS, mmap_mode="r", allow_pickle=False)
        keys = _map(folder / KEYS)
        at_risk = memoryview(np.load(folder / AT_RISK, allow_pickle=False))
        parts: list[_Part] = []
        first_row, first_byte = 0, stored.offset if stored.size else 0
        for number, (rows, kinds) in enumerate(card.parts):
            scores = _map(folder / scores_name(number))
            parts.append(_Part(range(first_row, first_row + rows), keys, first_byte, scores, kinds))
            first_row += rows
            first_byte += -(-rows // KEY_STEP) * KEY_WIDTH
    except (OSError, ValueError, pa.ArrowException) as error:
        raise LookupFault(f"{folder}: it cannot be read ({error})") from error
    return Lookup(card, parts, at_risk)


def read_part(folder: Path, card: LookupCard, number: int) -> list[pa.RecordBatch]:
    """All rows of a part, verified, in pieces of `CHUNK_ROWS`; mapped as long as one of them is held.

    Raises:
        LookupFault: the file is not there, or damaged.
    """
    path = folder / scores_name(number)
    try:
        content = pa.py_buffer(_map(path))
        if (content.size, zlib.crc32(content)) != tuple(card.files[path.name]):
            raise LookupFault(f"{path}: its content has changed since it was written")
        file = pa.ipc.open_file(content)
        return [file.get_batch(each) for each in range(file.num_record_batches)]
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise LookupFault(f"{path}: it cannot be read ({error})") from error


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _chunks(rows: int, scores: mmap.mmap) -> list[_Chunk]:
    """Where the columns of each record batch lie in the mapped file.

    Raises:
        LookupFault: it holds other rows.
    """
    whole = pa.py_buffer(scores)
    view = memoryview(scores)
    file = pa.ipc.open_file(whole)
    batches = [file.get_batch(number) for number in range(file.num_record_batches)]
    full = all(batch.num_rows == CHUNK_ROWS for batch in batches[:-1])
    if not (full and file.schema.equals(LOOKUP_SCHEMA) and sum(batch.num_rows for batch in batches) == rows):
        raise LookupFault("the rows of a lookup are not those of its card")

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
