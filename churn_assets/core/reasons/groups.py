"""Leaves of boosted trees as boxes of codes, grouped for tables of Shapley values over the classes of a few columns."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.trees.ensemble import LEAF, Ensemble, Tables, Tree

__all__ = ["Group", "grouped", "table_of", "tree_of_leaves"]

MOST_CELLS = 4096

Codes = NDArray[np.bool_]


@dataclass(frozen=True)
class Leaf:
    """A leaf's `value`, and which codes of each column come to it; columns that do not matter are left out."""

    value: float
    allowed: dict[int, Codes]


@dataclass(frozen=True)
class Node:
    """Two subtrees; either may be gone where no row can come to it."""

    children: "tuple[Node | Leaf, ...]"


def tree_of_leaves(ensemble: Ensemble, tables: Tables, tree: Tree) -> Node | Leaf:
    """A tree as the boxes of its leaves, without those that no code can reach."""
    column = {feature: at for at, feature in enumerate(tables.used)}

    def visit(node: int, allowed: dict[int, Codes]) -> Node | Leaf | None:
        if tree.left[node] == LEAF:
            return Leaf(float(tree.value[node]), {at: codes for at, codes in allowed.items() if not codes.all()})
        feature = int(tree.feature[node])
        left = _goes_left(ensemble, tables, tree, node)
        here = allowed.get(column[feature], np.ones(len(left), dtype=bool))
        children = []
        for child, side in ((tree.left[node], here & left), (tree.right[node], here & ~left)):
            found = visit(int(child), {**allowed, column[feature]: side}) if side.any() else None
            children += [] if found is None else [found]
        return children[0] if len(children) == 1 else Node(tuple(children))

    root = visit(0, {})
    return Leaf(0.0, {}) if root is None else root


def _goes_left(ensemble: Ensemble, tables: Tables, tree: Tree, node: int) -> Codes:
    """Which codes of a node's feature go left, the missing one last."""
    feature, missing_left = int(tree.feature[node]), bool(tree.missing_left[node])
    if node in tree.goes_right:
        known = len(ensemble.categories[feature])
        return np.append(~tree.goes_right[node][:known], missing_left)
    grid = tables.grids[feature]
    rank = np.searchsorted(grid.thresholds[: grid.missing - 1], tree.threshold[node])
    return np.append(np.arange(grid.missing) <= rank, missing_left)


@dataclass(frozen=True)
class Group:
    """Leaves, and the class of each code by which they tell rows apart, by column of codes.

    Codes of a class are alike to every leaf of the group.
    """

    leaves: tuple[Leaf, ...]
    classes: dict[int, NDArray[np.int64]]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many classes each column has, by rising column."""
        return tuple(int(self.classes[column].max()) + 1 for column in sorted(self.classes))

    @property
    def cells(self) -> int:
        """How many combinations of classes there are."""
        return int(np.prod(self.shape, dtype=np.float64))


def grouped(tree: Node | Leaf) -> list[Group]:
    """The leaves of a tree in groups, each of neighbours and as large as its table may be."""
    if isinstance(tree, Leaf):
        return [Group((tree,), {column: codes.astype(np.int64) for column, codes in tree.allowed.items()})]
    groups = [group for child in tree.children for group in grouped(child)]
    merged: list[Group] = []
    for group in groups:
        joined = _merged(merged[-1], group) if merged else group
        if merged and joined.cells <= MOST_CELLS:
            merged[-1] = joined
        else:
            merged.append(group)
    return merged


def _merged(first: Group, second: Group) -> Group:
    classes = dict(first.classes)
    for column, more in second.classes.items():
        pairs = more if column not in classes else classes[column] * (more.max() + 1) + more
        classes[column] = np.unique(pairs, return_inverse=True)[1]
    return Group(first.leaves + second.leaves, classes)


def table_of(
    group: Group, players: NDArray[np.int64], background: NDArray[np.uint16]
) -> tuple[list[int], NDArray[np.float64]]:
    """The players of a group, and what all its leaves give each of them, by cell: (cells, players).

    Args:
        group: some leaves.
        players: to which feature each column of codes belongs.
        background: the codes of the background sample, (columns, sample).
    """
    columns = sorted(group.classes)
    members = sorted({int(players[column]) for column in columns})
    table = np.zeros((*group.shape, len(members)))
    for leaf in group.leaves:
        playing = sorted({int(players[column]) for column in leaf.allowed})
        pattern = np.zeros(group.shape, dtype=np.int64)
        seen = np.zeros(background.shape[1], dtype=np.int64)
        for bit, player in enumerate(playing):
            own = [column for column in leaf.allowed if players[column] == player]
            holds = reduce(np.logical_and, [_by_class(group, columns, column, leaf) for column in own])
            pattern |= holds.astype(np.int64) << bit
            stays = reduce(np.logical_and, [leaf.allowed[column][background[column]] for column in own])
            seen |= stays.astype(np.int64) << bit
        given = _leaf_values(leaf, len(playing), seen)
        for bit, player in enumerate(playing):
            table[..., members.index(player)] += given[pattern, bit]
    return members, table.reshape(-1, len(members))


def _by_class(group: Group, columns: list[int], column: int, leaf: Leaf) -> NDArray[np.bool_]:
    """Whether each class of a column comes to the leaf, along the column's own axis of the table."""
    classes = group.classes[column]
    holds = np.zeros(int(classes.max()) + 1, dtype=bool)
    holds[classes] = leaf.allowed[column]
    return holds.reshape([-1 if other == column else 1 for other in columns])


def _leaf_values(leaf: Leaf, size: int, seen: NDArray[np.int64]) -> NDArray[np.float64]:
    """What a leaf gives its `size` features, by the bits of a row; `seen` are those of the background sample."""
    from churn_assets.core.reasons.table_loops import leaf_values  # noqa: PLC0415  # numba takes half a second

    bits, counts = np.unique(seen, return_counts=True)
    given = np.empty((1 << size, size))
    leaf_values(bits, counts / len(seen), np.cumprod([1.0, *range(1, size + 1)]), given)
    return leaf.value * given
