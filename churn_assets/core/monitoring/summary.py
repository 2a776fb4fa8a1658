"""A night's scores by tier and slice, and who moved between tiers since the last scored day; counted batch by batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.table_schemas import TIERS

__all__ = ["NOBODY", "TierSummary"]

NOBODY = len(TIERS)  # the tier before of a customer who had none
MISSING = "(missing)"
ALL = ""  # the column and the word of everybody
MOST_GROUPS = 20  # of a slice: the largest
WAYS = 4  # what is counted of each tier: customers, their probabilities, risen, fallen
RISEN = np.tri(NOBODY, NOBODY + 1, -1, dtype=np.int64)  # by tier and tier before: 1 where that was lower
FALLEN = np.array([[int(tier < before < NOBODY) for before in range(NOBODY + 1)] for tier in range(NOBODY)])


@dataclass
class TierSummary:
    """Counts of the customers by `slices` and tier; `of` holds them by column and word, each (tiers, 4)."""

    slices: Sequence[str]
    of: dict[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)

    def count(
        self,
        tiers: NDArray[np.uint8],
        probability: NDArray[np.float64],
        before: NDArray[np.uint8],
        groups: Mapping[str, pa.ChunkedArray],
    ) -> None:
        """Add customers.

        Args:
            tiers: the places of their tiers, (n).
            probability: theirs, (n).
            before: the places of their tiers on the last scored day, (n), `NOBODY` where they had none.
            groups: for each slice its dictionary-encoded column, (n).
        """
        for column in self.slices:
            start = 0
            for chunk in groups[column].chunks:
                words = (*chunk.dictionary.to_pylist(), MISSING)
                codes = chunk.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False).astype(np.int32)
                rows = slice(start, start := start + len(codes))
                self._add(column, words, codes, (tiers[rows], before[rows], probability[rows]))
        if not self.slices:
            self._add(ALL, (ALL,), np.zeros(len(tiers), np.int32), (tiers, before, probability))

    def _add(
        self,
        column: str,
        words: Sequence[Any],
        codes: NDArray[np.int32],
        rows: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float64]],
    ) -> None:
        from churn_assets.core.monitoring.summary_loop import count_tiers  # noqa: PLC0415  # imports numba

        moves = np.zeros((len(words), len(TIERS), NOBODY + 1), np.int64)
        sums = np.zeros((len(words), len(TIERS)))
        count_tiers(codes, *rows, moves, sums)
        counted = np.stack([moves.sum(2), sums, (moves * RISEN).sum(2), (moves * FALLEN).sum(2)], axis=2)
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
        counted = self.of | {(ALL, ALL): self._everybody()}
        for column in (ALL, *self.slices):
            sizes = {word: counts[:, 0].sum() for (name, word), counts in counted.items() if name == column}
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
                    for tier, counts in zip(TIERS, counted[column, word], strict=True)
                ]
        return rows

    def _everybody(self) -> NDArray[np.float64]:
        """The counts of all, (tiers, 4): each is in one group of any slice."""
        first = self.slices[0] if self.slices else ALL
        counts = [each for (column, _), each in self.of.items() if column == first]
        return np.sum(counts, axis=0) if counts else np.zeros((len(TIERS), WAYS))
