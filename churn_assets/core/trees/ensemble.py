"""Boosted trees as plain arrays, whoever fitted them, and packed for the compiled loops."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from churn_assets.core.trees.loops import Grid, Trees

__all__ = ["LEAF", "ROOM", "TOGETHER", "Ensemble", "KernelUnsupported", "Tables", "Tree", "build_tables"]

LEAF = -1
MAX_LEAVES = 256
MAX_CODES = 2**16
BUCKETS = 4096
BYTE = 255
BITS = 8
TOGETHER = 4  # steps of a tree, and trees, come in fours
ROOM = 4  # at least so many infinities follow the thresholds of a grid
TAILS = (0.0, 0.05, 0.1, 0.25)


class KernelUnsupported(Exception):
    """A model that the kernel does not compute; the message is a clause that says why."""


@dataclass(frozen=True)
class Tree:
    """Nodes, the root first: (nodes) arrays.

    A row goes left where its number is at most `threshold`, a missing one where `missing_left`.
    Where a node is in `goes_right`, a category goes right where that says so of its code.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]
    goes_right: dict[int, NDArray[np.bool_]]

    @property
    def leaves(self) -> int:
        """How many leaves it has."""
        return int((self.left == LEAF).sum())


@dataclass(frozen=True)
class Ensemble:
    """Trees whose values are added to `baseline` in their order; `categories` are texts by code, by feature.

    They are added in `single` precision where that is so.
    """

    features: int
    trees: list[Tree]
    baseline: float
    categories: dict[int, list[str]]
    single: bool = False


@dataclass(frozen=True)
class Tables:
    """An ensemble for the loops: the `used` features, how numbers of each become codes, and the trees.

    Attributes:
        used: the features that some tree looks at; the codes of a row are in their order.
        grids: of each used feature that is a number.
        codes: of each used feature that is a category: the code of each known text.
        trees: what the loops add up.
    """

    used: list[int]
    grids: "dict[int, Grid]"
    codes: dict[int, dict[str, int]]
    trees: "Trees"


def build_tables(ensemble: Ensemble) -> Tables:
    """The tables of an ensemble.

    Raises:
        KernelUnsupported: a tree has too many leaves, or a feature too many thresholds.
    """
    most = max(tree.leaves for tree in ensemble.trees)
    if most > MAX_LEAVES:
        raise KernelUnsupported(f"a tree has {most} leaves, and at most {MAX_LEAVES} are computed")
    used, thresholds = _used(ensemble)
    for values in thresholds.values():
        if len(values) + 2 > MAX_CODES or np.isnan(values).any():
            raise KernelUnsupported("a feature has too many thresholds, or one that is no number")
    writer = _Writer(used, thresholds, {feature: len(texts) for feature, texts in ensemble.categories.items()})
    for tree in ensemble.trees:
        writer.add(tree)
    return Tables(
        used,
        {feature: _grid(values) for feature, values in thresholds.items()},
        {f: {text: code for code, text in enumerate(ensemble.categories[f])} for f in used if f in ensemble.categories},
        writer.trees(ensemble.baseline, np.float32 if ensemble.single else np.float64),
    )


def _used(ensemble: Ensemble) -> tuple[list[int], dict[int, NDArray[np.float64]]]:
    used: set[int] = set()
    thresholds: dict[int, list[float]] = {}
    for tree in ensemble.trees:
        for node in np.flatnonzero(tree.left != LEAF).tolist():
            feature = int(tree.feature[node])
            used.add(feature)
            if node not in tree.goes_right:
                thresholds.setdefault(feature, []).append(tree.threshold[node])
    return sorted(used), {feature: np.unique(values) for feature, values in thresholds.items()}


