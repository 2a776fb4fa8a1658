"""Probabilities into score rows; who is the canary's, and who is held out from offers: for good, by a stable hash."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.hashing import stable_hash
from churn_assets.core.options import Decisions
from churn_assets.core.table_schemas import ACTIONS, SCORES, TIERS

__all__ = ["held_out", "in_canary", "score_rows"]

_SALT = "the canary's arm"
_HELD_OUT_SALT = "held from offers"


def score_rows(
    customer_ids: pa.Array, probability: NDArray[np.float64], model_version: str | pa.Array, decisions: Decisions
) -> pa.Table:
    """Rows of `churn_scores`: tiers and actions by the configured thresholds; one model version, or one a row.

    Tiers, actions and versions come dictionary-encoded, as they are stored.

    In the low-confidence band the action is `review`, also above the bound of the high tier. Whoever is held out gets
    no offer.
    """
    high = probability > decisions.high_above
    medium = probability > decisions.medium_above
    review = _in_band(probability, decisions)
    offer = high & ~held_out(customer_ids, probability, decisions)
    tier = _codes(TIERS, "low", high=high, medium=medium)
    action = _codes(ACTIONS, "none", review=review, offer=offer)
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


def held_out(
    ids: pa.Array | pa.ChunkedArray, probability: NDArray[np.float64], decisions: Decisions
) -> NDArray[np.bool_]:
    """Who of `ids` (n) would get an offer by `probability` (n), and is held out of it, so that its effect can be told.

    It follows from a published row and the decisions in its commit: no column needs to say it. A larger share keeps
    whom a smaller one held.
    """
    held = (probability > decisions.high_above) & ~_in_band(probability, decisions)
    if decisions.held_out_share == 0:
        return np.zeros(len(held), bool)
    at = np.flatnonzero(held)
    held[at] = stable_hash(ids.take(pa.array(at)), _HELD_OUT_SALT) < decisions.held_out_share * 2.0**64
    return held


def _in_band(probability: NDArray[np.float64], decisions: Decisions) -> NDArray[np.bool_]:
    start, end = decisions.review_band
    return (probability >= start) & (probability <= end)


def _codes(words: tuple[str, ...], otherwise: str, **holds: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each row the place among `words` of the first that holds of it."""
    places = [words.index(word) for word in holds]
    return np.select(list(holds.values()), places, words.index(otherwise))


def _texts(codes: NDArray[Any], words: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(words))
