"""A scored day as the watching sees it: who scored it, and what was counted then. Small, whatever the day's rows."""

import datetime as dt
from dataclasses import dataclass

from churn_assets.core.errors import PartitionMissing, UnknownVersion
from churn_assets.core.evaluation.results import FeatureSummary
from churn_assets.core.monitoring.score_drift import ScoresCounted
from churn_assets.core.scoring.prior import PriorCorrection
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.scoring.prior import odds_factor
from churn_assets.pipeline.scoring.scored_days import count_published, scoring_commit
from churn_assets.storage.scores.feature_counts import read_feature_counts
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["ScoredDay", "scored_day"]


@dataclass(frozen=True)
class ScoredDay:
    """The current scores of a day.

    Attributes:
        version: their files.
        commit: by which they were scored.
        counts: what was counted of their features and scores; None where it was not kept.
    """

    version: PartitionVersion
    commit: Commit
    counts: FeatureSummary | None

    @property
    def day(self) -> dt.date:
        """The snapshot date."""
        return self.version.day

    @property
    def models(self) -> set[str]:
        """The model that scored; two of them where there was a canary."""
        return set(self.commit.details.get("models") or [self.commit.model_version])

    def kept_scores(self, edges: tuple[float, ...]) -> ScoresCounted | None:
        """The day's scores as they were counted in its night; None where that was not kept, or in other bins."""
        scores = self.counts.scores if self.counts else None
        if self.counts is None or scores is None or scores.edges != edges:
            return None
        return ScoresCounted(scores, self.counts.mean_score)

    def scores(self, edges: tuple[float, ...]) -> ScoresCounted:
        """The day's scores in these bins of what the model gave; the published files are read where none were kept.

        Raises:
            DamagedVersion: they cannot be.
        """
        kept = self.kept_scores(edges)
        if kept is not None:
            return kept
        prior = self.commit.details.get("prior", {})
        correction = PriorCorrection(odds_factor=odds_factor(self.commit.details))
        counted = count_published(self.version, correction.edges(edges)).summary(edges)
        return ScoresCounted(counted.scores, prior.get("uncorrected_mean", counted.mean))


def scored_day(chain: Chain, day: dt.date) -> ScoredDay | None:
    """The current scores of a day; None where it has none, or its files are gone."""
    try:
        version = chain.scores.version(day)
    except (PartitionMissing, UnknownVersion):
        return None
    commit = scoring_commit(chain.scores, version)
    return ScoredDay(version, commit, read_feature_counts(chain.scores.folder, version)) if commit else None
