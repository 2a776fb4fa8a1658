"""The compiled loops that rank reasons, each over rows. Importing this module imports numba: import it late."""

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.compiling import compiled

__all__ = ["keep_strongest", "sum_families"]


@compiled
def sum_families(
    contributions: NDArray[np.float64],
    owners: NDArray[np.int64],
    sums: NDArray[np.float64],
    strongest: NDArray[np.int64],
) -> None:
    """Add up each row of `contributions`, (n, f), by the family that owns each feature, `owners` (f).

    `sums`, (n, families), takes what each comes to, `strongest` its feature with the largest contribution.
    """
    sums[:] = 0.0
    strongest[:] = -1
    for row in range(contributions.shape[0]):
        for feature in range(owners.size):
            owner, given = owners[feature], contributions[row, feature]
            sums[row, owner] += given
            best = strongest[row, owner]
            if best < 0 or abs(given) > abs(contributions[row, best]):
                strongest[row, owner] = feature


@compiled
def keep_strongest(  # noqa: PLR0917  # arrays in and arrays out
    sums: NDArray[np.float64],
    hidden: NDArray[np.bool_],
    floor: float,
    families: NDArray[np.int64],
    values: NDArray[np.float64],
    other: NDArray[np.float64],
    hidden_share: NDArray[np.float64],
) -> None:
    """Of each row of `sums`, (n, families), keep the largest that are above the `floor` and not `hidden`.

    `families` and `values`, (n, r), take the largest first, of equals the first of the list; -1 where there are no
    more. Where there is none at all the first value is the sum of all that may be shown. `other`, (n), takes what is
    in no value, `hidden_share`, (n), the share of the hidden ones in all that moves the row.
    """
    places = families.shape[1]
    families[:] = -1
    values[:] = 0.0
    for row in range(sums.shape[0]):
        size, unseen, visible, told = 0.0, 0.0, 0.0, 0.0
        for family in range(hidden.size):
            value = sums[row, family]
            size += abs(value)
            if hidden[family]:
                unseen += abs(value)
                continue
            visible += value
            place = places if abs(value) > floor else 0
            while place > 0 and (families[row, place - 1] < 0 or abs(value) > abs(values[row, place - 1])):
                place -= 1
                if place + 1 < places:
                    families[row, place + 1] = families[row, place]
                    values[row, place + 1] = values[row, place]
                families[row, place] = family
                values[row, place] = value
        if families[row, 0] < 0:
            values[row, 0] = visible
        for place in range(places):
            told += values[row, place]
        other[row] = sums[row].sum() - told
        hidden_share[row] = unseen / size if size > 0 else 0.0
