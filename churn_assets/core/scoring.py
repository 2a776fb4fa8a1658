"""Probabilities into score rows, and the audit that stands before every publish."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.core.columns import SCORES
from churn_assets.core.errors import AuditFailed
from churn_assets.core.options import Decisions

__all__ = ["ScoreAudit", "score_rows"]

TIERS = ("low", "medium", "high")


def score_rows(
    customer_ids: pa.Array, probability: NDArray[np.float64], model_version: str, decisions: Decisions
) -> pa.Table:
    """Rows of `churn_scores`: tiers and actions by the configured thresholds.

    In the low-confidence band the action is `review`, also above the bound of the high tier.
    """
    high = probability > decisions.high_above
    medium = probability > decisions.medium_above
    start, end = decisions.review_band
    review = (probability >= start) & (probability <= end)
    tier = np.select([high, medium], ["high", "medium"], "low")
    action = np.select([review, high], ["review", "offer"], "none")
    return pa.Table.from_arrays(
        [
            customer_ids,
            pa.array(probability, pa.float64()),
            pa.array(tier, pa.string()),
            pa.array(action, pa.string()),
            pa.repeat(pa.scalar(model_version), len(probability)),
        ],
        schema=SCORES,
    )


@dataclass
class ScoreAudit:
    """Looks at every row of a score partition as it was written, and refuses what an app must not read."""

    where: str
    rows: int = 0
    probability_sum: float = 0.0
    tiers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TIERS, 0))
    _last_id: str | None = None

    def look(self, batch: pa.Table) -> None:
        """Check one batch.

        Raises:
            AuditFailed: a null, a probability outside [0, 1] or not finite, or ids not strictly ascending.
        """
        for name in SCORES.names:
            if nulls := batch.column(name).null_count:
                raise AuditFailed(f"{self.where}: {nulls} rows have no {name}; nothing was published")
        probability = batch.column("churn_probability").to_numpy()
        outside = int((~((probability >= 0) & (probability <= 1))).sum())
        if outside:
            raise AuditFailed(f"{self.where}: {outside} rows have no probability in [0, 1]; nothing was published")
        self._check_order(batch.column("customer_id").combine_chunks())
        for counted in pc.value_counts(batch.column("risk_tier")).to_pylist():
            self.tiers[counted["values"]] = self.tiers.get(counted["values"], 0) + counted["counts"]
        self.rows += batch.num_rows
        self.probability_sum += float(probability.sum())

    def finish(self, valid_rows: int) -> None:
        """Check what only the whole partition shows.

        Raises:
            AuditFailed: not every valid customer has exactly one score, or an unknown tier was given.
        """
        if self.rows != valid_rows:
            raise AuditFailed(
                f"{self.where}: {valid_rows} valid customers got {self.rows} scores; nothing was published"
            )
        if unknown := self.tiers.keys() - set(TIERS):
            raise AuditFailed(f"{self.where}: unknown risk tier {', '.join(sorted(unknown))}; nothing was published")

    @property
    def mean_probability(self) -> float:
        """Mean of the probabilities seen so far."""
        return self.probability_sum / self.rows if self.rows else 0.0

    def _check_order(self, ids: pa.Array) -> None:
        if not len(ids):
            return
        before = pa.concat_arrays([pa.array([self._last_id], pa.string()), ids[:-1]])
        if pc.any(pc.less_equal(ids, before)).as_py():
            raise AuditFailed(f"{self.where}: customer ids repeat or are out of order; nothing was published")
        self._last_id = ids[-1].as_py()
