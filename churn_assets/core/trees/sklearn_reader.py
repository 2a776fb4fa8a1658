"""Fitted boosted trees of scikit-learn, read from its private attributes into plain arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

from churn_assets.core.trees.ensemble import LEAF, Ensemble, KernelUnsupported, Tree

__all__ = ["read_gradient_boosting", "read_hist_gradient_boosting"]


def read_hist_gradient_boosting(model: HistGradientBoostingClassifier) -> Ensemble:
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


def read_gradient_boosting(model: GradientBoostingClassifier) -> Ensemble:
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
