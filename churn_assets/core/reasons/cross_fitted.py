"""The explainer of a cross-fitted model: each customer is explained by the model that scores them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.models.cross_fitting import CrossFitted
from churn_assets.core.reasons.linear import LinearExplainer
from churn_assets.core.reasons.trees import TreeExplainer

__all__ = ["CrossFittedExplainer", "SingleExplainer"]

SingleExplainer = TreeExplainer | LinearExplainer


@dataclass(frozen=True)
class CrossFittedExplainer:
    """The explainers of a cross-fitted model's scorers; the first column of the rows they are given names customers."""

    explainers: CrossFitted[SingleExplainer]

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """The model's features."""
        return self.explainers.final.feature_columns

    @property
    def base_value(self) -> float:
        """That of the model which scores customers that nobody learnt from."""
        return self.explainers.final.base_value

    def base_values(self, rows: pa.Table) -> NDArray[np.float64]:
        """The base value of whoever scores each of `rows`, (n)."""
        return self._asked(rows, lambda each, part: each.base_values(part)[:, np.newaxis])[:, 0]

    def contributions(self, rows: pa.Table) -> NDArray[np.float64]:
        """What each feature adds, (n, features)."""
        return self._asked(rows, lambda each, part: each.contributions(part))

    def _asked(
        self, rows: pa.Table, ask: Callable[[SingleExplainer, pa.Table], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        return self.explainers.score(rows, ask)
