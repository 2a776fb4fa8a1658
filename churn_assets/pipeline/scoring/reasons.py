"""The reasons of a day's scores: by whom they are made, audited, and published for the scores they explain."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.errors import AuditFailed, ChurnError, ModelFault
from churn_assets.core.failures import in_one_line
from churn_assets.core.models.card import ModelCard
from churn_assets.core.reasons.explainer import Explainer, Unexplainable
from churn_assets.core.table_schemas import REASONS
from churn_assets.core.telling.counts import ReasonCounts
from churn_assets.core.telling.ranking import MOST
from churn_assets.pipeline.chain import Chain, RunContext, StageResult, logger
from churn_assets.pipeline.execution.reasons import ReasonPlan
from churn_assets.pipeline.scoring.serving_models import ResolvedInput
from churn_assets.storage.layout import reasons_folder
from churn_assets.storage.reasons.published import withdraw_reasons
from churn_assets.storage.tables.parquet import read_batches
from churn_assets.storage.tables.versions import Staged, parts_of

__all__ = ["ReasonsResult", "StagedReasons", "plan_reasons", "publish_reasons", "stage_reasons"]

RANKS = pa.array(range(1, MOST + 1), pa.int32())
DICTIONARIES = ("family", "feature", "direction", "sentence")


@dataclass(frozen=True)
class StagedReasons:
    """Files of reasons that no reader sees yet, what was counted of them, and the models that are explained."""

    staged: Staged
    counts: ReasonCounts
    rows: int
    models: tuple[str, ...]


@dataclass(frozen=True)
class ReasonsResult(StageResult):
    """The reasons of a day that became current, and what is told of them in aggregates."""

    details: dict[str, Any]


def plan_reasons(chain: Chain, inputs: Sequence[ResolvedInput]) -> ReasonPlan | None:
    """By what a day is explained; None where nobody is to be, or nothing can.

    Raises:
        ModelFault: reasons are required, and a model that scores has none.
    """
    if chain.reasons.customers == "none":
        return None
    explainers = tuple(_explainer(chain, each.model.card) for each in inputs)
    if not any(explainers):
        return None
    return ReasonPlan(explainers, chain.profile, chain.decisions, chain.reasons)


def _explainer(chain: Chain, card: ModelCard) -> Explainer | None:
    try:
        found = chain.registry.models.explainer(card)
    except ModelFault as error:
        found = Unexplainable(str(error))
    if not isinstance(found, Unexplainable):
        return found
    if chain.reasons.required:
        raise ModelFault(
            f"model {card.model_version} gives no reasons ({found.reason}), and reasons.required is set: promote "
            "another version, or unset it"
        )
    if not card.is_rules:
        logger.warning("scores of model %s are published without reasons: %s", card.model_version, found.reason)
    return None


def stage_reasons(chain: Chain, scores: Staged, counts: ReasonCounts, models: tuple[str, ...]) -> StagedReasons | None:
    """Take the reasons from where the scores were staged, and audit them; None where they met trouble.

    Raises:
        AuditFailed: reasons are required, and were not made or are not fit to be read.
    """
    staged = chain.churn_reasons.stage(scores.day, REASONS, lambda folder: _move(scores, folder))
    try:
        return StagedReasons(staged, counts, _audited(staged, counts), models)
    except ChurnError as error:
        chain.churn_reasons.discard(staged)
        if chain.reasons.required:
            raise
        logger.warning("%s; the scores are published without reasons", error)
        return None


def _move(scores: Staged, folder: Path) -> None:
    made = reasons_folder(scores.folder)
    for path in parts_of(made):
        path.rename(folder / path.name)
    made.rmdir()


def _audited(staged: Staged, counts: ReasonCounts) -> int:
    """How many rows there are, read back.

    Raises:
        AuditFailed: they could not be made, or are not those that were.
    """
    if counts.trouble:
        raise AuditFailed(f"churn_reasons {staged.day}: they could not be made ({counts.trouble})")
    rows, customers, is_sound = 0, 0, True
    for part in ordered_map(_looked_at, parts_of(staged.folder)):
        rows, customers, is_sound = rows + part[0], customers + part[1], is_sound and part[2]
    if customers != counts.explained or not is_sound:
        raise AuditFailed(
            f"churn_reasons {staged.day}: {customers} customers have reasons where {counts.explained} were explained, "
            "or a contribution is no number; nothing of them was published: look at the disk, and run the day again"
        )
    return rows


def _looked_at(path: Path) -> tuple[int, int, bool]:
    """The rows of a part, its customers, and whether each contribution is a number and each rank in its bounds."""
    rows, customers, is_sound = 0, 0, True
    for batch in read_batches([path], categories=DICTIONARIES):
        rows += batch.num_rows
        ranks = batch.column("rank")
        customers += pc.sum(pc.equal(ranks, 1)).as_py() or 0
        finite = pc.all(pc.is_finite(batch.column("contribution")), min_count=0).as_py()
        bounded = pc.all(pc.is_in(ranks, RANKS), min_count=0).as_py()
        is_sound = is_sound and bool(finite) and bool(bounded)
    return rows, customers, is_sound


def publish_reasons(
    chain: Chain, reasons: StagedReasons | None, scores: StageResult, run: RunContext
) -> ReasonsResult | None:
    """Make the reasons of published `scores` current; where there are none, those of other scores no longer are.

    Raises:
        PartitionConflict, SchemaChanged: reasons are required, and were not published; the scores are.
    """
    table, day = chain.churn_reasons, scores.day
    details: dict[str, Any] = {"score_version": scores.published.version}
    try:
        if reasons is None:
            withdraw_reasons(chain.layout, day, run.commit("explain", **details))
            return None
        details["models"] = list(reasons.models)
        details |= chain.reasons.model_dump(mode="json", exclude={"required"}) | reasons.counts.details()
        commit = run.commit("explain", reasons.models[0], **details)
        published = table.publish(reasons.staged, table.current(day), commit)
    except (ChurnError, OSError) as error:
        if chain.reasons.required:
            raise
        logger.warning("%s: the scores are published, their reasons are not: %s", day, in_one_line(str(error)))
        return None
    return ReasonsResult(table, day, published, reasons.rows, details)
