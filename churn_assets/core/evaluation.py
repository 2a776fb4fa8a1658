"""How good a model was on outcomes it could not know."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from churn_assets.core.card import Metrics
from churn_assets.core.errors import TrainingImpossible

__all__ = ["measure"]


def measure(churned: NDArray[np.bool_], probability: NDArray[np.float64]) -> Metrics:
    """Metrics of `probability` (n) against `churned` (n).

    Raises:
        TrainingImpossible: everybody churned or nobody did, so that nothing can be ranked.
    """
    churners = int(churned.sum())
    if churners in {0, len(churned)}:
        raise TrainingImpossible(
            f"{churners} of {len(churned)} customers with a known outcome churned: there is nothing to tell apart; "
            "look at the profile's label, or give more history"
        )
    return Metrics(
        rows=len(churned),
        churners=churners,
        roc_auc=float(roc_auc_score(churned, probability)),
        average_precision=float(average_precision_score(churned, probability)),
        brier=float(brier_score_loss(churned, probability)),
    )
