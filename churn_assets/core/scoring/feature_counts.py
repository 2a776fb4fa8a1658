"""A day's features counted as they are scored: in the bins of the model's reference, and how many rows are alike.

Rows that are alike are told by linear counting (Whang 1990): each row sets the bit of a table that a hash of its
features names, and the share of bits that stay unset tells how many different rows there were. So all rows of a day
are counted in little room, in any order and by any number of cores, with the same result.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.core.arrow.conversion import doubles_of
from churn_assets.core.arrow.hashing import stable_hash
from churn_assets.core.evaluation.results import FeatureSummary, Histogram

__all__ = ["FeatureCounts"]

LEAST_BITS, MOST_BITS = 20, 24  # of the number of a bit: from 128 KiB to 2 MiB
ROWS_A_BIT = 4  # so many rows, and the share is told to a thousandth or two
UNSET = 100  # bits at least, or too few are left to tell from
HASH_BITS = 64
WORD_BITS = 64


@dataclass(frozen=True)
class _Words:
    """The words of a dictionary: where each is counted, its hash, and whether the model never met it.

    Behind the last word stands what holds of rows that have none.
    """

    dictionary: pa.Array
    places: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    unmet: NDArray[np.bool_]


class FeatureCounts:
    """What is counted of the feature rows that a model scores.

    Attributes:
        rows: how many there were.
        counts: of each feature the rows without a value, then those that reach each edge, or of each category and of
            all others.
        marks: the bits that rows have set, 64 a number; None where nothing was counted.
        unseen: of each category whose words are known, the rows with another one.
    """

    def __init__(
        self, bins: Mapping[str, Histogram], rows: int, words: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        """Nothing yet, of a day of about so many `rows`, in the `bins` of each feature; `words` are those known."""
        self.rows = 0
        self._bins = bins
        self._known = words or {}
        self.unseen = dict.fromkeys(self._known, 0)
        self._expected = rows
        self._bits = min(max((rows // ROWS_A_BIT).bit_length(), LEAST_BITS), MOST_BITS)
        self.marks: NDArray[np.uint64] | None = None
        self.counts = {name: np.zeros(_places(each), np.int64) for name, each in bins.items()}
        self._edges = {name: np.array(each.edges, np.float64) for name, each in bins.items()}
        self._words: dict[str, _Words] = {}

    def empty_copy(self) -> "FeatureCounts":
        """Counts of other rows of the same day, of which nothing was seen yet."""
        return FeatureCounts(self._bins, self._expected, self._known)

    def count(self, batch: pa.Table) -> None:
        """Add feature rows; nothing of them where there are no bins."""
        if not self._bins:
            return
        from churn_assets.core.scoring.feature_loops import count_numbers, mark_rows  # noqa: PLC0415  # loads numba

        hashes = np.zeros(batch.num_rows, np.uint64)
        for name, counts in self.counts.items():
            edges, done = self._edges[name], 0
            for chunk in batch.column(name).chunks:
                of_rows = hashes[done : done + len(chunk)]
                if _is_text(chunk.type):
                    self._count_words(name, chunk.dictionary_encode(), of_rows)
                else:
                    numbers = doubles_of(chunk)
                    count_numbers(numbers, numbers.view(np.uint64), edges, counts, of_rows)
                done += len(chunk)
        mark_rows(hashes, np.uint64(HASH_BITS - self._bits), self._table())
        self.rows += batch.num_rows

    def join(self, more: "FeatureCounts") -> None:
        """Add what was counted of other rows."""
        if more.marks is None:
            return
        self.rows += more.rows
        for name, counts in more.counts.items():
            self.counts[name] += counts
        for name, rows in more.unseen.items():
            self.unseen[name] += rows
        np.bitwise_or(self._table(), more.marks, out=self._table())

    def summary(self) -> FeatureSummary:
        """What was counted so far."""
        counted = {name: _histogram(each, self.counts[name], self.rows) for name, each in self._bins.items()}
        share = self._duplicate_share()
        return FeatureSummary(rows=self.rows, duplicate_share=share, features=counted, unseen=dict(self.unseen))

    def _duplicate_share(self) -> float | None:
        """The share of the rows that repeat another one; None where it cannot be told."""
        if not self.rows:
            return None
        bits = 1 << self._bits
        unset = bits - int(np.bitwise_count(self._table()).sum())
        return None if unset < UNSET else max(0.0, 1 - bits * log(bits / unset) / self.rows)

    def _table(self) -> NDArray[np.uint64]:
        if self.marks is None:  # what only says how to count takes no room
            self.marks = np.zeros((1 << self._bits) // WORD_BITS, np.uint64)
        return self.marks

    def _count_words(self, name: str, chunk: pa.DictionaryArray, of_rows: NDArray[np.uint64]) -> None:
        from churn_assets.core.scoring.feature_loops import mix_words  # noqa: PLC0415  # as above

        known = self._words.get(name)
        if known is None or not known.dictionary.equals(chunk.dictionary):
            known = self._words[name] = _words_of(chunk.dictionary, self._bins[name].categories, self._known.get(name))
        codes = _codes(chunk)
        rows = np.bincount(codes, minlength=len(known.places))
        np.add.at(self.counts[name], known.places, rows)
        if name in self.unseen:
            self.unseen[name] += int(rows[known.unmet].sum())
        mix_words(codes, known.hashes, of_rows)


def _places(bins: Histogram) -> int:
    """How many counts there are of a feature."""
    return 1 + (len(bins.edges) or len(bins.categories) + 1)


def _histogram(bins: Histogram, counts: NDArray[Any], rows: int) -> Histogram:
    missing, *there = counts.tolist()
    if bins.categories:
        return Histogram(categories=bins.categories, counts=tuple(there), missing=missing)
    between = -np.diff([rows - missing, *there[: len(bins.edges)], 0])
    return Histogram(edges=bins.edges, counts=tuple(between.tolist()), missing=missing)


def _words_of(dictionary: pa.Array, categories: tuple[str, ...], known: tuple[str, ...] | None) -> _Words:
    texts = dictionary.cast(pa.string())
    found = pc.index_in(texts, value_set=pa.array(categories, pa.string())).fill_null(len(categories))
    met = pc.is_in(texts, value_set=pa.array(known or (), pa.string())).to_numpy(zero_copy_only=False)
    hashes = np.append(stable_hash(texts), np.uint64(0))
    return _Words(dictionary, np.append(found.to_numpy() + 1, 0), hashes, np.append(~met, values=False))


def _codes(chunk: pa.DictionaryArray) -> NDArray[np.int32]:
    """The place of each row's word in the dictionary, and one behind the last where it has none."""
    codes = chunk.indices.fill_null(len(chunk.dictionary)) if chunk.indices.null_count else chunk.indices
    return np.array(codes.to_numpy(), dtype=np.int32)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))
