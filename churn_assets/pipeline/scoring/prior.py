"""The level of a night's probabilities: set by the model's card, the day, and what the model gives some customers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.arrow.batches import BLOCK_ROWS, rechunk
from churn_assets.core.scoring.prior import saerens, seasonal, seasonal_rate
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.scoring.serving_models import ResolvedInput
from churn_assets.storage.tables.parquet import row_groups

__all__ = ["odds_factor", "with_corrected_prior"]

GROUPS = 8  # of 131,072 rows, evenly spread: a mean to half a thousandth


def with_corrected_prior(chain: Chain, given: ResolvedInput) -> ResolvedInput:
    """The same with the correction of the model's probabilities that its card asks for, on the day of its customers.

    The uncorrected mean is over all customers of up to a million, and over eight row groups of more.
    """
    card, day = given.model.card, given.customers.day
    if card.prior.kind == "none":
        return given
    rate = seasonal_rate(card.day_rates, day) if card.prior.kind == "seasonal" else None
    if card.prior.kind == "seasonal" and rate is None:
        logger.warning(
            "%s: model %s learnt from no day a year before, so that the level of the season is not known: its "
            "probabilities are published as they are",
            day,
            card.model_version,
        )
        return given
    probability = _some_probabilities(chain, given)
    if rate is None:
        correction = saerens(probability, card.train_churners / card.train_rows)
    else:
        correction = seasonal(probability, rate)
    return replace(given, correction=correction, uncorrected_mean=float(probability.mean()))


def odds_factor(details: Mapping[str, Any]) -> float:
    """What the odds of published scores were multiplied by, by the details of their commit."""
    return float(details.get("prior", {}).get("odds_factor", 1.0))


def _some_probabilities(chain: Chain, given: ResolvedInput) -> NDArray[np.float64]:
    """What the model gives the customers of evenly spread row groups: the same ones each time."""
    day = given.customers.day
    groups = [(part, group) for part, path in enumerate(given.files.files) for group in range(row_groups(path))]
    chosen = [groups[at] for at in np.unique(np.linspace(0, len(groups) - 1, GROUPS).astype(int))] if groups else []
    batches = (
        batch for part, group in chosen for batch in given.files.batches(chain.profile, day, part, groups=[group])
    )
    scored = [given.model.score(chain.profile, rows, day) for rows in rechunk(batches, BLOCK_ROWS)]
    return np.concatenate([np.empty(0), *scored])
