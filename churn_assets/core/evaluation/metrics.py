"""How good probabilities were on outcomes they could not know."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.evaluation.bootstrap import difference_of_roc_auc
from churn_assets.core.evaluation.results import Comparison, Metrics

__all__ = ["CalibrationBins", "calibration", "calibration_bins", "compare", "measure"]

BINS = 10
CHURNERS_A_BIN = 10  # a bin of fewer tells chance from error no more


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


@dataclass(frozen=True)
class CalibrationBins:
    """Customers by quantiles of their probability, (bins): `rows`, churn `rates` and `means` of the probability."""

    rows: NDArray[np.int64]
    rates: NDArray[np.float64]
    means: NDArray[np.float64]


def calibration_bins(churned: NDArray[np.bool_], probability: NDArray[np.float64]) -> CalibrationBins:
    """The bins by which calibration is measured and drawn; equal probabilities share one."""
    bins = int(np.clip(min(churned.sum(), (~churned).sum()) // CHURNERS_A_BIN, 1, BINS))
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1]))
    at = np.searchsorted(edges, probability, side="right")
    rows = np.bincount(at, minlength=len(edges) + 1)
    used = rows > 0
    rates, means = (np.bincount(at, each, len(rows))[used] / rows[used] for each in (churned, probability))
    return CalibrationBins(rows[used], rates, means)


def calibration(churned: NDArray[np.bool_], probability: NDArray[np.float64]) -> tuple[float, float]:
    """Expected calibration error: the mean distance of churn rate and mean probability over quantile bins.

    Ten bins, fewer where each would hold less than ten churners. Beside it what chance alone gives:
    the mean distance of a binomial share from its rate.
    """
    bins = calibration_bins(churned, probability)
    shares = bins.rows / len(churned)
    by_chance = np.sqrt(2 / np.pi * bins.means * (1 - bins.means) / bins.rows)
    return float(np.sum(shares * np.abs(bins.rates - bins.means))), float(np.sum(shares * by_chance))


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
