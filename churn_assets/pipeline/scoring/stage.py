"""A day scored into files that no reader sees yet, audited row by row: to be published, or in the shadow."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from churn_assets.core.evaluation.results import Reference
from churn_assets.core.scoring.feature_counts import FeatureCounts
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.core.table_schemas import SCORES
from churn_assets.core.telling.counts import ReasonCounts
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.execution.parts import PartResult, ScoringJob
from churn_assets.pipeline.execution.reasons import ReasonPlan
from churn_assets.pipeline.scoring.reasons import StagedReasons, stage_reasons
from churn_assets.pipeline.scoring.serving_models import ResolvedInput
from churn_assets.storage.lookup.writer import LookupSegment
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import Staged

__all__ = ["StagedScores", "logged_progress", "stage_scores"]

QUIET_SECONDS = 30.0

Done = TypeVar("Done")


@dataclass(frozen=True)
class StagedScores:
    """Files of scores, what the audit saw of them, what they were computed from, and what that counted.

    `segments` of the app's lookup are there for all parts or for none. `excluded` counts the valid customers who are on
    the do-not-score list.
    """

    staged: Staged
    audit: ScoreAudit
    inputs: tuple[ResolvedInput, ...]
    segments: tuple[LookupSegment, ...]
    features: FeatureCounts
    reasons: StagedReasons | None = None
    excluded: int = 0

    def discard(self, chain: Chain, table: Table) -> None:
        """Remove what failed an audit, of the `table` whose version was staged."""
        table.discard(self.staged)
        if self.reasons is not None:
            chain.churn_reasons.discard(self.reasons.staged)

    @property
    def details(self) -> dict[str, Any]:
        """What the commit says of the inputs: those of the first model."""
        first = self.inputs[0]
        details: dict[str, Any] = {
            "features_version": first.features_version,
            "feature_code_changed": first.feature_code_changed,
            "customers_version": first.customers.version,
        }
        if first.excluded is not None:
            details |= {"excluded": self.excluded, "do_not_score": first.excluded.digest}
        if first.model.card.out_of_fold:
            details["out_of_fold"] = True
        if first.uncorrected_mean is not None:
            details["prior"] = {**asdict(first.correction), "uncorrected_mean": first.uncorrected_mean}
        return details


@dataclass
class _Counted:
    """What the parts of a day gave, joined."""

    audit: ScoreAudit
    features: FeatureCounts
    reasons: ReasonCounts = field(default_factory=ReasonCounts)
    segments: list[LookupSegment] = field(default_factory=list)
    excluded: int = 0

    def join(self, part: PartResult) -> None:
        self.audit.join(part.audit)
        self.features.join(part.features)
        self.reasons.join(part.reasons)
        self.segments += [part.segment] if part.segment else []
        self.excluded += part.excluded


def stage_scores(  # noqa: PLR0913  # who is scored by what, and what else is made in the same pass
    chain: Chain,
    table: Table,
    inputs: Sequence[ResolvedInput],
    edges: tuple[float, ...],
    *,
    reference: Reference | None = None,
    canary_share: float = 0.0,
    for_app: bool = False,
    reasons: ReasonPlan | None = None,
) -> StagedScores:
    """Score every customer of a day who is not excluded, and write the rows where no reader looks.

    Args:
        chain: the chain.
        table: whose version is staged.
        inputs: who scores, by what; the second one is the canary.
        edges: between which the audit counts probabilities.
        reference: by which the features of the first input are counted; they are not where it is None.
        canary_share: of the customers, whom the canary scores.
        for_app: whether an engine may make segments of the app's lookup as it goes.
        reasons: how the scores are explained, in the same pass; they are not where it is None.

    Raises:
        AuditFailed, RunError: the rows are not fit to be read, or the engine could not do it; nothing is left behind.
    """
    customers = inputs[0].customers
    audit, features = ScoreAudit(f"{table.name} {customers.day}", edges), _nothing_counted(reference, customers.rows)
    job = ScoringJob(
        day=customers.day,
        profile=chain.profile,
        inputs=tuple(each.files for each in inputs),
        canary_share=canary_share,
        decisions=chain.decisions,
        audit=audit.empty_copy(),
        is_for_app=for_app,
        features=features.empty_copy(),
        reasons=reasons,
    )
    counted = _Counted(audit, features)

    def score_all(folder: Path) -> None:
        with closing(chain.engine.score(job, folder, customers.parts)) as results:
            for result in logged_progress(results, str(customers.day), len(customers.parts)):
                counted.join(result)
        audit.finish(customers.rows, counted.excluded)

    staged = table.stage(customers.day, SCORES, score_all)
    made = _staged_reasons(chain, table, staged, counted.reasons, inputs) if reasons else None
    return StagedScores(staged, audit, tuple(inputs), tuple(counted.segments), features, made, counted.excluded)


def _staged_reasons(
    chain: Chain, table: Table, scores: Staged, counts: ReasonCounts, inputs: Sequence[ResolvedInput]
) -> StagedReasons | None:
    try:
        return stage_reasons(chain, scores, counts, tuple(each.model.card.model_version for each in inputs))
    except BaseException:
        table.discard(scores)
        raise


def _nothing_counted(reference: Reference | None, rows: int) -> FeatureCounts:
    """Counts of the features of a day of so many `rows`; without a reference there is nothing to count by."""
    return FeatureCounts(reference.features, rows, reference.words) if reference else FeatureCounts({}, 0)


def logged_progress(parts: Iterable[Done], where: str, total: int) -> Iterator[Done]:
    """`parts` as they come, logged at each tenth of `total`, and every half minute of a slow one."""
    last = time.monotonic()
    for done, part in enumerate(parts, 1):
        now = time.monotonic()
        if done * 10 // total > (done - 1) * 10 // total or now - last >= QUIET_SECONDS:
            logger.info("%s: %d of %d parts scored", where, done, total)
            last = now
        yield part
