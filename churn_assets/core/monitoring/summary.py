"""A night's scores by tier and slice, and who moved between tiers since the last scored day; counted batch by batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.table_schemas import TIERS

__all__ = ["TierSummary", "tier_codes"]

MISSING = "(missing)"
MOST_GROUPS = 20  # of a slice: the largest
WAYS = 4  # what is counted of each tier: customers, their probabilities, risen, fallen


def tier_codes(tiers: pa.ChunkedArray) -> NDArray[np.int64]:
    """The place among `TIERS` of each of dictionary-encoded `tiers`, (n)."""
    coded = [
        np.array([TIERS.index(word) for word in each.dictionary.to_pylist()], np.int64)[each.indices.to_numpy()]
        for each in tiers.chunks
    ]
    return np.concatenate([np.empty(0, np.int64), *coded])


@dataclass
class TierSummary:
    """Counts of the customers by `slices` and tier; `of` holds them by column and word, each (tiers, 4)."""

    slices: Sequence[str]
    of: dict[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)

    def count(
        self,
        tiers: NDArray[np.int64],
        probability: NDArray[np.float64],
        before: NDArray[np.int64],
        groups: Mapping[str, pa.ChunkedArray],
    ) -> None:
        """Add customers.

        Args:
            tiers: the places of their tiers, (n).
            probability: theirs, (n).
            before: the places of their tiers on the last scored day, (n), -1 where they had none.
            groups: for each slice its dictionary-encoded column, (n).
        """
        known = before >= 0
        risen, fallen = np.flatnonzero(known & (tiers > before)), np.flatnonzero(known & (tiers < before))
        self._add("", ("",), np.zeros(len(tiers), np.int64), (tiers, probability, risen, fallen))
        for column in self.slices:
            start = 0
            for chunk in groups[column].chunks:
                words = (*chunk.dictionary.to_pylist(), MISSING)
                codes = chunk.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False).astype(np.int64)
                stop = start + len(codes)
                moved = [each[(each >= start) & (each < stop)] - start for each in (risen, fallen)]
                self._add(column, words, codes, (tiers[start:stop], probability[start:stop], moved[0], moved[1]))
                start = stop

    def _add(self, column: str, words: Sequence[Any], codes: NDArray[np.int64], rows: tuple[NDArray[Any], ...]) -> None:
        tiers, probability, risen, fallen = rows
        cells = codes * len(TIERS) + tiers
        size = len(words) * len(TIERS)
        counted = np.stack(
            [
                np.bincount(cells, minlength=size).astype(np.float64),
                np.bincount(cells, probability, minlength=size),
                np.bincount(cells[risen], minlength=size),
                np.bincount(cells[fallen], minlength=size),
            ],
            axis=1,
        ).reshape(len(words), len(TIERS), WAYS)
        for word, counts in zip(words, counted, strict=True):
            if counts[:, 0].any():
                key = column, str(word)
                self.of[key] = self.of[key] + counts if key in self.of else counts

    def join(self, more: Self) -> None:
        """Add what another one has counted."""
        for key, counts in more.of.items():
            self.of[key] = self.of[key] + counts if key in self.of else counts

    def rows(self, *, has_before: bool) -> list[dict[str, Any]]:
        """The rows of `score_summary`; without a last scored day nobody has moved, which is told by null."""
        rows = []
        for column in ("", *self.slices):
            sizes = {word: counts[:, 0].sum() for (name, word), counts in self.of.items() if name == column}
            for word in sorted(sorted(sizes, key=lambda each: -sizes[each])[:MOST_GROUPS]):
                rows += [
                    {
                        "slice_column": column,
                        "slice_value": word,
                        "risk_tier": tier,
                        "customers": int(counts[0]),
                        "share": float(counts[0] / sizes[word]),
                        "mean_probability": float(counts[1] / counts[0]) if counts[0] else None,
                        "risen": int(counts[2]) if has_before else None,
                        "fallen": int(counts[3]) if has_before else None,
                    }
                    for tier, counts in zip(TIERS, self.of[column, word], strict=True)
                ]
        return rows
