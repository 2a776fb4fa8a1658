"""Boosted trees as plain arrays, whoever fitted them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAF", "Ensemble", "KernelUnsupported", "Tree"]

LEAF = -1


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
    """Trees whose values are added to `baseline` in their order; `categories` are texts by code, by feature."""

    features: int
    trees: list[Tree]
    baseline: float
    categories: dict[int, list[str]]
