"""Fitted models into kernels: which there are, what is read of each, and how it is put together."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import Pipeline

from churn_assets.core.balance import BalancedClassifier
from churn_assets.core.training.known_categories import KnownCategories
from churn_assets.core.trees.ensemble import LEAF, Ensemble, KernelUnsupported, Tree, build_tables
from churn_assets.core.trees.library_trees import Margins, library_of, read_library
from churn_assets.core.trees.predictor import IsotonicCalibration, Link, SigmoidCalibration, TreeKernel

__all__ = ["CompiledKernel", "KernelUnsupported", "Unwrapped", "compile_kernel", "estimator_name", "unwrap"]


@dataclass(frozen=True)
class CompiledKernel(TreeKernel):
    """A kernel, and what it was compiled from: the `fitted` ensemble of trees, and these as they were read from it."""

    fitted: Any
    ensemble: Ensemble

    @property
    def kernel(self) -> TreeKernel:
        """What predicts, without what it was compiled from."""
        return TreeKernel(self.columns, self.names, self.steps, self.model, self.tables, self.link)


@dataclass(frozen=True)
class Unwrapped:
    """A fitted pipeline beneath its calibration, and its `model` beneath the treatment of imbalance."""

    pipeline: Pipeline
    model: Any
    odds_factor: float | None
    calibration: SigmoidCalibration | IsotonicCalibration | None


def compile_kernel(pipeline: Any, feature_columns: tuple[str, ...]) -> CompiledKernel:
    """The kernel of what `training.fit` gave for these columns.

    Raises:
        KernelUnsupported: with a clause that says why there is none.
    """
    from sklearn._loss import HalfBinomialLoss  # noqa: PLC0415  # private: gone, it costs the kernel, and stops nobody

    unwrapped = unwrap(pipeline)
    fitted, model = unwrapped.pipeline, unwrapped.model
    if tuple(getattr(fitted[0] if len(fitted) > 1 else model, "feature_names_in_", ())) != feature_columns:
        raise KernelUnsupported("it was fitted on other columns")
    if library_of(model):
        return _compile_library(fitted, model, feature_columns, unwrapped.odds_factor, unwrapped.calibration)
    steps, names = None, ()
    if type(model) is HistGradientBoostingClassifier:
        ensemble = _read_hist_gradient_boosting(model)
        names = tuple(getattr(model, "feature_names_in_", ()))
        if not all(_only_chooses(step) for _, step in fitted.steps[:-1]) or not set(names) <= set(feature_columns):
            raise KernelUnsupported("its columns are changed before the trees")
    elif type(model) is GradientBoostingClassifier:
        ensemble, steps = _read_gradient_boosting(model), fitted[:-1]
    else:
        raise KernelUnsupported(f"{estimator_name(model)} is no boosted ensemble of trees")
    loss = model._loss  # noqa: SLF001  # what its predict_proba calls
    link = Link(None if type(loss) is HalfBinomialLoss else loss, unwrapped.odds_factor, unwrapped.calibration)
    checks = None if steps is None else model
    return CompiledKernel(
        feature_columns, names, steps, checks, build_tables(ensemble), link, fitted=model, ensemble=ensemble
    )


def _compile_library(
    fitted: Pipeline, model: Any, columns: tuple[str, ...], odds_factor: float | None, calibration: Any
) -> CompiledKernel:
    """The kernel of LightGBM or XGBoost, behind the step that codes their categories, or behind none."""
    steps = [step for _, step in fitted.steps[:-1]]
    if [type(step) for step in steps] not in ([], [KnownCategories]):
        raise KernelUnsupported("its columns are changed before the trees")
    if calibration is not None and odds_factor is None:
        raise KernelUnsupported("its calibration is given probabilities, and no sums")
    step = steps[0] if steps else None
    names = tuple(step.columns) if step else columns
    ensemble = read_library(model, names, step.categories_ if step else {})
    return CompiledKernel(
        columns,
        names,
        None,
        None,
        build_tables(ensemble),
        Link(None, odds_factor, calibration),
        fitted=Margins(model, step),
        ensemble=ensemble,
    )


def unwrap(pipeline: Any) -> Unwrapped:
    """What `training.fit` gave, or another fitted estimator, taken apart."""
    fitted, calibration = _uncalibrated(pipeline)
    if not isinstance(fitted, Pipeline):
        fitted = Pipeline([("estimator", fitted)])  # as it came from elsewhere
    model = fitted[-1]
    if isinstance(model, BalancedClassifier):
        return Unwrapped(fitted, model.estimator_, float(model.odds_factor_), calibration)
    return Unwrapped(fitted, model, None, calibration)


def estimator_name(model: Any) -> str:
    """A class's name as configuration would write it: RandomForestClassifier is random_forest."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(model).__name__.removesuffix("Classifier")).lower()


def _only_chooses(step: Any) -> bool:
    return isinstance(step, ColumnTransformer) and [how for _, how, _ in step.transformers] == ["passthrough"]


