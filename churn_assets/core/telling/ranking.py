"""Contributions of features into the strongest families of each customer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.telling.families import Family

__all__ = ["MOST", "Ranked", "rank"]

MOST = 4  # reasons a customer


@dataclass(frozen=True)
class Ranked:
    """The strongest families of each customer, the strongest first, of those that may be shown.

    Attributes:
        families: places among the families, (n, 4); -1 where there are no more. A customer with none is close to
            the average.
        values: their contributions in log-odds, (n, 4); of who is close to the average the sum of all in the first.
        features: the strongest feature of each, (n, 4), as places among the model's.
        other: what all that is not shown contributes, (n).
        hidden_share: of the hidden families in the absolute contributions of all, (n).
    """

    families: NDArray[np.int64]
    values: NDArray[np.float64]
    features: NDArray[np.int64]
    other: NDArray[np.float64]
    hidden_share: NDArray[np.float64]


def rank(
    contributions: NDArray[np.float64], features: Sequence[str], families: Sequence[Family], floor: float
) -> Ranked:
    """The families of each row of `contributions`, (n, features), that are above the `floor`, in log-odds.

    Equal ones come in the order of `families`, each feature of which is in one.
    """
    from churn_assets.core.telling.ranking_loops import (  # noqa: PLC0415  # numba takes half a second
        keep_strongest,
        sum_families,
    )

    rows = len(contributions)
    owner = {feature: at for at, family in enumerate(families) for feature in family.features}
    owners = np.array([owner[feature] for feature in features], np.int64)
    hidden = np.array([family.is_hidden for family in families], np.bool_)
    sums, strongest = np.empty((rows, len(families))), np.empty((rows, len(families)), np.int64)
    sum_families(np.ascontiguousarray(contributions), owners, sums, strongest)
    kept, values = np.empty((rows, MOST), np.int64), np.empty((rows, MOST))
    other, hidden_share = np.empty(rows), np.empty(rows)
    keep_strongest(sums, hidden, floor, kept, values, other, hidden_share)
    of_kept = np.where(kept < 0, -1, np.take_along_axis(strongest, np.maximum(kept, 0), axis=1))
    return Ranked(kept, values, of_kept, other, hidden_share)
