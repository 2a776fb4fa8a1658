"""What is told of a day's reasons in aggregates: whom they explain, and which family comes first how often."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.telling.families import AVERAGE, Family
from churn_assets.core.telling.ranking import Ranked

__all__ = ["ReasonCounts"]


@dataclass
class ReasonCounts:
    """Counted over parts, and joined.

    Attributes:
        explained: customers with reasons.
        first: how many of them have each family first.
        first_of_high: the same of those in the high tier.
        hidden: the sum of their hidden shares.
        trouble: why some were not explained, empty where all were.
    """

    explained: int = 0
    first: Counter[str] = field(default_factory=Counter)
    first_of_high: Counter[str] = field(default_factory=Counter)
    hidden: float = 0.0
    trouble: str = ""

    def count(self, ranked: Ranked, families: Sequence[Family], is_high: NDArray[np.bool_]) -> None:
        """Add customers, (n), some of whom are in the high tier."""
        names = [*(family.name for family in families), AVERAGE]  # -1, for no family, is the last
        first = ranked.families[:, 0]
        for counter, counted in ((self.first, first), (self.first_of_high, first[is_high])):
            places, customers = np.unique(counted, return_counts=True)
            counter.update({names[at]: int(many) for at, many in zip(places, customers, strict=True)})
        self.explained += len(first)
        self.hidden += float(ranked.hidden_share.sum())

    def join(self, other: "ReasonCounts") -> None:
        """Add what was counted of another part."""
        self.explained += other.explained
        self.first += other.first
        self.first_of_high += other.first_of_high
        self.hidden += other.hidden
        self.trouble = self.trouble or other.trouble

    def details(self) -> dict[str, Any]:
        """What a commit tells of them, the families that come first most often at the head."""
        return {
            "explained": self.explained,
            "first_families": dict(_by_size(self.first)),
            "first_families_of_high": dict(_by_size(self.first_of_high)),
            "mean_hidden_share": round(self.hidden / self.explained, 6) if self.explained else 0.0,
        }


def _by_size(counter: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda each: (-each[1], each[0]))
