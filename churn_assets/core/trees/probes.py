"""Rows that come to every node of every tree, and lie on both sides of its split: by the trees alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from churn_assets.core.trees.ensemble import LEAF, Ensemble, Tree

__all__ = ["Cell", "path_rows"]

CATEGORIES = 16

Cell = float | str | None


@dataclass(frozen=True)
class _Allowed:
    """What a feature may be on the way to a node: above `low`, at most `high`, one of `codes`, or missing."""

    low: float = -np.inf
    high: float = np.inf
    codes: tuple[int, ...] = ()
    missing: bool = True


def path_rows(ensemble: Ensemble, kind: Any) -> Iterator[dict[int, Cell]]:
    """Cells by feature, where they matter, of rows that visit each node that can be visited.

    At a threshold stand the greatest number of this `kind` (float64, float32) that goes left, and the
    least that goes right; at categories some of them; and a missing value, which float32 is never.
    """
    for tree in ensemble.trees:
        waiting: list[tuple[int, dict[int, _Allowed]]] = [(0, {})]
        while waiting:
            node, allowed = waiting.pop()
            if tree.left[node] == LEAF:
                continue
            feature = int(tree.feature[node])
            here = allowed.get(feature, _root(ensemble, feature, kind))
            others = {at: _cell(ensemble, at, given, kind) for at, given in allowed.items() if at != feature}
            yield from ({**others, feature: cell} for cell in _split(ensemble, tree, node, here, kind))
            left, right = _sides(ensemble, tree, node, here, kind)
            for child, side in ((tree.left[node], left), (tree.right[node], right)):
                if side.missing or side.codes or _lowest(side, kind) <= side.high:
                    waiting.append((int(child), {**allowed, feature: side}))


def _root(ensemble: Ensemble, feature: int, kind: Any) -> _Allowed:
    codes = tuple(range(len(ensemble.categories.get(feature, ()))))
    return _Allowed(np.inf if codes else -np.inf, np.inf, codes, missing=kind is np.float64)


def _sides(ensemble: Ensemble, tree: Tree, node: int, here: _Allowed, kind: Any) -> tuple[_Allowed, _Allowed]:
    """What may go left of the node, and right."""
    missing_left = bool(tree.missing_left[node])
    left, right = (
        replace(here, missing=here.missing and missing_left),
        replace(here, missing=here.missing and not missing_left),
    )
    if int(tree.feature[node]) in ensemble.categories:
        goes_right = tree.goes_right[node]
        return (
            replace(left, codes=tuple(code for code in here.codes if not goes_right[code])),
            replace(right, codes=tuple(code for code in here.codes if goes_right[code])),
        )
    bound = _at_most(tree.threshold[node], kind)
    return replace(left, high=min(here.high, bound)), replace(right, low=max(here.low, bound))


def _split(ensemble: Ensemble, tree: Tree, node: int, here: _Allowed, kind: Any) -> list[Cell]:
    """Cells on both sides of the node's split that may come to it."""
    cells: list[Cell] = [None] if here.missing else []
    feature = int(tree.feature[node])
    if feature in ensemble.categories:
        first = node % max(1, len(here.codes))
        some = (here.codes[first:] + here.codes[:first])[:CATEGORIES]
        return cells + [ensemble.categories[feature][code] for code in some]
    bound = _at_most(tree.threshold[node], kind)
    beside = (bound, float(np.nextafter(kind(bound), kind(np.inf))))
    return cells + [number for number in beside if _lowest(here, kind) <= number <= here.high]


def _cell(ensemble: Ensemble, feature: int, allowed: _Allowed, kind: Any) -> Cell:
    """Something that is allowed: on the bound, where there is one."""
    if allowed.codes:
        return ensemble.categories[feature][allowed.codes[0]]
    lowest = _lowest(allowed, kind)
    if lowest > allowed.high or feature in ensemble.categories:
        return None
    if allowed.high < np.inf:
        return allowed.high
    return lowest if allowed.low > -np.inf else 0.0


def _lowest(allowed: _Allowed, kind: Any) -> float:
    if allowed.low == np.inf:
        return np.nan
    return -np.inf if allowed.low == -np.inf else float(np.nextafter(kind(allowed.low), kind(np.inf)))


def _at_most(threshold: float, kind: Any) -> float:
    """The greatest number of a kind that is not above a threshold."""
    near = kind(threshold)
    return float(near if near <= threshold else np.nextafter(near, kind(-np.inf)))
