"""The explainer of boosted trees."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.trees.predictor import TreeKernel

__all__ = ["TreeExplainer", "TreeTables"]


@dataclass(frozen=True)
class TreeTables:
    """Shapley values of groups of leaves, one lookup a group.

    Group g has columns `columns[first_column[g]:first_column[g + 1]]`, and code c of its i-th column adds
    `offsets[first_offset[i] + c]` to the number of the row's cell; the cell's values for the players
    `players[first_player[g]:first_player[g + 1]]` begin at `values[first_value[g] + cell * players]`.
    """

    first_column: NDArray[np.int64]
    columns: NDArray[np.int64]
    first_offset: NDArray[np.int64]
    offsets: NDArray[np.uint16]
    first_player: NDArray[np.int64]
    players: NDArray[np.int64]
    first_value: NDArray[np.int64]
    values: NDArray[np.float64]

    def check(self, kernel: TreeKernel) -> None:
        """See that no code of the kernel leads out of the tables: the loops do not look.

        Raises:
            ValueError: one does.
        """
        used = kernel.tables.used
        grids, words = kernel.tables.grids, kernel.tables.codes
        codes = np.array([(grids[each].missing if each in grids else len(words[each])) + 1 for each in used])
        members, sizes = np.diff(self.first_player), np.diff(self.first_value)
        groups = len(sizes)
        holds = (
            len(self.first_column) == len(self.first_player) == groups + 1
            and self.columns.size == self.first_column[-1] == len(self.first_offset) - 1
            and self.players.size == self.first_player[-1]
            and self.offsets.size == self.first_offset[-1]
            and self.values.size == self.first_value[-1]
            and all((np.diff(each) > 0).all() for each in (self.first_column, self.first_player, self.first_value))
            and ((self.columns >= 0) & (self.columns < len(used))).all()
            and (np.diff(self.first_offset) == codes[self.columns]).all()
            and ((self.players >= 0) & (self.players < len(kernel.columns))).all()
        )
        if holds and groups:
            greatest = np.maximum.reduceat(self.offsets, self.first_offset[:-1]).astype(np.int64)
            holds = ((np.add.reduceat(greatest, self.first_column[:-1]) + 1) * members <= sizes).all()
        if not holds:
            raise ValueError("the tables do not fit together")


@dataclass(frozen=True)
class TreeExplainer:
    """Reads a row's contributions from tables, by the codes that the trees' kernel has of it."""

    kernel: TreeKernel
    tables: TreeTables
    base_value: float

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """The model's features."""
        return self.kernel.columns

    def base_values(self, rows: pa.Table) -> NDArray[np.float64]:
        """The base value for each of `rows`, (n)."""
        return np.full(rows.num_rows, self.base_value)

    def contributions(self, rows: pa.Table) -> NDArray[np.float64]:
        """What each feature adds, (n, features)."""
        return self.contributions_of_codes(self.kernel.codes(rows))

    def contributions_of_codes(self, codes: NDArray[np.uint16]) -> NDArray[np.float64]:
        """The same of the kernel's codes, (used, n)."""
        t = self.tables
        out = np.zeros((len(self.feature_columns), codes.shape[1]))
        for group in range(len(t.first_value) - 1):
            cell = np.zeros(codes.shape[1], dtype=np.int64)
            for at in range(t.first_column[group], t.first_column[group + 1]):
                cell += t.offsets[t.first_offset[at] + codes[t.columns[at]]]
            members = t.players[t.first_player[group] : t.first_player[group + 1]]
            for bit, player in enumerate(members):
                out[player] += t.values[t.first_value[group] + cell * len(members) + bit]
        return np.ascontiguousarray(out.T)
