"""Estimators that configuration names as `package.module:ClassOrFactory`, and those of a profile."""

import importlib
import inspect
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from churn_assets.core.errors import SettingsError
from churn_assets.core.options import Recipe

__all__ = ["PlainClassifier", "as_classifier", "build_named_estimator", "is_factory", "named_target"]


class PlainClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Anything with `fit` and `predict_proba` as a classifier of scikit-learn; `model` may be fitted already."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def classes_(self) -> NDArray[Any]:
        """Those of the model; where it names none, stayed and churned."""
        return np.asarray(getattr(self.model, "classes_", [False, True]))

    def fit(self, X: pd.DataFrame, y: NDArray[np.bool_]) -> Self:  # noqa: N803  # scikit-learn's name
        """Fit the model in place."""
        self.model.fit(X, y)
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:  # noqa: N803  # scikit-learn's name
        """The model's own, (n, 2)."""
        return np.asarray(self.model.predict_proba(X), dtype=np.float64)

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:  # noqa: N803  # scikit-learn's name
        """The likelier class of each row."""
        likelier: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return likelier

    def __sklearn_is_fitted__(self) -> bool:
        """Only the model itself knows."""
        return True


def as_classifier(model: Any) -> Any:
    """The model itself where it is one of scikit-learn's kind, else wrapped into one."""
    return model if hasattr(model, "__sklearn_tags__") else PlainClassifier(model)


def named_target(path: str) -> Any:
    """What `package.module:Name` names.

    Raises:
        SettingsError: the module cannot be imported, or has no such name.
    """
    module, _, attributes = path.partition(":")
    try:
        target: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise SettingsError(
            f"training.estimator: module {module!r} cannot be imported ({type(error).__name__}: {error}); install its "
            "package, or put its folder on PYTHONPATH"
        ) from error
    for name in attributes.split("."):
        if not hasattr(target, name):
            raise SettingsError(f"training.estimator: {module!r} has no {attributes}; correct the name after the colon")
        target = getattr(target, name)
    return target


def is_factory(path: str) -> bool:
    """Whether a path names a function, which builds a whole pipeline, and no class."""
    return not isinstance(named_target(path), type)


def build_named_estimator(recipe: Recipe) -> Any:
    """An unfitted estimator.

    A class is given the parameters by their names, and the seed as `random_state` where it has that; a function is
    called with the parameters and the seed.

    Raises:
        SettingsError: it cannot be built so, or what is built has no `fit` and `predict_proba`.
    """
    target = named_target(recipe.estimator)
    parameters = dict(recipe.parameters)
    try:
        if not isinstance(target, type):
            built = target(parameters, recipe.seed)
        else:
            seeded = "random_state" in inspect.signature(target).parameters
            built = target(**({"random_state": recipe.seed} if seeded else {}) | parameters)
    except Exception as error:
        raise SettingsError(
            f"training.estimator: {recipe.estimator} cannot be built with training.parameters {parameters} "
            f"({type(error).__name__}: {error})"
        ) from error
    if lacking := [name for name in ("fit", "predict_proba") if not hasattr(built, name)]:
        raise SettingsError(
            f"training.estimator: what {recipe.estimator} builds has no {' and no '.join(lacking)}; a model of churn "
            "is fitted, and gives probabilities"
        )
    return as_classifier(built)
