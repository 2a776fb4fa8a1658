"""A model that was made elsewhere, before it is judged: which features it wants, and what its probabilities are of."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from churn_assets.core.errors import InputError

__all__ = ["BoosterClassifier", "ForeignModel", "check_classes", "modules_of", "wanted_columns"]

NAMES = ("feature_names_in_", "feature_names_")  # scikit-learn's, LightGBM's and XGBoost's name of it; CatBoost's
STAYED_AND_CHURNED = ([False, True], ["No", "Yes"], ["no", "yes"], ["False", "True"])


@dataclass(frozen=True)
class ForeignModel:
    """A fitted `model` that was read from a `file` of this `kind` and SHA-256."""

    model: Any
    file: str
    kind: str
    sha256: str


class BoosterClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """LightGBM's plain booster, whose prediction is the probability of churn, as a fitted classifier."""

    def __init__(self, booster: Any) -> None:
        self.booster = booster

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """The features, in its order."""
        return np.array(self.booster.feature_name(), dtype=object)

    @property
    def classes_(self) -> NDArray[np.bool_]:
        """Stayed and churned."""
        return np.array([False, True])

    def fit(self, X: pd.DataFrame, y: NDArray[np.bool_]) -> Self:  # noqa: N803  # scikit-learn's name
        """A booster that was brought is fitted already."""
        raise NotImplementedError

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:  # noqa: N803  # scikit-learn's name
        """Probabilities, (n, 2)."""
        churn = np.asarray(self.booster.predict(X, num_threads=1), dtype=np.float64)
        return np.column_stack([1 - churn, churn])

    def predict(self, X: pd.DataFrame) -> NDArray[np.bool_]:  # noqa: N803  # scikit-learn's name
        """Whether churn is the likelier class."""
        likelier: NDArray[np.bool_] = self.predict_proba(X)[:, 1] > 0.5  # noqa: PLR2004  # the likelier of two classes
        return likelier

    def __sklearn_is_fitted__(self) -> bool:
        """It always is."""
        return True


def wanted_columns(foreign: ForeignModel, profile: str, feature_columns: Iterable[str]) -> tuple[str, ...]:
    """The features that a model wants, in its order: all of them, or some, of the profile's.

    Raises:
        InputError: it names no features, or some that the profile does not have.
    """
    given = next(
        (getattr(foreign.model, name) for name in NAMES if getattr(foreign.model, name, None) is not None), None
    )
    if given is None:
        raise InputError(
            f"{foreign.file}: the model does not say which features it was fitted on (it has no feature_names_in_): "
            f"fit it on a DataFrame whose columns are among the feature_columns of {profile}"
        )
    wanted, known = tuple(str(name) for name in given), tuple(feature_columns)
    if unknown := [name for name in wanted if name not in known]:
        near = {name: get_close_matches(name, known, 1) for name in unknown}
        named = ", ".join(f"{name} (is it {near[name][0]}?)" if near[name] else name for name in unknown)
        raise InputError(
            f"{foreign.file}: the model wants {named}, which the feature_columns of {profile} do not name; they are "
            f"{', '.join(known)}: compute the others in add_features, or fit the model on these"
        )
    return wanted


def check_classes(foreign: ForeignModel) -> None:
    """See that the second of two classes is churn.

    Raises:
        InputError: it gives no probabilities, or of other classes.
    """
    if not hasattr(foreign.model, "predict_proba"):
        raise InputError(f"{foreign.file}: the model has no predict_proba, and so gives no probability of churn")
    classes = np.asarray(getattr(foreign.model, "classes_", [False, True])).tolist()
    if classes not in STAYED_AND_CHURNED:
        raise InputError(
            f"{foreign.file}: the model's classes are {classes}, and should be 0 and 1, False and True or No and Yes, "
            "of which the second is churn: fit it on such a label"
        )


def modules_of(model: Any) -> list[str]:
    """The modules that a model and its steps come from."""
    steps = [step for _, step in getattr(model, "steps", [])]
    inner = [getattr(model, name) for name in ("booster", "model", "estimator_") if hasattr(model, name)]
    found = {type(model).__module__}.union(*(modules_of(each) for each in [*steps, *inner]))
    return sorted(found - {"builtins"})