def _uncalibrated(pipeline: Any) -> tuple[Any, SigmoidCalibration | IsotonicCalibration | None]:
    """What was fitted, and its calibration where it has one."""
    if not isinstance(pipeline, CalibratedClassifierCV):
        return pipeline, None
    [*calibrated] = pipeline.calibrated_classifiers_
    if len(calibrated) != 1 or pipeline.method not in {"sigmoid", "isotonic"}:
        raise KernelUnsupported("its calibration is none that this product makes")
    [calibrator] = calibrated[0].calibrators
    frozen = calibrated[0].estimator
    return (frozen.estimator if isinstance(frozen, FrozenEstimator) else frozen), _calibration(calibrator)


def _calibration(calibrator: Any) -> SigmoidCalibration | IsotonicCalibration:
    if not isinstance(calibrator, IsotonicRegression):
        return SigmoidCalibration(float(calibrator.a_), float(calibrator.b_))
    points = (calibrator.X_thresholds_, calibrator.y_thresholds_)
    return IsotonicCalibration(*(np.asarray(each, dtype=np.float64) for each in points))


def _read_hist_gradient_boosting(model: HistGradientBoostingClassifier) -> Ensemble:
    """The trees of a fitted binary HistGradientBoostingClassifier; its features are in the order it was given them.

    Raises:
        KernelUnsupported: more than two classes, or categories that are no text.
    """
    if model.n_trees_per_iteration_ != 1:
        raise KernelUnsupported("there are more than two classes")
    order, categories = _inputs(model)
    known, places = model._bin_mapper.make_known_categories_bitsets()  # noqa: SLF001  # nothing public tells
    trees = []
    for (predictor,) in model._predictors:  # noqa: SLF001  # as above
        nodes = predictor.nodes
        inner = ~nodes["is_leaf"].astype(bool)
        goes_right = {}
        for node in np.flatnonzero(inner & nodes["is_categorical"].astype(bool)):
            split = nodes[node]
            left = _bits(predictor.raw_left_cat_bitsets[split["bitset_idx"]])
            unknown = ~_bits(known[places[split["feature_idx"]]])
            goes_right[int(node)] = ~left & ~(unknown & bool(split["missing_go_to_left"]))
        trees.append(
            Tree(
                feature=np.where(inner, order[np.where(inner, nodes["feature_idx"], 0)], 0),
                threshold=nodes["num_threshold"],
                missing_left=nodes["missing_go_to_left"].astype(bool),
                left=np.where(inner, nodes["left"].astype(np.int64), LEAF),
                right=np.where(inner, nodes["right"].astype(np.int64), LEAF),
                value=nodes["value"],
                goes_right=goes_right,
            )
        )
    baseline = np.zeros(1) + model._baseline_prediction.ravel()  # noqa: SLF001  # as scikit-learn begins
    return Ensemble(model.n_features_in_, trees, float(baseline[0]), categories)


def _read_gradient_boosting(model: GradientBoostingClassifier) -> Ensemble:
    """The trees of a fitted binary GradientBoostingClassifier.

    Raises:
        KernelUnsupported: more than two classes, or an initial estimator that looks at the features.
    """
    if model.n_trees_per_iteration_ != 1:
        raise KernelUnsupported("there are more than two classes")
    if not (model.init_ == "zero" or isinstance(model.init_, DummyClassifier)):
        raise KernelUnsupported("its initial estimator looks at the features")
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))  # noqa: SLF001  # as above
    trees = []
    for (fitted,) in model.estimators_:
        nodes = fitted.tree_
        trees.append(
            Tree(
                feature=np.maximum(nodes.feature, 0).astype(np.int64),
                threshold=nodes.threshold,
                missing_left=np.zeros(nodes.node_count, dtype=bool),  # it refuses missing values
                left=nodes.children_left.astype(np.int64),
                right=nodes.children_right.astype(np.int64),
                value=model.learning_rate * nodes.value[:, 0, 0],
                goes_right={},
            )
        )
    return Ensemble(model.n_features_in_, trees, float(start[0, 0]), {})


def _inputs(model: HistGradientBoostingClassifier) -> tuple[NDArray[np.int64], dict[int, list[str]]]:
    """Which given feature is each that the trees see (categories come first there), and the categories."""
    if model._preprocessor is None:  # noqa: SLF001  # nothing public tells
        return np.arange(model.n_features_in_), {}
    given = np.arange(model.n_features_in_)
    categorical = given[model.is_categorical_]
    encoder = model._preprocessor.named_transformers_["encoder"]  # noqa: SLF001  # as above
    categories = {}
    for feature, values in zip(categorical, encoder.categories_, strict=True):
        texts = [value for value in values if value == value]  # noqa: PLR0124  # a missing value is no category
        if not all(isinstance(text, str) for text in texts):
            raise KernelUnsupported(f"the categories of feature {feature + 1} are no text")
        categories[int(feature)] = texts
    return np.concatenate([categorical, given[~model.is_categorical_]]), categories


def _bits(words: Any) -> NDArray[np.bool_]:
    """The 256 flags of eight 32-bit words, the lowest first."""
    return np.unpackbits(np.ascontiguousarray(words, dtype="<u4").view(np.uint8), bitorder="little").astype(bool)
