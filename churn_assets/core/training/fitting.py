"""The fit of a model, always the same from the same rows."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from churn_assets.core.arrow.hashing import stable_hash
from churn_assets.core.errors import ChurnError, SettingsError, TrainingImpossible
from churn_assets.core.features import to_model_frame
from churn_assets.core.options import Recipe
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.estimators import build_pipeline, most_categories, takes_categories

__all__ = ["fit", "folded_words"]

MIN_CHURNERS = 2
CALIBRATION_PARTS = 5
MIN_CALIBRATION_CHURNERS = 10
_SALT = "calibration rows"


def fit(rows: LabelledRows, recipe: Recipe, feature_columns: tuple[str, ...]) -> Any:
    """A fitted estimator. One thread and one order of the rows throughout, so that the same data gives the same model.

    Where the recipe asks for a calibration, a fifth of the customers is kept from the fit, and the
    probabilities are calibrated on their rows.

    Raises:
        TrainingImpossible: one of the two classes is missing, or too rare to calibrate on.
        SettingsError: the estimator refuses the configured parameters.
    """
    rows = rows.in_order()
    if recipe.calibration == "none":
        return _fit(rows, recipe, feature_columns)
    held_back = _calibration_rows(rows)
    calibration = rows.keep(held_back)
    churners = int(calibration.churned.sum())
    if min(churners, len(calibration.churned) - churners) < MIN_CALIBRATION_CHURNERS:
        raise TrainingImpossible(
            f"{len(calibration.churned)} rows are kept for the calibration, of which {churners} churned: at least "
            f"{MIN_CALIBRATION_CHURNERS} of each kind are needed; give more history, or set training.calibration: none"
        )
    fitted = FrozenEstimator(_fit(rows.keep(~held_back), recipe, feature_columns))
    calibrated = CalibratedClassifierCV(fitted, method=recipe.calibration)
    with threadpool_limits(1):
        return calibrated.fit(to_model_frame(calibration.features, feature_columns), calibration.churned)


def fold_rare(values: "pd.Series[Any]", most: int) -> "pd.Series[Any]":
    """A categorical without the words that are not among its `most` frequent ones, which are as words never seen.

    A model that is asked for such a word later answers likewise: nothing but the word itself decides.
    """
    words = values.cat.categories
    counts = values.value_counts()
    if int((counts > 0).sum()) <= most:
        return values
    frequent = sorted(words, key=lambda word: (-counts[word], word))[:most]
    return values.cat.set_categories(sorted(frequent))


def folded_words(rows: LabelledRows, recipe: Recipe, feature_columns: tuple[str, ...]) -> dict[str, int]:
    """How many words of each category were too rare to be learnt apart; none of a category that has few."""
    frame = to_model_frame(rows.features, feature_columns)
    words = {name: values.nunique() for name, values in frame.select_dtypes("category").items()}
    most = most_categories(recipe)
    return {str(name): count - most for name, count in words.items() if most is not None and count > most}


def _calibration_rows(rows: LabelledRows) -> NDArray[np.bool_]:
    """All rows of a fifth of the customers."""
    held_back: NDArray[np.bool_] = stable_hash(rows.ids, _SALT) % CALIBRATION_PARTS == 0
    return held_back


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
    most = most_categories(recipe)
    if takes_categories(recipe) and most is not None:  # the other pipelines fold by themselves
        frame = frame.assign(**{name: fold_rare(frame[name], most) for name in categorical})
    numeric = [name for name in seen if name not in categorical]
    pipeline = build_pipeline(recipe, numeric, categorical, all_seen=len(seen) == len(feature_columns))
    try:
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the gates judge the result
            pipeline.fit(frame, rows.churned)
    except ChurnError:
        raise
    except Exception as error:  # whatever a library, or a company's own code, makes of them
        raise SettingsError(f"training: {recipe.estimator} refuses its parameters or the features: {error}") from error
    return pipeline
