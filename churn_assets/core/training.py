"""Which days a model may learn from, and the fit itself: nothing from the future."""

import datetime as dt
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from churn_assets.core.errors import SettingsError, TrainingImpossible
from churn_assets.core.estimators import build_pipeline
from churn_assets.core.features import to_model_frame
from churn_assets.core.hashing import stable_hash
from churn_assets.core.options import Recipe

__all__ = ["LabelledRows", "TrainingDays", "fit", "training_days"]

WEEK = 7
MIN_CHURNERS = 2
CALIBRATION_PARTS = 5
MIN_CALIBRATION_CHURNERS = 10
_SALT = "calibration rows"


@dataclass(frozen=True)
class TrainingDays:
    """Snapshot dates, newest first: what is served learns from `served`; the backtest from `judged`, on `backtest`."""

    backtest: dt.date
    served: tuple[dt.date, ...]
    judged: tuple[dt.date, ...]


def training_days(as_of: dt.date, horizon_days: int, window_days: int) -> TrainingDays:
    """The weekly grid back from the last day whose labels are known: on `as_of`, and on the backtest's day."""
    horizon = dt.timedelta(days=horizon_days)
    backtest = as_of - horizon
    return TrainingDays(backtest, _weekly(as_of - horizon, window_days), _weekly(backtest - horizon, window_days))


@dataclass(frozen=True)
class LabelledRows:
    """Feature rows with a known outcome: `features` (n rows), `churned` (n), and the `days` they stand for (n)."""

    features: pa.Table
    churned: NDArray[np.bool_]
    days: NDArray[np.datetime64]

    @classmethod
    def join(cls, parts: "list[LabelledRows]") -> "LabelledRows":
        """The rows of all `parts`, in their order."""
        return cls(
            pa.concat_tables(part.features for part in parts),
            np.concatenate([part.churned for part in parts]),
            np.concatenate([part.days for part in parts]),
        )

    @property
    def ids(self) -> pa.ChunkedArray:
        """The customers: the first column of their features."""
        return self.features.column(0)

    def keep(self, rows: NDArray[np.bool_]) -> "LabelledRows":
        """Only the marked rows."""
        return LabelledRows(self.features.filter(pa.array(rows)), self.churned[rows], self.days[rows])


def fit(rows: LabelledRows, recipe: Recipe, feature_columns: tuple[str, ...]) -> Any:
    """A fitted estimator. One thread throughout, so that the same data gives the same model on any machine.

    Where the recipe asks for a calibration, a fifth of the customers is kept from the fit, and the
    probabilities are calibrated on their rows.

    Raises:
        TrainingImpossible: one of the two classes is missing, or too rare to calibrate on.
        SettingsError: the estimator refuses the configured parameters.
    """
    if recipe.calibration == "none":
        return _fit(rows, recipe, feature_columns)
    aside = _calibration_rows(rows)
    kept = rows.keep(aside)
    churners = int(kept.churned.sum())
    if min(churners, len(kept.churned) - churners) < MIN_CALIBRATION_CHURNERS:
        raise TrainingImpossible(
            f"{len(kept.churned)} rows are kept for the calibration, of which {churners} churned: at least "
            f"{MIN_CALIBRATION_CHURNERS} of each kind are needed; give more history, or set training.calibration: none"
        )
    fitted = FrozenEstimator(_fit(rows.keep(~aside), recipe, feature_columns))
    calibrated = CalibratedClassifierCV(fitted, method=recipe.calibration)
    with threadpool_limits(1):
        return calibrated.fit(to_model_frame(kept.features, feature_columns), kept.churned)


def _calibration_rows(rows: LabelledRows) -> NDArray[np.bool_]:
    """All rows of a fifth of the customers."""
    aside: NDArray[np.bool_] = stable_hash(rows.ids, _SALT) % CALIBRATION_PARTS == 0
    return aside


def _fit(rows: LabelledRows, recipe: Recipe, feature_columns: tuple[str, ...]) -> Pipeline:
    churners = int(rows.churned.sum())
    if min(churners, len(rows.churned) - churners) < MIN_CHURNERS:
        raise TrainingImpossible(
            f"training has {len(rows.churned)} rows, of which {churners} churned: "
            f"at least {MIN_CHURNERS} of each kind are needed; give more history, or look at the profile's label"
        )
    frame = to_model_frame(rows.features, feature_columns)
    seen = [name for name in feature_columns if frame[name].notna().any()]  # one without a value teaches nothing
    categorical = [name for name in seen if isinstance(frame[name].dtype, pd.CategoricalDtype)]
    numeric = [name for name in seen if name not in categorical]
    pipeline = build_pipeline(recipe, numeric, categorical, all_seen=len(seen) == len(feature_columns))
    try:
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the gates judge the result
            pipeline.fit(frame, rows.churned)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"training: {recipe.estimator} refuses its parameters or the features: {error}") from error
    return pipeline


def _weekly(last: dt.date, window_days: int) -> tuple[dt.date, ...]:
    return tuple(last - dt.timedelta(days=back) for back in range(0, window_days + 1, WEEK))
