"""Probabilities into score rows, and which customers are the canary's: each stays in its arm, by a stable hash."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.hashing import stable_hash
from churn_assets.core.options import Decisions
from churn_assets.core.table_schemas import ACTIONS, SCORES, TIERS

__all__ = ["in_canary", "score_rows"]

_SALT = "the canary's arm"


def score_rows(
    customer_ids: pa.Array, probability: NDArray[np.float64], model_version: str | pa.Array, decisions: Decisions
) -> pa.Table:
    """Rows of `churn_scores`: tiers and actions by the configured thresholds; one model version, or one a row.

    Tiers, actions and versions come dictionary-encoded, as they are stored.

    In the low-confidence band the action is `review`, also above the bound of the high tier.
    """
    high = probability > decisions.high_above
    medium = probability > decisions.medium_above
    start, end = decisions.review_band
    review = (probability >= start) & (probability <= end)
    tier = _codes(TIERS, "low", high=high, medium=medium)
    action = _codes(ACTIONS, "none", review=review, offer=high)
    return pa.Table.from_arrays(
        [
            customer_ids,
            pa.array(probability, pa.float64()),
            _texts(tier, TIERS),
            _texts(action, ACTIONS),
            model_version
            if isinstance(model_version, pa.Array)
            else _texts(np.zeros(len(probability)), (model_version,)),
        ],
        names=SCORES.names,
    )


def in_canary(ids: pa.Array | pa.ChunkedArray, share: float) -> NDArray[np.bool_]:
    """Whether each of `ids` (n) belongs to the canary's `share`; a larger share keeps whom a smaller one held."""
    inside: NDArray[np.bool_] = stable_hash(ids, _SALT) < share * 2.0**64
    return inside


def _codes(words: tuple[str, ...], otherwise: str, **holds: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each row the place among `words` of the first that holds of it."""
    places = [words.index(word) for word in holds]
    return np.select(list(holds.values()), places, words.index(otherwise))


def _texts(codes: NDArray[Any], words: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(words))
