"""A model with its card: customers or their features in, probabilities out."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.batches import BLOCK_ROWS, ordered_map, rechunk
from churn_assets.core.errors import ModelFault, ProfileError
from churn_assets.core.failures import without_words
from churn_assets.core.features import compute_features, shown_customers, to_model_frame
from churn_assets.core.models.card import ModelCard
from churn_assets.core.models.cross_fitting import CrossFitted
from churn_assets.core.profile import Profile

if TYPE_CHECKING:
    from churn_assets.core.models.cross_fitting import CrossFittedKernel
    from churn_assets.core.trees.predictor import TreeKernel

__all__ = ["Model", "apply_rules", "predict", "predict_in_blocks"]


@dataclass(frozen=True)
class Model:
    """A fitted pipeline and what it is.

    `kernel`, where there is one, was proven to give the pipeline's own probabilities, to the bit, and scores
    in its place. The pipeline is None for a profile's rules, and may be where there is a kernel.
    """

    pipeline: Any
    card: ModelCard
    kernel: "TreeKernel | CrossFittedKernel | None" = None

    def score(self, profile: Profile, rows: pa.Table, day: dt.date) -> NDArray[np.float64]:
        """Probability of churn for each of `rows`, (n): features, or customers for a model of rules."""
        if self.card.is_rules:
            return apply_rules(profile, rows, day)
        if self.kernel is not None:
            return _score_or_fault(self.kernel.predict, rows, self.card.feature_columns)
        return predict(self.pipeline, rows, self.card.feature_columns)

    def score_customers(self, profile: Profile, customers: pa.Table, day: dt.date) -> NDArray[np.float64]:
        """Probability of churn for each of `customers`, (n), through the feature code of today."""
        if self.card.is_rules:
            return apply_rules(profile, customers, day)
        return self.score(profile, compute_features(customers, profile, self.card.feature_parameters, day), day)


def predict(pipeline: Any, features: pa.Table, columns: tuple[str, ...]) -> NDArray[np.float64]:
    """Probability of churn for each feature row, (n); of customers that were learnt from, out of fold."""
    if isinstance(pipeline, CrossFitted):
        return pipeline.score(features, lambda each, rows: predict(each, rows, columns))

    def churning(rows: pa.Table) -> NDArray[np.float64]:
        probability: NDArray[np.float64] = pipeline.predict_proba(to_model_frame(rows, columns))[:, 1]
        return probability

    return _score_or_fault(churning, features, columns)


def _score_or_fault(
    score: Callable[[pa.Table], NDArray[np.float64]], features: pa.Table, columns: tuple[str, ...]
) -> NDArray[np.float64]:
    given = features.column_names
    if missing := [name for name in columns if name not in given]:
        raise ModelFault(
            f"the model was trained on {', '.join(missing)}, which the profile's feature_columns no longer name; "
            "train and promote a model of today's features"
        )
    try:
        return score(features)
    except ValueError as error:
        raise ModelFault(
            f"the model cannot score these features ({without_words(error)}); look at what add_features gives"
        ) from error


def apply_rules(profile: Profile, customers: pa.Table, day: dt.date) -> NDArray[np.float64]:
    """What the profile's rules give each of `customers`, (n).

    Raises:
        ProfileError: there are no rules, they fail, or they give no probability for some row.
    """
    if profile.rules is None:
        raise ProfileError(f"profile {profile.name} has no rules: give it `rules=`, or train a model")
    frame = shown_customers(customers, profile, day)
    try:
        given = profile.rules(frame.copy(deep=False))
        probability = np.asarray(pd.Series(given, index=frame.index).astype("float64"), dtype=np.float64)
    except Exception as error:
        raise ProfileError(
            f"profile {profile.name}: rules failed on customers of {day} ({without_words(error)})"
        ) from error
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ProfileError(f"profile {profile.name}: rules must give every row a probability from 0 to 1")
    return probability


def predict_in_blocks(score: Callable[[pa.Table], NDArray[np.float64]], rows: pa.Table) -> NDArray[np.float64]:
    """`score` over the blocks in which a partition is scored: the same arithmetic, the same numbers."""
    return np.concatenate([np.empty(0), *ordered_map(score, rechunk([rows], BLOCK_ROWS))])
