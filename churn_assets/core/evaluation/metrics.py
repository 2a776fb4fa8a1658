"""How good probabilities were on outcomes they could not know."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.evaluation.bootstrap import difference_of_roc_auc
from churn_assets.core.evaluation.calibration import calibration
from churn_assets.core.evaluation.results import Comparison, Metrics

__all__ = ["compare", "measure"]


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
    error, chance = calibration(churned, probability)
    return Metrics(
        rows=len(churned),
        churners=churners,
        roc_auc=float(roc_auc_score(churned, probability)),
        average_precision=float(average_precision_score(churned, probability)),
        brier=float(brier_score_loss(churned, probability)),
        calibration_error=error,
        calibration_chance=chance,
    )


def compare(
    kind: Literal["published", "champion", "rules"],
    version: str,
    churned: NDArray[np.bool_],
    probability: NDArray[np.float64],
    other: NDArray[np.float64],
) -> Comparison:
    """`probability` (n) against `other` (n) on the same customers.

    Raises:
        TrainingImpossible: as `measure`.
    """
    measured = measure(churned, other)
    difference, interval = difference_of_roc_auc(churned, probability, other)
    return Comparison(
        kind=kind,
        version=version,
        rows=len(churned),
        roc_auc=measured.roc_auc,
        difference=difference,
        interval=interval,
    )
