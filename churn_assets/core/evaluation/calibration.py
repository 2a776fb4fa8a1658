"""How far probabilities lie from what came true, over quantile bins; loads no scikit-learn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CalibrationBins", "calibration", "calibration_bins"]

BINS = 10
CHURNERS_A_BIN = 10  # a bin of fewer tells chance from error no more


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
