"""How much a model owes to the customers it happened to learn from."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.core.arrow.hashing import stable_hash
from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.features import to_model_frame
from churn_assets.core.models.model import predict, predict_in_blocks
from churn_assets.core.options import Recipe
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit

__all__ = ["duplicate_rows", "is_reproducible", "stability"]

SHARE = 0.99
_SALT = "stability halves"


def stability(rows: LabelledRows, holdout: LabelledRows, recipe: Recipe, columns: tuple[str, ...]) -> float | None:
    """How far probabilities move where the model learns from one half of the customers, and where from the other.

    Returns:
        The 99th percentile over the customers of `holdout`; None where a half is too small to learn from.
    """
    first = stable_hash(rows.ids, _SALT) % 2 == 0
    try:
        halves = [fit(rows.keep(half), recipe, columns) for half in (first, ~first)]
    except TrainingImpossible:
        return None
    one, other = (_predicted(half, holdout, columns) for half in halves)
    return float(np.quantile(np.abs(one - other), SHARE))


def is_reproducible(
    fitted: Any, rows: LabelledRows, holdout: LabelledRows, recipe: Recipe, columns: tuple[str, ...]
) -> bool:
    """Whether a second fit of `rows` gives `holdout` the probabilities of what was `fitted` on them, to the bit."""
    first, second = (_predicted(each, holdout, columns) for each in (fitted, fit(rows, recipe, columns)))
    return first.tobytes() == second.tobytes()


def duplicate_rows(train: LabelledRows, test: LabelledRows, columns: tuple[str, ...]) -> int:
    """How many rows of `test` have exactly the features of a row of `train`."""
    return int(np.isin(_row_hashes(test, columns), _row_hashes(train, columns)).sum())


def _row_hashes(rows: LabelledRows, columns: tuple[str, ...]) -> NDArray[np.uint64]:
    frame = to_model_frame(rows.features, columns)
    hashes = pd.util.hash_pandas_object(frame, index=False)
    return np.asarray(hashes, dtype=np.uint64)


def _predicted(pipeline: Any, rows: LabelledRows, columns: tuple[str, ...]) -> NDArray[np.float64]:
    return predict_in_blocks(lambda block: predict(pipeline, block, columns), rows.features)
