"""The explainer of boosted trees."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.reasons.tables import TreeTables
from churn_assets.core.trees.predictor import TreeKernel

__all__ = ["TreeExplainer"]


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
        from churn_assets.core.reasons.loops import add_contributions  # noqa: PLC0415  # numba takes half a second

        given = np.empty((codes.shape[1], len(self.feature_columns)))
        add_contributions(codes, self.tables, given)
        return given
