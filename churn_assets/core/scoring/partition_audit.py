"""The audit before every publish: it checks every row as it was written, and refuses what is not fit to be read."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.core.errors import AuditFailed
from churn_assets.core.evaluation.results import Histogram
from churn_assets.core.scoring.histogram import TWENTIETHS, counts_between
from churn_assets.core.scoring.shift import ScoreSummary
from churn_assets.core.table_schemas import ACTIONS, SCORES, TIERS

__all__ = ["ScoreAudit"]


def _counted(texts: pa.ChunkedArray) -> dict[str, int]:
    """How often each text occurs."""
    counts: dict[str, int] = {}
    for chunk in texts.chunks:
        coded = chunk.dictionary_encode()  # as it is where it is coded already
        rows = np.bincount(coded.indices.to_numpy(), minlength=len(coded.dictionary)).tolist()
        for value, times in zip(coded.dictionary.to_pylist(), rows, strict=True):
            if times:
                counts[value] = counts.get(value, 0) + times
    return counts


@dataclass
class ScoreAudit:
    """Checks every row of a score partition as it was written, and refuses what an app must not read.

    `edges` cut the bins in which probabilities are counted; `models` counts the rows of each model; `twentieths` of
    the probability are the same bins for every model.
    """

    COUNTED: ClassVar = ("churn_probability", "risk_tier", "action", "model_version")
    CATEGORIES: ClassVar = ("risk_tier", "action", "model_version")

    where: str
    edges: tuple[float, ...] = ()
    rows: int = 0
    probability_sum: float = 0.0
    models: dict[str, int] = field(default_factory=dict)
    tiers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TIERS, 0))
    actions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACTIONS, 0))
    counts: NDArray[np.int64] | None = None
    twentieths: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(TWENTIETHS) + 1, np.int64))
    first_id: str | None = None
    last_id: str | None = None

    def empty_copy(self) -> "ScoreAudit":
        """An audit of other rows of the same partition, which has seen nothing yet."""
        return ScoreAudit(self.where, self.edges)

    def check_batch(self, batch: pa.Table) -> None:
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
        for ids in batch.column("customer_id").chunks:
            self._check_order(ids)
        self.count(batch)

    def count(self, batch: pa.Table) -> None:
        """Add one batch of the columns `COUNTED` to the aggregates; published scores are past their audit."""
        probability = batch.column("churn_probability").to_numpy()
        counted = {"risk_tier": self.tiers, "action": self.actions, "model_version": self.models}
        for column, counts in counted.items():
            for value, rows in _counted(batch.column(column)).items():
                counts[value] = counts.get(value, 0) + rows
        here = counts_between(probability, self.edges)
        self.counts = here if self.counts is None else self.counts + here
        self.twentieths = self.twentieths + counts_between(probability, TWENTIETHS)
        self.rows += batch.num_rows
        self.probability_sum += float(probability.sum())

    def join(self, more: "ScoreAudit") -> None:
        """Add what another audit has seen of the rows that follow.

        Raises:
            AuditFailed: they do not follow: their ids begin with one that is not greater than the last one here.
        """
        if self.last_id is not None and more.first_id is not None and more.first_id.encode() <= self.last_id.encode():
            raise AuditFailed(self._out_of_order)
        self.first_id = more.first_id if self.first_id is None else self.first_id
        self.last_id = more.last_id if more.last_id is not None else self.last_id
        self.twentieths = self.twentieths + more.twentieths
        for mine, theirs in ((self.tiers, more.tiers), (self.actions, more.actions), (self.models, more.models)):
            for value, rows in theirs.items():
                mine[value] = mine.get(value, 0) + rows
        if more.counts is not None:
            self.counts = more.counts if self.counts is None else self.counts + more.counts
        self.rows += more.rows
        self.probability_sum += more.probability_sum

    def finish(self, valid_rows: int, excluded: int = 0) -> None:
        """Check what only the whole partition shows, of whose customers so many are `excluded`.

        Raises:
            AuditFailed: not every other valid customer has exactly one score, or an unknown tier was given.
        """
        if self.rows + excluded != valid_rows:
            listed = f", and {excluded} are on the do-not-score list" if excluded else ""
            raise AuditFailed(
                f"{self.where}: {valid_rows} valid customers got {self.rows} scores{listed}; nothing was published"
            )
        if unknown := self.tiers.keys() - set(TIERS):
            raise AuditFailed(f"{self.where}: unknown risk tier {', '.join(sorted(unknown))}; nothing was published")

    def summary(self, edges: tuple[float, ...] | None = None) -> ScoreSummary:
        """What was seen so far, in aggregates; the scores in the bins that the audit's edges cut.

        `edges` are where these lie between the probabilities that the model gave, where their level was corrected.
        """
        counts = [0] * (len(self.edges) + 1) if self.counts is None else self.counts.tolist()
        scores = Histogram(edges=self.edges if edges is None else edges, counts=tuple(counts))
        return ScoreSummary(self.rows, dict(self.tiers), self.mean_probability, scores)

    @property
    def mean_probability(self) -> float:
        """Mean of the probabilities seen so far."""
        return self.probability_sum / self.rows if self.rows else 0.0

    @property
    def _out_of_order(self) -> str:
        return f"{self.where}: customer ids repeat or are out of order; nothing was published"

    def _check_order(self, ids: pa.Array) -> None:
        if not len(ids):
            return
        first = ids[0].as_py()
        follows = self.last_id is None or first.encode() > self.last_id.encode()
        if not follows or pc.any(pc.less_equal(ids[1:], ids[:-1])).as_py():
            raise AuditFailed(self._out_of_order)
        self.first_id = first if self.first_id is None else self.first_id
        self.last_id = ids[-1].as_py()
