"""What each feature contributes to a customer's score: exact interventional Shapley values of the model's margin."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from churn_assets.core.reasons.linear import LinearExplainer
    from churn_assets.core.reasons.trees import TreeExplainer

__all__ = ["Explainer", "Unexplainable", "build_explainer"]


class Explainer(Protocol):
    """Explains the margin of one model: the log-odds of its probability, beneath a calibration.

    A contribution is the Shapley value of a feature in the game whose worth of a set of features is the mean margin
    over a background sample of the training rows, each of which takes these features from the customer (Lundberg and
    Lee 2017, "A Unified Approach to Interpreting Model Predictions"; Janzing et al. 2020, for why the others are
    taken from the sample as they are).
    """

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """The model's features, in the order of the contributions."""
        ...

    @property
    def base_value(self) -> float:
        """The mean margin of the background sample, log-odds."""
        ...

    def base_values(self, rows: pa.Table) -> NDArray[np.float64]:
        """From where the contributions of each of `rows` start, (n): `base_value`, unless several models score."""
        ...

    def contributions(self, rows: pa.Table) -> NDArray[np.float64]:
        """What each feature adds to the base value, (n, features), log-odds, for the feature `rows` that are scored.

        Raises:
            ValueError: a column cannot be what it was when the model was trained.
        """
        ...


@dataclass(frozen=True)
class Unexplainable:
    """A model without reasons, and a clause that says why."""

    reason: str


def build_explainer(
    pipeline: Any, columns: tuple[str, ...], background: pa.Table
) -> "TreeExplainer | LinearExplainer | Unexplainable":
    """The explainer of what `training.fit` gave for these feature columns, or why there is none.

    Args:
        pipeline: a fitted model.
        columns: its features.
        background: rows of features, with whom a customer is compared.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  # explaining needs no scikit-learn

    from churn_assets.core.reasons.linear_building import explainer_of_regression  # noqa: PLC0415  # as above
    from churn_assets.core.reasons.margins import compile_trees, log_odds  # noqa: PLC0415  # as above
    from churn_assets.core.reasons.tree_building import explainer_of_trees  # noqa: PLC0415  # as above
    from churn_assets.core.trees.compiler import KernelUnsupported, unwrap  # noqa: PLC0415  # as above

    try:
        unwrapped = unwrap(pipeline)
        if isinstance(unwrapped.model, LogisticRegression):
            return explainer_of_regression(unwrapped, columns, background)
        return explainer_of_trees(compile_trees(pipeline, unwrapped, columns), background, *log_odds(unwrapped))
    except KernelUnsupported as error:
        return Unexplainable(str(error))
