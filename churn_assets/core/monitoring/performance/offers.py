"""What an offer does: those who got one beside those who would have, and were held out."""

from dataclasses import dataclass
from math import ceil, sqrt

from churn_assets.core.monitoring.performance.shares import Z, wilson

__all__ = ["OfferEffect", "offer_effect"]

Z_POWER = 0.8416212335729143  # of a power of 0.8
VISIBLE = 0.02  # the difference of churn rates that a company wants to see


@dataclass(frozen=True)
class OfferEffect:
    """Churn rates of both groups, and by how much fewer left with an offer: positive where it keeps customers.

    `nights` is how many such nights it takes until a difference of two points is seen with power 0.8, if each brought
    other customers; None where a group is empty. The same customers stay held out, so that it is a lower bound.
    """

    offered: int
    held_out: int
    offered_rate: float
    held_out_rate: float
    difference: float
    low: float
    high: float
    nights: int | None


def offer_effect(offered: int, offered_churners: int, held_out: int, held_out_churners: int) -> OfferEffect | None:
    """The effect by the counts of one night, with the 95 % interval of Newcombe (1998); None where a group is empty."""
    if not (offered and held_out):
        return None
    rate, held_rate = offered_churners / offered, held_out_churners / held_out
    low, high = wilson(offered_churners, offered)
    held_low, held_high = wilson(held_out_churners, held_out)
    difference = held_rate - rate
    return OfferEffect(
        offered,
        held_out,
        rate,
        held_rate,
        difference,
        difference - sqrt((held_rate - held_low) ** 2 + (high - rate) ** 2),
        difference + sqrt((held_high - held_rate) ** 2 + (rate - low) ** 2),
        _nights(offered, held_out, (offered_churners + held_out_churners) / (offered + held_out)),
    )


def _nights(offered: int, held_out: int, rate: float) -> int:
    """Two shares of unequal groups around one rate, by the normal approximation."""
    a_night = rate * (1 - rate) * (1 / offered + 1 / held_out)
    return max(1, ceil((Z + Z_POWER) ** 2 * a_night / VISIBLE**2))
