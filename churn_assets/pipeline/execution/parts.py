"""One part of a day's customers in, one part of its scores out: what a core does at a time.

A part is scored by itself, from files into a file, so that it does not matter which core, or which
machine, does it, how often, or in which order.
"""

import datetime as dt
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from churn_assets.core.arrow.batches import BLOCK_ROWS, rechunk
from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.errors import AuditFailed
from churn_assets.core.features import compute_features
from churn_assets.core.models.model import Model
from churn_assets.core.options import Decisions
from churn_assets.core.profile import Profile
from churn_assets.core.profile_schemas import categorical_columns
from churn_assets.core.scoring.do_not_score import DoNotScoreList
from churn_assets.core.scoring.feature_counts import FeatureCounts
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.core.scoring.prior import NO_CORRECTION, PriorCorrection
from churn_assets.core.scoring.rows import in_canary, score_rows
from churn_assets.core.table_schemas import SCORES
from churn_assets.core.telling.counts import ReasonCounts
from churn_assets.pipeline.execution.reasons import PartReasons, ReasonPlan
from churn_assets.storage.layout import part_name, reasons_folder, segments_folder
from churn_assets.storage.lookup.writer import LookupSegment, write_segment
from churn_assets.storage.tables.parquet import read_batches, write_part

__all__ = ["ModelInput", "PartResult", "ScoringJob", "score_part"]

FEATURE_ROWS = 32_768  # few blocks: no frame is made of features, so that larger batches would only take memory


@dataclass(frozen=True)
class ModelInput:
    """A model, and the files it scores: its features, or `customers`, of which they are computed.

    The probabilities are published as `correction` makes them. Whoever is `excluded` is never shown to the model.
    """

    model: Model
    files: tuple[Path, ...]
    is_customers: bool
    correction: PriorCorrection = NO_CORRECTION
    excluded: DoNotScoreList | None = None

    def batches(
        self, profile: Profile, day: dt.date, part: int, groups: Sequence[int] | None = None
    ) -> Iterator[pa.Table]:
        """What the model is given of one part, or of its row `groups`."""
        categories = categorical_columns(profile)
        if not self.is_customers:
            seen = [name for name in self.model.card.feature_columns if name in categories]
            features = read_batches([self.files[part]], categories=seen, rows=FEATURE_ROWS, groups=groups)
            yield from self._without_excluded(features, profile.id_column)
            return
        customers = read_batches([self.files[part]], categories=categories, groups=groups)
        for batch in self._without_excluded(customers, profile.id_column):
            if self.model.card.is_rules:
                yield batch
            else:
                yield compute_features(batch, profile, self.model.card.feature_parameters, day)

    def _without_excluded(self, batches: Iterator[pa.Table], key: str) -> Iterator[pa.Table]:
        if self.excluded is None:
            yield from batches
            return
        for batch in batches:
            kept = self.excluded.left_of(batch, key)
            if kept.num_rows or not batch.num_rows:  # whoever computes features need not know of no customers
                yield kept

    def count_excluded(self, key: str, part: int) -> int:
        """How many customers of a part are on the list, by their ids alone."""
        if self.excluded is None:
            return 0
        batches = read_batches([self.files[part]], [key])
        return sum(int(self.excluded.holds(batch.column(key)).sum()) for batch in batches)


@dataclass(frozen=True)
class ScoringJob:
    """How a day is scored: by its first input, and for `canary_share` of the customers by its second.

    Where it `is_for_app`, a segment of the app's lookup is made of each part. `features` says how the rows of the first
    input are counted, `reasons` how they are explained; they are not where it is None.
    """

    day: dt.date
    profile: Profile
    inputs: tuple[ModelInput, ...]
    canary_share: float
    decisions: Decisions
    audit: ScoreAudit
    is_for_app: bool = False
    features: FeatureCounts = field(default_factory=lambda: FeatureCounts({}, 0))
    reasons: ReasonPlan | None = None

    def blocks(self, part: int, features: FeatureCounts, reasons: PartReasons | None) -> Iterator[pa.Table]:
        """The score rows of a part, in fixed blocks, so that the arithmetic never depends on the batches.

        With a canary both models score the whole block: the champion's rows are then the same to
        the bit as without one. What the first model was given is added to `features`, who is explained to `reasons`.
        """
        given = [rechunk(each.batches(self.profile, self.day, part), BLOCK_ROWS) for each in self.inputs]
        for block in zip(*given, strict=True):
            ids = id_texts(block[0].column(self.profile.id_column).combine_chunks())
            scored = [
                each.correction.apply(each.model.score(self.profile, rows, self.day))
                for each, rows in zip(self.inputs, block, strict=True)
            ]
            features.count(block[0])
            versions = [each.model.card.model_version for each in self.inputs]
            if len(versions) == 1:
                published, arm = scored[0], None
                version: str | pa.Array = versions[0]
            else:
                arm = in_canary(ids, self.canary_share).astype(np.int32)
                published = np.where(arm, scored[1], scored[0])
                version = pa.DictionaryArray.from_arrays(pa.array(arm), pa.array(versions))
            if reasons is not None:
                reasons.add(ids, block, published, arm)
            yield score_rows(ids, published, version, self.decisions)


@dataclass(frozen=True)
class PartResult:
    """What an audit saw of the scores of a part, what their features and reasons counted, and the lookup's segment.

    `excluded` counts the customers of the part who are on the do-not-score list.
    """

    audit: ScoreAudit
    features: FeatureCounts
    reasons: ReasonCounts
    segment: LookupSegment | None = None
    excluded: int = 0


def score_part(job: ScoringJob, folder: Path, part: int) -> PartResult:
    """Write the scores of a part below `folder`, and read them back; their reasons beside them.

    Raises:
        AuditFailed: a row is not fit to be read.
        ModelFault, ProfileError: a model cannot score the part.
    """
    features = job.features.empty_copy()
    reasons = PartReasons(job.reasons) if job.reasons else None
    write_part(folder, part, SCORES, "customer_id", job.blocks(part, features, reasons))
    counts = _written(reasons, folder, part) if reasons else ReasonCounts()
    audit = job.audit.empty_copy()
    excluded = job.inputs[0].count_excluded(job.profile.id_column, part)
    audited = _audited(folder / part_name(part), audit, job.inputs[0].excluded)
    if job.is_for_app:
        return PartResult(audit, features, counts, write_segment(segments_folder(folder), part, audited), excluded)
    deque(audited, maxlen=0)
    return PartResult(audit, features, counts, excluded=excluded)


def _written(reasons: PartReasons, folder: Path, part: int) -> ReasonCounts:
    """What was counted of the reasons, which are written beside the scores."""
    reasons_folder(folder).mkdir(exist_ok=True)
    reasons.write(reasons_folder(folder), part)
    return reasons.counts


def _audited(path: Path, audit: ScoreAudit, excluded: DoNotScoreList | None) -> Iterator[pa.Table]:
    """The rows of a part as they were written, which `audit` has looked at.

    Raises:
        AuditFailed: one is not fit to be read, or is of a customer who is `excluded`.
    """
    for batch in read_batches([path], categories=audit.CATEGORIES):
        audit.check_batch(batch)
        if excluded is not None and (scored := int(excluded.holds(batch.column("customer_id")).sum())):
            raise AuditFailed(f"{audit.where}: {scored} rows are of the do-not-score list; nothing was published")
        yield batch
