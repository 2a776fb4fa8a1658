"""Which features a model leans on."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.inspection import permutation_importance
from threadpoolctl import threadpool_limits

from churn_assets.core.evaluation.sampling import rows_of_each_kind

__all__ = ["permutation_importances"]

ROWS_OF_EACH_KIND = 1_000
REPEATS = 3


def permutation_importances(
    pipeline: Any, frame: pd.DataFrame, churned: NDArray[np.bool_], seed: int
) -> dict[str, float]:
    """How much ROC-AUC is lost when a feature is shuffled, largest loss first.

    Measured on at most 1,000 churners and 1,000 others of `frame` (n rows), which a figure of ranks
    does not mind.
    """
    rows = rows_of_each_kind(churned, ROWS_OF_EACH_KIND)
    with threadpool_limits(1):
        lost = permutation_importance(
            pipeline, frame.iloc[rows], churned[rows], scoring="roc_auc", n_repeats=REPEATS, random_state=seed
        ).importances_mean
    order = np.argsort(-lost, kind="stable")
    return {str(frame.columns[at]): float(lost[at]) for at in order}
