"""Fitted models of scikit-learn into kernels: which there are, and how each is put together."""

import re
from dataclasses import dataclass
from typing import Any

from sklearn._loss import HalfBinomialLoss
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from churn_assets.core.balance import BalancedClassifier
from churn_assets.core.trees.ensemble import Ensemble, KernelUnsupported
from churn_assets.core.trees.packing import build_tables
from churn_assets.core.trees.predictor import Link, TreeKernel
from churn_assets.core.trees.sklearn_reader import read_gradient_boosting, read_hist_gradient_boosting

__all__ = ["CompiledKernel", "KernelUnsupported", "compile_kernel"]


@dataclass(frozen=True)
class CompiledKernel(TreeKernel):
    """A kernel, and what it was compiled from: the `fitted` ensemble of trees, and these as they were read from it."""

    fitted: Any
    ensemble: Ensemble

    @property
    def alone(self) -> TreeKernel:
        """What predicts, without what it was compiled from."""
        return TreeKernel(self.columns, self.names, self.steps, self.model, self.tables, self.link)


def compile_kernel(pipeline: Any, feature_columns: tuple[str, ...]) -> CompiledKernel:
    """The kernel of what `training.fit` gave for these columns.

    Raises:
        KernelUnsupported: with a clause that says why there is none.
    """
    fitted, calibrator = _calibration(pipeline)
    if not isinstance(fitted, Pipeline):
        raise KernelUnsupported(f"{_called(fitted)} is no pipeline that this product builds")
    model = fitted[-1]
    balance = model if isinstance(model, BalancedClassifier) else None
    if balance is not None:
        model = balance.estimator_
    if tuple(getattr(fitted[0] if len(fitted) > 1 else model, "feature_names_in_", ())) != feature_columns:
        raise KernelUnsupported("it was fitted on other columns")
    steps, names = None, ()
    if type(model) is HistGradientBoostingClassifier:
        ensemble = read_hist_gradient_boosting(model)
        names = tuple(getattr(model, "feature_names_in_", ()))
        if not all(_only_chooses(step) for _, step in fitted.steps[:-1]) or not set(names) <= set(feature_columns):
            raise KernelUnsupported("its columns are changed before the trees")
    elif type(model) is GradientBoostingClassifier:
        ensemble, steps = read_gradient_boosting(model), fitted[:-1]
    else:
        raise KernelUnsupported(f"{_called(model)} is no boosted ensemble of trees")
    loss = model._loss  # noqa: SLF001  # what its predict_proba calls
    link = Link(None if type(loss) is HalfBinomialLoss else loss, balance, calibrator)
    checks = None if steps is None else model
    return CompiledKernel(
        feature_columns, names, steps, checks, build_tables(ensemble), link, fitted=model, ensemble=ensemble
    )


def _called(model: Any) -> str:
    """A class's name as configuration would write it: RandomForestClassifier is random_forest."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(model).__name__.removesuffix("Classifier")).lower()


def _only_chooses(step: Any) -> bool:
    return isinstance(step, ColumnTransformer) and [how for _, how, _ in step.transformers] == ["passthrough"]


def _calibration(pipeline: Any) -> tuple[Any, Any]:
    """What was fitted, and its calibrator where it has one."""
    if not isinstance(pipeline, CalibratedClassifierCV):
        return pipeline, None
    [*calibrated] = pipeline.calibrated_classifiers_
    if len(calibrated) != 1 or pipeline.method not in {"sigmoid", "isotonic"}:
        raise KernelUnsupported("its calibration is none that this product makes")
    [calibrator] = calibrated[0].calibrators
    frozen = calibrated[0].estimator
    return (frozen.estimator if isinstance(frozen, FrozenEstimator) else frozen), calibrator
