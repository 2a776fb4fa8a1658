"""The customers of a score version with their tiers: from its lookup, where nothing is compressed.

A lookup that is damaged, or that nobody wrote, costs time and no more: the same rows are read from the version's files.
"""

import contextlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.errors import LookupFault
from churn_assets.core.table_schemas import TIERS
from churn_assets.storage.layout import lookup_folder
from churn_assets.storage.lookup.format import LookupCard
from churn_assets.storage.lookup.reader import read_part
from churn_assets.storage.tables.parquet import count_rows, text_bounds
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["TierRows", "TiersByCustomer"]

PARTS_HELD = (
    4  # of the day before: two threads, each at a part of today that begins in one of them and ends in the next
)


class TierRows(NamedTuple):
    """Some customers in the order of their ids: `tiers` are places among `TIERS`."""

    ids: pa.Array
    probability: NDArray[np.float64]
    tiers: NDArray[np.uint8]


class TiersByCustomer:
    """The rows of a score version, part by part or by ids; no more than some parts of it are ever in memory."""

    def __init__(self, root: Path, version: PartitionVersion) -> None:
        """Of a version of the table below `root`."""
        self._version = version
        self._folder = root / lookup_folder(version.day, version.version)
        self._card: LookupCard | None = None
        with contextlib.suppress(LookupFault):
            self._card = LookupCard.read(self._folder, version.day, version.version)
        self._bounds = [text_bounds(path, "customer_id") for path in version.files]
        self._held = lru_cache(PARTS_HELD)(lambda part: list(self.part(part)))

    def rows(self, number: int) -> int:
        """How many rows a part holds."""
        return count_rows(self._version.files[number])

    def part(self, number: int) -> Iterator[TierRows]:
        """The rows of a part, in pieces of 131,072."""
        with contextlib.suppress(LookupFault):
            if self._card:
                return _of_lookup(self._card, number, read_part(self._folder, self._card, number))
        columns = ["customer_id", "churn_probability", "risk_tier"]
        return map(_of_file, self._version.batches(columns, part=number, categories=["risk_tier"]))

    def between(self, first: bytes, last: bytes) -> tuple[pa.ChunkedArray, NDArray[np.uint8]]:
        """The ids from `first` to `last`, both included, (n), and their tiers, (n)."""
        ids: list[pa.Array] = []
        tiers: list[NDArray[np.uint8]] = [np.empty(0, np.uint8)]
        for number, bounds in enumerate(self._bounds):
            if bounds is None or bounds[0] > last or bounds[1] < first:
                continue
            for rows in self._held(number):
                start = bisect_left(rows.ids, first, key=_text)
                stop = bisect_right(rows.ids, last, lo=start, key=_text)
                ids.append(rows.ids[start:stop])
                tiers.append(rows.tiers[start:stop])
        return pa.chunked_array(ids, pa.string()), np.concatenate(tiers)


def _text(customer_id: pa.StringScalar) -> bytes:
    return bytes(customer_id.as_buffer())


def _of_lookup(card: LookupCard, number: int, batches: Sequence[pa.RecordBatch]) -> Iterator[TierRows]:
    tiers = np.array([TIERS.index(card.kinds[kind].risk_tier) for kind in card.parts[number].kinds], np.uint8)
    for ids, probability, kinds in (batch.columns for batch in batches):
        yield TierRows(ids, probability.to_numpy(), tiers.take(kinds.to_numpy()))


def _of_file(rows: pa.Table) -> TierRows:
    ids, probability, tiers = (column.combine_chunks() for column in rows.columns)
    place = np.array([TIERS.index(word) for word in tiers.dictionary.to_pylist()], np.uint8)
    return TierRows(ids, probability.to_numpy(), place.take(tiers.indices.to_numpy()))
