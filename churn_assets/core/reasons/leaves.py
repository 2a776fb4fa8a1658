"""The leaves of boosted trees as boxes of codes, and what each leaf gives its features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.trees.ensemble import LEAF, Ensemble, Tables, Tree

__all__ = ["Leaf", "Node", "tree_of_leaves"]

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
