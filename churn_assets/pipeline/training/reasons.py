"""What is judged of a model's reasons: how much of them is never shown, and how many change against the champion's."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.errors import ChurnError
from churn_assets.core.evaluation.results import Evidence
from churn_assets.core.reasons.explainer import Explainer, Unexplainable
from churn_assets.core.telling.families import AVERAGE
from churn_assets.core.telling.ranking import rank
from churn_assets.pipeline.chain import Chain, logger

__all__ = ["with_reasons"]

MOST_ROWS = 16_384  # of the hold-out, evenly: shares are known to half a point, in a second


@dataclass(frozen=True)
class _First:
    """The first family of each row, (n), and the mean share of families that are never shown."""

    families: NDArray[np.str_]
    hidden_share: float


def with_reasons(
    chain: Chain, evidence: Evidence, explainer: Explainer | Unexplainable, holdout: pa.Table | None
) -> Evidence:
    """The evidence with what the reasons of the hold-out's customers say; as it is where there are none.

    Args:
        chain: the chain, whose champion the model is held against.
        evidence: of the model.
        explainer: of what is served.
        holdout: feature rows of the backtest's customers; None for rules.
    """
    if isinstance(explainer, Unexplainable) or holdout is None or not holdout.num_rows:
        return evidence
    rows = holdout.take(pa.array(np.unique(np.linspace(0, holdout.num_rows - 1, MOST_ROWS).astype(np.int64))))
    ours = _first(chain, explainer, rows)
    told = {"hidden_share": ours.hidden_share, "first_reason_changed": None}
    champion = _champions(chain)
    if champion is not None:
        told["first_reason_changed"] = float((ours.families != _first(chain, champion, rows).families).mean())
    return evidence.model_copy(update=told)


def _champions(chain: Chain) -> Explainer | None:
    """What explains the champion; None where nothing does, or where other feature code made its features."""
    try:
        card = chain.registry.models.card(chain.registry.champion())
        if card.profile != chain.profile.name or card.feature_digest != chain.feature_digest:
            return None
        found = chain.registry.models.explainer(card)
    except ChurnError as error:
        logger.debug("churn_model: its reasons are not compared with the champion's: %s", error)
        return None
    return None if isinstance(found, Unexplainable) else found


def _first(chain: Chain, explainer: Explainer, rows: pa.Table) -> _First:
    families = chain.profile.families(explainer.feature_columns)
    names = np.array([*(family.name for family in families), AVERAGE])  # -1, for no family, is the last
    floor = chain.reasons.min_contribution
    ranked = rank(explainer.contributions(rows), explainer.feature_columns, families, floor)
    return _First(names[ranked.families[:, 0]], float(ranked.hidden_share.mean()))
