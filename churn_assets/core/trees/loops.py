"""The compiled loops of the tree kernel, each over rows. Importing this module imports numba: import it late."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.compiling import compiled

__all__ = ["Grid", "Trees", "code_numbers", "sum_trees"]

ROWS = 4096  # the bytes of a block's columns stay in the second-level cache
TOGETHER = 4


class Grid(NamedTuple):
    """Where to look for a number among the sorted thresholds of a feature.

    `buckets` (b) says how many thresholds lie in buckets before each; at most `most` lie in one.
    `thresholds` are followed by infinities, so that one may look `most` beyond the last.
    """

    thresholds: NDArray[np.float64]
    buckets: NDArray[np.uint16]
    low: float
    scale: float
    most: int
    missing: int


class Trees(NamedTuple):
    """Binary trees as tests of bytes.

    A row has a code of each feature. Column c of bytes is `tables[c]` of the code of feature
    `features[c]`. Step s moves a row from leaf `steps[s, 1]` to leaf `steps[s, 2]` where
    `byte & steps[s, 3] > steps[s, 0]` of column `columns[s]`: a row starts at a tree's first leaf, and the
    steps of a tree, parents first, move it to the one it belongs to. Tree t has steps `first[t]` up
    to `first[t + 1]` and the values `leaves[t]`. Steps of a tree, and trees, come in fours. In the precision of
    the leaves the sums are made.
    """

    features: NDArray[np.int64]
    tables: NDArray[np.uint8]
    columns: NDArray[np.int64]
    steps: NDArray[np.uint8]
    first: NDArray[np.int64]
    leaves: NDArray[np.floating]
    baseline: float


@compiled
def code_numbers(values: NDArray[np.float64], grid: Grid, codes: NDArray[np.uint16]) -> None:
    """How many thresholds are less than each of `values`, (n), or `grid.missing` for NaN, into `codes`, (n).

    The bucket of a number does not fall as the number rises, so thresholds of earlier buckets are
    less, those of later ones are not, and only those of its own are looked at.
    """
    thresholds = grid.thresholds
    buckets = grid.buckets
    low = grid.low
    scale = grid.scale
    missing = grid.missing
    last = buckets.size - 1.0
    if grid.most <= 3:  # noqa: PLR2004  # two comparisons find the place among three
        for row in range(values.size):
            value = values[row]
            bucket = (value - low) * scale
            bucket = bucket if bucket > 0.0 else 0.0  # noqa: FURB136  # NaN gets the first bucket
            bucket = bucket if bucket < last else last  # noqa: FURB136  # as above
            code = np.int32(buckets[np.int32(bucket)])
            code += 2 if thresholds[code + 1] < value else 0
            code += 1 if thresholds[code] < value else 0
            codes[row] = missing if value != value else code  # noqa: PLR0124  # NaN, and it vectorizes
        return
    for row in range(values.size):
        value = values[row]
        bucket = (value - low) * scale
        bucket = bucket if bucket > 0.0 else 0.0  # noqa: FURB136  # NaN gets the first bucket
        bucket = bucket if bucket < last else last  # noqa: FURB136  # as above
        code = np.int32(buckets[np.int32(bucket)])
        less = np.int32(0)
        for at in range(grid.most):
            less += np.int32(thresholds[code + at] < value)
        codes[row] = missing if value != value else code + less  # noqa: PLR0124  # as above


@compiled
def _look_up(codes: NDArray[np.uint16], start: int, size: int, trees: Trees, columns: NDArray[np.uint8]) -> None:
    tables = trees.tables
    for column in range(columns.shape[0]):
        feature = trees.features[column]
        for row in range(size):
            columns[column, row] = tables[column, codes[feature, start + row]]


@compiled
def _four_steps(
    columns: NDArray[np.uint8], trees: Trees, step: int, reached: NDArray[np.uint8], tree: int, size: int
) -> None:
    steps = trees.steps  # four at once, so that a row's leaf stays in a register
    c0, c1, c2, c3 = trees.columns[step], trees.columns[step + 1], trees.columns[step + 2], trees.columns[step + 3]
    t0, from0, to0, m0 = steps[step, 0], steps[step, 1], steps[step, 2], steps[step, 3]
    t1, from1, to1, m1 = steps[step + 1, 0], steps[step + 1, 1], steps[step + 1, 2], steps[step + 1, 3]
    t2, from2, to2, m2 = steps[step + 2, 0], steps[step + 2, 1], steps[step + 2, 2], steps[step + 2, 3]
    t3, from3, to3, m3 = steps[step + 3, 0], steps[step + 3, 1], steps[step + 3, 2], steps[step + 3, 3]
    for row in range(size):
        leaf = reached[tree, row]
        leaf = to0 if (leaf == from0) & ((columns[c0, row] & m0) > t0) else leaf
        leaf = to1 if (leaf == from1) & ((columns[c1, row] & m1) > t1) else leaf
        leaf = to2 if (leaf == from2) & ((columns[c2, row] & m2) > t2) else leaf
        leaf = to3 if (leaf == from3) & ((columns[c3, row] & m3) > t3) else leaf
        reached[tree, row] = leaf


@compiled
def _add_four(
    leaves: NDArray[np.floating],
    tree: int,
    reached: NDArray[np.uint8],
    start: int,
    size: int,
    sums: NDArray[np.floating],
) -> None:
    for row in range(size):
        value = (sums[start + row] + leaves[tree, reached[0, row]]) + leaves[tree + 1, reached[1, row]]
        sums[start + row] = (value + leaves[tree + 2, reached[2, row]]) + leaves[tree + 3, reached[3, row]]


@compiled
def sum_trees(codes: NDArray[np.uint16], trees: Trees, sums: NDArray[np.floating]) -> None:
    """Baseline and a leaf of each tree, added in the trees' order, into `sums`, (n), of `codes`, (features, n)."""
    columns = np.empty((trees.features.size, ROWS), dtype=np.uint8)
    reached = np.empty((TOGETHER, ROWS), dtype=np.uint8)
    for start in range(0, sums.size, ROWS):
        size = min(ROWS, sums.size - start)
        _look_up(codes, start, size, trees, columns)
        sums[start : start + size] = trees.baseline
        for tree in range(0, trees.leaves.shape[0], TOGETHER):
            for each in range(TOGETHER):
                reached[each, :size] = 0
                for step in range(trees.first[tree + each], trees.first[tree + each + 1], 4):
                    _four_steps(columns, trees, step, reached, each, size)
            _add_four(trees.leaves, tree, reached, start, size, sums)
