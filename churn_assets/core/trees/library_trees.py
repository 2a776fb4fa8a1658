"""The trees of LightGBM and XGBoost, read from what these libraries publish of a fitted binary classifier."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.core.trees.ensemble import LEAF, Ensemble, KernelUnsupported, Tree

__all__ = ["Margins", "library_of", "read_library"]

INFINITY = 1e300  # as LightGBM writes it
NOUGHT = float(np.float32(1e-35))  # a number that is no further from zero is zero to LightGBM


@dataclass(frozen=True)
class Margins:
    """A fitted classifier of a library as the proof asks it: the sums before the link, of a frame that `step` takes."""

    model: Any
    step: Any

    def decision_function(self, frame: pd.DataFrame) -> NDArray[Any]:
        """The sum of the trees for each row, (n)."""
        given = frame if self.step is None else self.step.transform(frame)
        if library_of(self.model) == "lightgbm":
            return np.asarray(self.model.predict(given, raw_score=True))
        return np.asarray(self.model.predict(given, output_margin=True))


def library_of(model: Any) -> str:
    """`lightgbm` or `xgboost` where a model is a classifier of one of these, else empty."""
    kind = type(model)
    package = kind.__module__.partition(".")[0]
    return package if (package, kind.__name__) in {("lightgbm", "LGBMClassifier"), ("xgboost", "XGBClassifier")} else ""


def read_library(model: Any, names: Sequence[str], words: Mapping[str, Sequence[str]]) -> Ensemble:
    """The trees of a fitted classifier that is given the columns `names`, of which categories are coded by `words`.

    Raises:
        KernelUnsupported: with a clause that says what the kernel does not compute.
    """
    categories = {at: list(words[name]) for at, name in enumerate(names) if name in words}
    if library_of(model) == "lightgbm":
        return _read_lightgbm(model, len(names), categories)
    return _read_xgboost(model, len(names), categories)


def _read_lightgbm(model: Any, features: int, categories: dict[int, list[str]]) -> Ensemble:
    dump = model.booster_.dump_model()
    if dump["objective"] != "binary sigmoid:1" or dump["num_tree_per_iteration"] != 1 or dump["average_output"]:
        raise KernelUnsupported(f"its objective is {dump['objective']}, or its trees are averaged")
    trees = [_lightgbm_tree(each["tree_structure"], categories) for each in dump["tree_info"]]
    return Ensemble(features, trees, 0.0, categories)


def _lightgbm_tree(root: dict[str, Any], categories: dict[int, list[str]]) -> Tree:
    """Nodes in the order in which they are found; a number goes left where it is at most the threshold."""
    nodes = [root]
    places: dict[int, int] = {}
    for node in nodes:  # which grows meanwhile
        places[id(node)] = len(places)
        nodes += [node[side] for side in ("left_child", "right_child") if side in node]
    count = len(nodes)
    feature, left, right = np.zeros(count, np.int64), np.full(count, LEAF), np.full(count, LEAF)
    threshold, value, missing_left = np.zeros(count), np.zeros(count), np.zeros(count, bool)
    goes_right = {}
    for at, node in enumerate(nodes):
        if "split_feature" not in node:
            if "leaf_coeff" in node:
                raise KernelUnsupported("its leaves are linear")
            value[at] = node["leaf_value"]
            continue
        feature[at] = node["split_feature"]
        left[at], right[at] = (places[id(node[side])] for side in ("left_child", "right_child"))
        if node["decision_type"] == "==":  # a category that is missing or unknown goes right
            goes_left = [int(code) for code in node["threshold"].split("||")]
            goes_right[at] = ~np.isin(np.arange(_known(categories, int(feature[at]))), goes_left)
            continue
        threshold[at] = _lightgbm_threshold(float(node["threshold"]))
        if node["missing_type"] == "Zero":
            raise KernelUnsupported("zero is a missing value to it")
        is_zero = node["missing_type"] == "None"  # no value was missing in training: one that is now counts as zero
        missing_left[at] = node["threshold"] >= 0 if is_zero else node["default_left"]
    return Tree(feature, threshold, missing_left, left, right, value, goes_right)


def _lightgbm_threshold(written: float) -> float:
    """The greatest number that goes left."""
    if abs(written) >= INFINITY:
        return float(np.copysign(np.inf, written))
    if abs(written) > NOUGHT:
        return written
    return NOUGHT if written >= 0 else float(np.nextafter(-NOUGHT, -np.inf))


def _read_xgboost(model: Any, features: int, categories: dict[int, list[str]]) -> Ensemble:
    learner = json.loads(model.get_booster().save_raw("json"))["learner"]
    booster, objective = learner["gradient_booster"], learner["objective"]["name"]
    if objective != "binary:logistic" or booster["name"] != "gbtree":
        raise KernelUnsupported(f"its objective is {objective}, its booster {booster['name']}")
    if getattr(model, "early_stopping_rounds", None):
        raise KernelUnsupported("it stopped early, and keeps trees that it does not use")
    if not (np.isnan(model.missing) if isinstance(model.missing, float) else False):
        raise KernelUnsupported(f"{model.missing} is a missing value to it")
    trees = [_xgboost_tree(each, categories) for each in booster["model"]["trees"]]
    start = np.float32(json.loads(learner["learner_model_param"]["base_score"].strip("[]")))
    margin = np.float32(-np.log(np.float64(np.float32(1.0) / start - np.float32(1.0))))
    return Ensemble(features, trees, float(margin), categories, single=True)


def _xgboost_tree(fitted: dict[str, Any], categories: dict[int, list[str]]) -> Tree:
    """A number goes left where, in single precision, it is less than the condition."""
    left = np.array(fitted["left_children"], dtype=np.int64)
    feature = np.array(fitted["split_indices"], dtype=np.int64)
    conditions = np.array(fitted["split_conditions"], dtype=np.float32)
    inner = left != LEAF
    if int(fitted["tree_param"]["size_leaf_vector"]) > 1:
        raise KernelUnsupported("its leaves are vectors")
    goes_right = {}
    for node, first, size in zip(
        fitted["categories_nodes"], fitted["categories_segments"], fitted["categories_sizes"], strict=True
    ):
        listed = fitted["categories"][first : first + size]
        goes_right[int(node)] = np.isin(np.arange(_known(categories, int(feature[node]))), listed)
    return Tree(
        feature=np.where(inner, feature, 0),
        threshold=np.where(inner, _last_below(conditions), 0.0),
        missing_left=np.array(fitted["default_left"], dtype=bool),
        left=left,
        right=np.where(inner, np.array(fitted["right_children"], dtype=np.int64), LEAF),
        value=conditions.astype(np.float64),
        goes_right=goes_right,
    )


def _known(categories: Mapping[int, Sequence[str]], feature: int) -> int:
    if feature not in categories:
        raise KernelUnsupported("its categories were coded outside of the pipeline")
    return len(categories[feature])


def _last_below(conditions: NDArray[np.float32]) -> NDArray[np.float64]:
    """The greatest double that, rounded to single precision, is less than each condition."""
    before = np.nextafter(conditions, np.float32(-np.inf))
    middle = (before.astype(np.float64) + conditions.astype(np.float64)) / 2  # exact in double precision
    return np.where(middle.astype(np.float32) < conditions, middle, np.nextafter(middle, -np.inf))
