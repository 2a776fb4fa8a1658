"""The margin of a fitted model: log-odds as a sum, of trees or of features, beneath a calibration."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from churn_assets.core.features import to_model_frame
from churn_assets.core.trees.compiler import (
    CompiledKernel,
    KernelUnsupported,
    Unwrapped,
    compile_kernel,
    estimator_name,
)
from churn_assets.core.trees.ensemble import LEAF, Ensemble, Tree, build_tables
from churn_assets.core.trees.library_trees import Margins, library_of
from churn_assets.core.trees.predictor import Link

__all__ = ["compile_trees", "features_of_matrix", "log_odds", "margin"]


def log_odds(unwrapped: Unwrapped) -> tuple[float, float]:
    """Scale and shift by which the `decision_function` of a model becomes log-odds of its probability.

    Raises:
        KernelUnsupported: its link is another one.
    """
    loss = type(getattr(unwrapped.model, "_loss", None)).__name__
    if loss not in {"NoneType", "HalfBinomialLoss", "ExponentialLoss"}:
        raise KernelUnsupported(f"its loss {loss} has no log-odds")
    shift = 0.0 if unwrapped.odds_factor is None else -float(np.log(unwrapped.odds_factor))
    return (2.0 if loss == "ExponentialLoss" else 1.0), shift


def margin(unwrapped: Unwrapped, columns: tuple[str, ...], rows: pa.Table) -> NDArray[np.float64]:
    """The margin of feature `rows`, (n), as the model's own library computes it."""
    frame = to_model_frame(rows, columns)
    steps = unwrapped.pipeline[:-1]
    scale, shift = log_odds(unwrapped)
    model = Margins(unwrapped.model, None) if library_of(unwrapped.model) else unwrapped.model
    decided = model.decision_function(steps.transform(frame) if len(steps) else frame)
    return scale * np.asarray(decided, dtype=np.float64) + shift


def compile_trees(pipeline: Any, unwrapped: Unwrapped, columns: tuple[str, ...]) -> CompiledKernel:
    """The trees whose sum is the decision function, and the kernel that codes rows for them.

    Raises:
        KernelUnsupported: there are none, or too large ones.
    """
    model = unwrapped.model
    if type(model) in {HistGradientBoostingClassifier, GradientBoostingClassifier} or library_of(model):
        return compile_kernel(pipeline, columns)
    if type(model) is not AdaBoostClassifier:
        raise KernelUnsupported(f"{estimator_name(model)} has log-odds that are no sum over trees or features")
    ensemble = _read_ada_boost(model)
    link = Link(None, unwrapped.odds_factor, unwrapped.calibration)
    return CompiledKernel(
        columns, (), unwrapped.pipeline[:-1], model, build_tables(ensemble), link, fitted=model, ensemble=ensemble
    )


def _read_ada_boost(model: AdaBoostClassifier) -> Ensemble:
    """The weighted votes of a binary AdaBoostClassifier, each for or against churn."""
    if model.n_classes_ != 2 or not all(isinstance(each, DecisionTreeClassifier) for each in model.estimators_):  # noqa: PLR2004  # churn or not
        raise KernelUnsupported("it does not boost trees of two classes")
    weights = model.estimator_weights_[: len(model.estimators_)]
    trees = []
    for weight, fitted in zip(weights, model.estimators_, strict=True):
        nodes = fitted.tree_
        churns = fitted.classes_[np.argmax(nodes.value[:, 0, :], axis=1)] == model.classes_[1]
        trees.append(
            Tree(
                feature=np.maximum(nodes.feature, 0).astype(np.int64),
                threshold=nodes.threshold,
                missing_left=np.zeros(nodes.node_count, dtype=bool),  # what comes before fills them
                left=nodes.children_left.astype(np.int64),
                right=np.where(nodes.children_right < 0, LEAF, nodes.children_right).astype(np.int64),
                value=2 * weight / model.estimator_weights_.sum() * np.where(churns, 1.0, -1.0),
                goes_right={},
            )
        )
    return Ensemble(model.n_features_in_, trees, 0.0, {})


def features_of_matrix(steps: Pipeline, columns: tuple[str, ...]) -> NDArray[np.int64]:
    """Of which feature each column is that the steps before an estimator give, (matrix columns)."""
    transformer = steps[0]
    owners = np.empty(len(transformer.get_feature_names_out()), dtype=np.int64)
    for name, fitted, given in transformer.transformers_:
        places = np.array([columns.index(each) for each in given], dtype=np.int64)
        if name == "numeric" and len(places):
            indicated = fitted[0].indicator_.features_
            owners[transformer.output_indices_[name]] = np.concatenate([places, places[indicated]])
        elif name == "categorical" and len(places):
            rare = [
                0 if few is None else len(few) - 1 for few in fitted.infrequent_categories_
            ]  # these have one column
            sizes = np.array([len(words) for words in fitted.categories_]) - rare
            owners[transformer.output_indices_[name]] = np.repeat(places, np.array(sizes, dtype=np.int64))
    return owners
