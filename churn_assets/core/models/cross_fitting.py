"""Customers whose outcome taught a model are scored by one that did not learn from them: out of fold.

A labelled export has no time: the customers to score are those that were learnt from. What a model gives to rows
it has seen flatters it, and them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.hashing import stable_hash

if TYPE_CHECKING:
    from churn_assets.core.trees.predictor import TreeKernel

__all__ = ["FOLDS", "CrossFitted", "fold_of", "known_hashes"]

FOLDS = 5
FINAL = 0  # the place of the model that learnt from everybody

Scorer = TypeVar("Scorer")
Other = TypeVar("Other")


def fold_of(ids: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """The fold of each customer, (n), the same wherever and whenever it is met; the first one is the hold-out."""
    return (stable_hash(ids) % FOLDS).astype(np.int64)


def known_hashes(ids: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    """What a model keeps of the customers it learnt from, ascending: no id comes back from it."""
    return np.unique(stable_hash(ids))


@dataclass(frozen=True)
class CrossFitted(Generic[Scorer]):
    """A model that learnt from everybody, and one for each fold that did not learn from the customers in it.

    Attributes:
        final: what scores customers that nobody learnt from.
        folds: what scores those that were learnt from, each by its place.
        learnt: ascending hashes of the customers that were learnt from.
    """

    final: Scorer
    folds: tuple[Scorer, ...]
    learnt: NDArray[np.uint64]

    @property
    def scorers(self) -> tuple[Scorer, ...]:
        """All of them, the final one first."""
        return (self.final, *self.folds)

    def convert(self, scorers: Sequence[Other]) -> "CrossFitted[Other]":
        """The same with other scorers, in the order of these."""
        return CrossFitted(scorers[0], tuple(scorers[1:]), self.learnt)

    def score(self, rows: pa.Table, score: Callable[[Scorer, pa.Table], NDArray[np.float64]]) -> NDArray[np.float64]:
        """What `score` gives each of `rows` (n, ...), the first column of which are customers, by whoever may judge it.

        Of no rows it is what the final one gives.
        """
        places = self._places(rows.column(0))
        given = {
            int(place): score(self.scorers[place], rows.filter(pa.array(places == place)))
            for place in (np.unique(places) if len(places) else [FINAL])
        }
        gathered = np.empty((rows.num_rows, *next(iter(given.values())).shape[1:]))
        for place, each in given.items():
            gathered[places == place] = each
        return gathered

    def _places(self, ids: pa.ChunkedArray) -> NDArray[np.int64]:
        hashes = stable_hash(ids)
        at = np.minimum(np.searchsorted(self.learnt, hashes), len(self.learnt) - 1)
        return np.where(self.learnt[at] == hashes, 1 + (hashes % len(self.folds)).astype(np.int64), FINAL)


@dataclass(frozen=True)
class CrossFittedKernel:
    """The compiled kernels of a cross-fitted model, each proven for its own scorer."""

    kernels: "CrossFitted[TreeKernel]"

    def predict(self, rows: pa.Table) -> NDArray[np.float64]:
        """Probability of churn for each of `rows`, (n); their first column is the customers."""
        return self.kernels.score(rows, lambda kernel, part: kernel.predict(part))
