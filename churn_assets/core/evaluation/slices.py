"""Quality and selection compared between groups of customers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from churn_assets.core.evaluation.results import Slice

__all__ = ["slice_quality"]

LEAST_CHURNERS = 10
MOST_GROUPS = 20


def slice_quality(
    groups: pd.DataFrame, churned: NDArray[np.bool_], probability: NDArray[np.float64], high_above: float
) -> tuple[Slice, ...]:
    """The largest groups of each column of `groups` (n rows), with their quality.

    Args:
        groups: one column for each slice, as text or numbers; missing values are a group of their own.
        churned: outcomes, (n).
        probability: scores, (n).
        high_above: the bound of the high tier.
    """
    slices: list[Slice] = []
    for column in groups.columns:
        values = groups[column].astype("object").where(groups[column].notna(), "(missing)").astype("str").to_numpy()
        frequent = pd.Series(values).value_counts().head(MOST_GROUPS).index
        rows = [_slice(column, value, values == value, churned, probability, high_above) for value in sorted(frequent)]
        slices += _with_impact(rows)
    return tuple(slices)


def _slice(
    column: str,
    value: str,
    here: NDArray[Any],
    churned: NDArray[np.bool_],
    probability: NDArray[np.float64],
    high_above: float,
) -> Slice:
    churners = int(churned[here].sum())
    enough = min(churners, int(here.sum()) - churners) >= LEAST_CHURNERS
    return Slice(
        column=column,
        value=value,
        rows=int(here.sum()),
        base_rate=churners / int(here.sum()),
        mean_score=float(probability[here].mean()),
        roc_auc=float(roc_auc_score(churned[here], probability[here])) if enough else None,
        selection_rate=float((probability[here] > high_above).mean()),
        disparate_impact=None,
    )


def _with_impact(rows: Sequence[Slice]) -> list[Slice]:
    highest = max((each.selection_rate for each in rows if each.is_large), default=0.0)
    if not highest:
        return list(rows)
    return [each.model_copy(update={"disparate_impact": each.selection_rate / highest}) for each in rows]