@dataclass
class _Writer:
    """Steps of one tree after the other, and the columns of bytes that they turn out to need.

    A number's byte is its code less an offset, so that any number of thresholds fits; a missing
    one's is above or below all others. A category's byte has one bit of eight, or none where its
    code is among another eight.
    """

    used: list[int]
    thresholds: dict[int, NDArray[np.float64]]
    categories: dict[int, int]
    columns: dict[tuple[int, int, int], int] = field(default_factory=dict)
    tables: list[NDArray[np.uint8]] = field(default_factory=list)
    steps: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    first: list[int] = field(default_factory=lambda: [0])
    leaves: list[list[float]] = field(default_factory=list)

    def add(self, tree: Tree) -> None:
        """The steps of a tree: a row that goes right at a node moves on from the first leaf of the node's left."""
        values: list[float] = []

        def visit(node: int) -> None:
            if tree.left[node] == LEAF:
                values.append(float(tree.value[node]))
                return
            begin, at = len(self.steps), len(values)
            tests = self._tests(tree, node)
            self.steps += [(column, above, at, at, mask) for column, above, mask in tests]
            visit(tree.left[node])
            for step, (column, above, mask) in enumerate(tests, begin):
                self.steps[step] = (column, above, at, len(values), mask)
            visit(tree.right[node])

        visit(0)
        self.leaves.append(values)
        self._end_tree()

    def trees(self, baseline: float, kind: type) -> "Trees":
        """What was added, as arrays; the leaves are of this kind."""
        from churn_assets.core.trees.loops import Trees  # noqa: PLC0415  # numba takes half a second

        while len(self.leaves) % TOGETHER:
            self.leaves.append([0.0])
            self._end_tree()
        leaves: NDArray[Any] = np.zeros((len(self.leaves), max(map(len, self.leaves))), dtype=kind)
        for tree, values in enumerate(self.leaves):
            leaves[tree, : len(values)] = values
        tables = np.zeros((len(self.tables), max(map(len, self.tables), default=1)), dtype=np.uint8)
        for column, table in enumerate(self.tables):
            tables[column, : len(table)] = table
        steps = np.array(self.steps, dtype=np.int64).reshape(-1, 5)
        return Trees(
            features=np.array([self.used.index(feature) for feature, _, _ in self.columns], dtype=np.int64),
            tables=tables,
            columns=np.ascontiguousarray(steps[:, 0]),
            steps=steps[:, 1:].astype(np.uint8),
            first=np.array(self.first, dtype=np.int64),
            leaves=leaves,
            baseline=baseline,
        )

    def _end_tree(self) -> None:
        while len(self.steps) % TOGETHER:
            self.steps.append((0, BYTE, 0, 0, 0))
        self.first.append(len(self.steps))

    def _tests(self, tree: Tree, node: int) -> list[tuple[int, int, int]]:
        """Column, bound and mask of each test of a node; a row goes right where any of them holds."""
        feature, missing_left = int(tree.feature[node]), bool(tree.missing_left[node])
        if node not in tree.goes_right:
            rank = int(np.searchsorted(self.thresholds[feature], tree.threshold[node]))
            offset = rank // BYTE * BYTE
            return [(self._number_column(feature, offset, 0 if missing_left else BYTE), rank - offset, BYTE)]
        right = np.append(tree.goes_right[node][: self.categories[feature]], not missing_left)
        right = np.append(right, np.zeros(-len(right) % BITS, dtype=bool))
        masks = np.packbits(right, bitorder="little").tolist()
        return [(self._category_column(feature, word), 0, mask) for word, mask in enumerate(masks) if mask]

    def _number_column(self, feature: int, offset: int, missing: int) -> int:
        def table() -> NDArray[np.int64]:
            codes = np.arange(len(self.thresholds[feature]) + 1)
            return np.append(np.clip(codes - offset, 0, BYTE), missing)

        return self._column((feature, offset, missing), table)

    def _category_column(self, feature: int, word: int) -> int:
        def table() -> NDArray[np.int64]:
            codes = np.arange(self.categories[feature] + 1)
            return np.where(codes // BITS == word, 1 << codes % BITS, 0)

        return self._column((feature, word, 0), table)

    def _column(self, key: tuple[int, int, int], table: Callable[[], NDArray[np.int64]]) -> int:
        """The number of a column of bytes; its table is made for the first node that needs it."""
        if key not in self.columns:
            self.columns[key] = len(self.tables)
            self.tables.append(table().astype(np.uint8))
        return self.columns[key]


def _grid(thresholds: NDArray[np.float64]) -> "Grid":
    """Buckets of equal width over the thresholds or, where they thin out, over their middle: the fewest in one."""
    from churn_assets.core.trees.loops import Grid  # noqa: PLC0415  # as above

    best = (len(thresholds), np.zeros(1, dtype=np.uint16), 0.0, 0.0)
    finite = thresholds[np.isfinite(thresholds)]
    for low_tail in TAILS:
        for high_tail in TAILS if len(finite) else ():
            low = float(finite[int(low_tail * (len(finite) - 1))])
            width = float(finite[int((1 - high_tail) * (len(finite) - 1))]) - low
            scale = BUCKETS / width if 0 < width < np.inf else 0.0
            if not 0 < scale < np.inf:
                continue
            with np.errstate(over="ignore"):  # what lies far off is in the outermost bucket
                bucket = np.clip((thresholds - low) * scale, 0.0, BUCKETS - 1.0).astype(np.int64)
            held = np.bincount(bucket, minlength=BUCKETS)
            if held.max() < best[0]:
                best = (int(held.max()), (np.cumsum(held) - held).astype(np.uint16), low, scale)
    most, buckets, low, scale = best
    room = np.full(max(most, ROOM), np.inf)
    return Grid(np.concatenate([thresholds, room]), buckets, low, scale, most, len(thresholds) + 1)
