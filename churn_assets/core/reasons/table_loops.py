"""The compiled loops of tables of Shapley values. Importing this module imports numba: import it late."""

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.compiling import compiled
from churn_assets.core.reasons.trees import TreeTables

__all__ = ["add_contributions", "leaf_values"]

ROWS = 16_384  # the values of a table are fetched once for so many rows


@compiled
def leaf_values(
    seen: NDArray[np.int64], shares: NDArray[np.float64], factorials: NDArray[np.float64], given: NDArray[np.float64]
) -> None:
    """What a leaf of value one gives each feature of its path, into `given`, (2^features, features).

    Bit i of a row says that it goes the leaf's way at feature i. `seen` (s) are the bits of the background sample,
    each once, `shares` (s) how many have them, `factorials` those of 0 up to the number of features.

    Against one of the background a leaf is reached by the sets of features that hold all of `plus`, at which only
    the row goes its way, and none of `minus`, at which only the other does. Each of `plus` gains
    (plus - 1)! minus! / (plus + minus)!, each of `minus` loses plus! (minus - 1)! / (plus + minus)!.
    """
    size = given.shape[1]
    every = given.shape[0] - 1
    for row in range(given.shape[0]):
        given[row, :] = 0.0
        minus = 0
        for bit in range(size):
            minus += 1 - (row >> bit & 1)
        lost = 0.0
        for at in range(seen.size):
            other = seen[at]
            if row | other != every:
                continue
            plus = 0
            for bit in range(size):
                plus += 1 - (other >> bit & 1)
            both = shares[at] / factorials[plus + minus]
            if minus:
                lost += both * factorials[plus] * factorials[minus - 1]
            if plus:
                gained = both * factorials[plus - 1] * factorials[minus]
                for bit in range(size):
                    given[row, bit] += gained if not other >> bit & 1 else 0.0
        for bit in range(size):
            given[row, bit] -= lost if not row >> bit & 1 else 0.0


@compiled
def _cells(codes: NDArray[np.uint16], start: int, tables: TreeTables, group: int, cells: NDArray[np.uint32]) -> None:
    offsets, first, columns = tables.offsets, tables.first_offset, tables.columns
    at, end = tables.first_column[group], tables.first_column[group + 1]
    cells[:] = 0
    while at + 3 < end:  # four at once, so that a row's sum stays in a register
        c0, c1, c2, c3 = columns[at], columns[at + 1], columns[at + 2], columns[at + 3]
        codes0, codes1, codes2, codes3 = codes[c0, start:], codes[c1, start:], codes[c2, start:], codes[c3, start:]
        o0, o1 = offsets[first[at] : first[at + 1]], offsets[first[at + 1] : first[at + 2]]
        o2, o3 = offsets[first[at + 2] : first[at + 3]], offsets[first[at + 3] : first[at + 4]]
        for row in range(cells.size):
            low, high = o0[codes0[row]] + o1[codes1[row]], o2[codes2[row]] + o3[codes3[row]]
            cells[row] += low + high
        at += 4
    while at < end:
        codes0, o0 = codes[columns[at], start:], offsets[first[at] : first[at + 1]]
        for row in range(cells.size):
            cells[row] += o0[codes0[row]]
        at += 1


@compiled
def _add_values(tables: TreeTables, group: int, cells: NDArray[np.uint32], sums: NDArray[np.float64]) -> None:
    players = tables.players
    at, end = tables.first_player[group], tables.first_player[group + 1]
    width, value = np.uint32(end - at), tables.first_value[group]
    for row in range(cells.size):
        cells[row] *= width
    while at + 3 < end:  # likewise, and four of a cell lie beside each other
        values = tables.values[value:]
        sums0, sums1, sums2, sums3 = (
            sums[players[at]],
            sums[players[at + 1]],
            sums[players[at + 2]],
            sums[players[at + 3]],
        )
        for row in range(cells.size):
            place = np.uint64(cells[row])
            sums0[row] += values[place]
            sums1[row] += values[place + np.uint64(1)]
            sums2[row] += values[place + np.uint64(2)]
            sums3[row] += values[place + np.uint64(3)]
        at += 4
        value += 4
    while at < end:
        values, sums0 = tables.values[value:], sums[players[at]]
        for row in range(cells.size):
            sums0[row] += values[cells[row]]
        at += 1
        value += 1


@compiled
def add_contributions(codes: NDArray[np.uint16], tables: TreeTables, given: NDArray[np.float64]) -> None:
    """The contributions of rows, group by group, into `given`, (n, features), of their `codes`, (columns, n)."""
    rows, features = given.shape
    all_cells = np.empty(min(ROWS, rows), dtype=np.uint32)
    sums = np.empty((features, min(ROWS, rows)))
    for start in range(0, rows, ROWS):
        size = min(ROWS, rows - start)
        cells = all_cells[:size]
        sums[:, :] = 0.0
        for group in range(tables.first_value.size - 1):
            _cells(codes, start, tables, group, cells)
            _add_values(tables, group, cells, sums)
        for row in range(size):
            for feature in range(features):
                given[start + row, feature] = sums[feature, row]
