"""The explainer of boosted trees: tables of Shapley values, as they are looked up."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.trees.predictor import TreeKernel

__all__ = ["TreeExplainer", "TreeTables", "check_tables"]


class TreeTables(NamedTuple):
    """Shapley values of groups of leaves, of which a row has one cell a group.

    Group g has columns of codes `columns[first_column[g]:first_column[g + 1]]`, and code c of the i-th of all
    columns adds `offsets[first_offset[i] + c]` to the number of the row's cell. What the cell gives the features
    `players[first_player[g]:first_player[g + 1]]` begins at `values[first_value[g] + cell * number of players]`.
    """

    first_column: NDArray[np.int64]
    columns: NDArray[np.int64]
    first_offset: NDArray[np.int64]
    offsets: NDArray[np.uint16]
    first_player: NDArray[np.int64]
    players: NDArray[np.int64]
    first_value: NDArray[np.int64]
    values: NDArray[np.float64]


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
        """The same of rows by the kernel's codes, (used, n)."""
        from churn_assets.core.reasons.table_loops import add_contributions  # noqa: PLC0415  # numba takes half a second

        given = np.empty((codes.shape[1], len(self.feature_columns)))
        add_contributions(codes, self.tables, given)
        return given


def check_tables(tables: TreeTables, kernel: TreeKernel) -> None:
    """See that no code of the kernel leads out of the tables: the loops do not look.

    Raises:
        ValueError: one does.
    """
    used, grids, words = kernel.tables.used, kernel.tables.grids, kernel.tables.codes
    codes = np.array([(grids[each].missing if each in grids else len(words[each])) + 1 for each in used], np.int64)
    counts = (tables.first_column, tables.first_player, tables.first_value)
    holds = (
        [each.dtype for each in tables] == [np.int64, np.int64, np.int64, np.uint16] + [np.int64] * 3 + [np.float64]
        and all(each.ndim == 1 for each in tables)
        and len({len(each) for each in counts}) == 1
        and all(len(each) and each[0] == 0 and (np.diff(each) > 0).all() for each in counts)
        and len(tables.columns) == tables.first_column[-1] == len(tables.first_offset) - 1
        and len(tables.offsets) == tables.first_offset[-1]
        and len(tables.players) == tables.first_player[-1]
        and len(tables.values) == tables.first_value[-1]
        and _within(tables.columns, len(used))
        and _within(tables.players, len(kernel.columns))
        and (np.diff(tables.first_offset) == codes[tables.columns]).all()
    )
    if holds and len(tables.columns):
        greatest = np.maximum.reduceat(tables.offsets, tables.first_offset[:-1]).astype(np.int64)
        cells = np.add.reduceat(greatest, tables.first_column[:-1]) + 1
        holds = (cells * np.diff(tables.first_player) <= np.diff(tables.first_value)).all()
    if not holds:
        raise ValueError("the tables do not fit together")


def _within(indices: NDArray[np.int64], size: int) -> bool:
    return bool(((indices >= 0) & (indices < size)).all())
