"""A fitted model with its card: features in, probabilities out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.batches import BLOCK_ROWS, ordered_map, rechunk
from churn_assets.core.card import ModelCard
from churn_assets.core.errors import ModelFault
from churn_assets.core.features import to_model_frame

__all__ = ["Model", "predict", "predict_in_blocks"]


@dataclass(frozen=True)
class Model:
    """A fitted pipeline and what it is."""

    pipeline: Any
    card: ModelCard

    def predict(self, features: pa.Table) -> NDArray[np.float64]:
        """Probability of churn for each row of `customer_features`, (n)."""
        return predict(self.pipeline, features, self.card.feature_columns)


def predict(pipeline: Any, features: pa.Table, columns: tuple[str, ...]) -> NDArray[np.float64]:
    """Probability of churn for each feature row, (n)."""
    try:
        probability: NDArray[np.float64] = pipeline.predict_proba(to_model_frame(features, columns))[:, 1]
    except ValueError as error:
        raise ModelFault(f"the model cannot score these features: {error}; look at what add_features gives") from error
    return probability


def predict_in_blocks(pipeline: Any, features: pa.Table, columns: tuple[str, ...]) -> NDArray[np.float64]:
    """As `predict`, over the blocks in which a partition is scored: the same arithmetic, the same numbers."""
    blocks = rechunk([features], BLOCK_ROWS)
    return np.concatenate([np.empty(0), *ordered_map(lambda block: predict(pipeline, block, columns), blocks)])
