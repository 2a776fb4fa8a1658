"""Score, audit and publish a day in one function, so that no reader meets what failed: `churn_scores`."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from churn_assets.core.errors import AuditFailed, DamagedVersion, PartitionConflict, UnknownVersion
from churn_assets.core.evaluation.results import Histogram, Reference
from churn_assets.core.models.card import ModelCard
from churn_assets.core.scoring.do_not_score import DoNotScoreList
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.core.scoring.prior import PriorCorrection
from churn_assets.core.scoring.shift import Finding, audit_shift
from churn_assets.pipeline.chain import Chain, RunContext, StageResult, logger
from churn_assets.pipeline.customers.do_not_score import read_do_not_score
from churn_assets.pipeline.scoring.input_audit import audit_customers, audit_scored_features, keep_feature_counts
from churn_assets.pipeline.scoring.prior import odds_factor, with_corrected_prior
from churn_assets.pipeline.scoring.reasons import ReasonsResult, plan_reasons, publish_reasons
from churn_assets.pipeline.scoring.scored_days import count_published, scoring_commit
from churn_assets.pipeline.scoring.serving_models import (
    ResolvedInput,
    ServingModels,
    champion_and_canary,
    resolve_input,
)
from churn_assets.pipeline.scoring.skew import SkewAudit, audit_feature_skew
from churn_assets.pipeline.scoring.stage import StagedScores, stage_scores
from churn_assets.storage.lookup.writer import write_staged_lookup
from churn_assets.storage.tables.commits import Commit, Event
from churn_assets.storage.tables.versions import PartitionVersion, Published

__all__ = ["ScoreOptions", "ScoreResult", "score_customers"]


@dataclass(frozen=True)
class ScoreOptions:
    """Which model scores: the champion where `model_version` is None, else a version, `previous` or `as_of`.

    `accept_shift` publishes what lies further from the last day than the audit allows;
    where `publish` is false the work ends with the audit.
    """

    model_version: str | None = None
    accept_shift: bool = False
    publish: bool = True


@dataclass(frozen=True)
class ScoreResult(StageResult):
    """An audited score partition; published, unless it was not to be.

    Attributes:
        card: of the champion, or whoever took its place.
        audit: what was seen of the rows.
        valid_rows: the day's valid customers.
        findings: of the audits of customers, features and scores against the last day, the reference and the model's
            feature code.
        details: what the commit tells of inputs, decisions and canary.
        is_published: whether readers may have met it.
        is_fallback: whether rules scored although a trained model is wanted.
        previous: what was current before, and what differs; empty for a first version.
        reasons: why, where the scores are explained.
    """

    card: ModelCard
    audit: ScoreAudit
    valid_rows: int
    findings: tuple[Finding, ...]
    details: dict[str, Any]
    is_published: bool
    is_fallback: bool
    previous: dict[str, Any] = field(default_factory=dict)
    reasons: ReasonsResult | None = None

    @property
    def hindsight(self) -> bool:
        """Whether a model knew more than the day."""
        return bool(self.details["hindsight"])

    @property
    def excluded(self) -> int | None:
        """How many valid customers are on the do-not-score list; None where there is none."""
        excluded: int | None = self.details.get("excluded")
        return excluded

    @property
    def accepted_shift(self) -> list[str]:
        """What a person accepted of a shift, in words."""
        accepted: list[str] = self.details.get("accepted_shift", [])
        return accepted


def score_customers(chain: Chain, day: dt.date, options: ScoreOptions, run: RunContext) -> ScoreResult:
    """Score the day's valid customers, audit the files, and publish them.

    Raises:
        AuditFailed, PartitionConflict, ModelFault, NoChampion, SourceFault, UnknownVersion: nothing was published.
    """
    expected = chain.scores.current(day)
    events = chain.scores.history(day)
    _refuse_after_rollback(day, events, run)
    serving = champion_and_canary(chain, day, options.model_version, events)
    card = serving.model.card
    customers = chain.customers.version(day)
    excluded = read_do_not_score(chain)
    found = audit_customers(chain, customers, excluded)
    reference = chain.registry.models.reference(card)
    inputs, skew = _inputs(chain, customers, serving, excluded)
    scores = _staged(chain, inputs, reference, serving, options)
    try:
        found += [*skew.findings, *audit_scored_features(chain, scores, reference)]
        found += _audit_scores(chain, scores, reference.scores)
        known = scores.staged.version == expected  # readers have these very rows already: there is nothing to accept
        accepted = _accepted_before(events) if known else _accepted(day, found, options, run)
    except AuditFailed:
        scores.discard(chain, chain.scores)
        raise
    details = _details(chain, serving, scores, options, accepted) | skew.details(accepted)
    commit = run.commit("score", card.model_version, **details)
    published = _publish(chain, scores, reference, expected, commit, publish=options.publish)
    _warn_of_rollback(day, events, published)
    result = ScoreResult(
        chain.scores,
        day,
        published,
        scores.audit.rows,
        card=card,
        audit=scores.audit,
        valid_rows=customers.rows,
        findings=tuple(found),
        details=details,
        is_published=options.publish,
        is_fallback=_warn_of_fallback(chain, day, card),
        previous=_previous(events, expected, published.version, commit),
    )
    return replace(result, reasons=publish_reasons(chain, scores.reasons, result, run)) if options.publish else result


def _staged(
    chain: Chain, inputs: list[ResolvedInput], reference: Reference, serving: ServingModels, options: ScoreOptions
) -> StagedScores:
    return stage_scores(
        chain,
        chain.scores,
        inputs,
        inputs[0].correction.edges(reference.scores.edges),  # so that what the model gave is held against its reference
        reference=reference,
        canary_share=serving.canary.share if serving.canary else 0.0,
        for_app=options.publish,
        reasons=plan_reasons(chain, inputs) if options.publish else None,
    )


def _inputs(
    chain: Chain, customers: PartitionVersion, serving: ServingModels, excluded: DoNotScoreList | None
) -> tuple[list[ResolvedInput], SkewAudit]:
    """What each model reads, at the level of the season, and whether changed feature code gives it otherwise."""
    resolved = [resolve_input(chain, customers, model, excluded) for model in serving.models]
    skew = audit_feature_skew(chain, customers.day, resolved)
    return [with_corrected_prior(chain, each) for each in resolved], skew


def _warn_of_fallback(chain: Chain, day: dt.date, card: ModelCard) -> bool:
    """Whether rules score the day where a trained model was wanted."""
    is_fallback = card.is_rules and not chain.recipe.is_rules
    if is_fallback:
        logger.warning("%s is scored by the rules %s: no trained model is champion", day, card.model_version)
    return is_fallback


def _details(
    chain: Chain, serving: ServingModels, scores: StagedScores, options: ScoreOptions, accepted: list[str]
) -> dict[str, Any]:
    """What the commit tells of what the scores were made of."""
    day = scores.staged.day
    details = {
        **scores.details,
        "hindsight": any(model.card.trained_as_of > day for model in serving.models),
        "pinned": options.model_version or "",
        "decisions": chain.decisions.model_dump(mode="json"),
    }
    if serving.canary is not None:
        details |= {
            "canary": serving.canary.model_version,
            "canary_share": serving.canary.share,
            "models": scores.audit.models,
            "features_versions": {each.model.card.model_version: each.features_version for each in scores.inputs},
        }
    return details | ({"accepted_shift": accepted} if accepted else {})


def _publish(
    chain: Chain, scores: StagedScores, reference: Reference, expected: str | None, commit: Commit, *, publish: bool
) -> Published:
    models = ", ".join(scores.audit.models)
    logger.debug("%s churn_scores: %d rows scored by %s", scores.staged.day, scores.audit.rows, models)
    if publish:
        write_staged_lookup(chain.scores.folder, scores.staged, scores.segments)
        keep_feature_counts(chain, scores, reference)
        return chain.scores.publish(scores.staged, expected, commit)
    scores.discard(chain, chain.scores)
    return Published(scores.staged.version, changed=False)


def _audit_scores(chain: Chain, scores: StagedScores, reference: Histogram) -> list[Finding]:
    last = _last_day(chain, scores.staged.day, reference.edges)
    same_model = last is not None and last.models.keys() == scores.audit.models.keys()
    before = last.summary(reference.edges) if last else None
    today = scores.audit.summary(reference.edges)
    return audit_shift(today, before, reference, chain.audit, same_model=same_model)


def _last_day(chain: Chain, day: dt.date, edges: tuple[float, ...]) -> ScoreAudit | None:
    """The aggregates of the newest scored day before `day`; none where its files are damaged."""
    newest = max((each for each in chain.scores.days() if each < day), default=None)
    if newest is None:
        return None
    try:
        published = chain.scores.version(newest)
        commit = scoring_commit(chain.scores, published)
        correction = PriorCorrection(odds_factor=odds_factor(commit.details if commit else {}))
        return count_published(published, correction.edges(edges))
    except (DamagedVersion, UnknownVersion) as error:  # yesterday's files take nothing from tonight
        logger.warning("%s is not compared with the last scored day: %s", day, error)
        return None


def _accepted(day: dt.date, findings: Sequence[Finding], options: ScoreOptions, run: RunContext) -> list[str]:
    """What a person accepts of a shift, in words; what only warns is told.

    Raises:
        AuditFailed: there is a shift, and nobody accepts it.
    """
    for each in findings:
        if each.is_warning and not each.passed:
            logger.warning("churn_scores %s: %s", day, each.words)
    beyond = [each.told for each in findings if each.stops]
    if beyond and not options.accept_shift:
        raise AuditFailed(
            f"churn_scores {day}: {'; '.join(beyond)}; nothing was published and the scores before stay: look at the "
            "day's customers, undo what changed in the feature code, or accept it with "
            f"`churn-assets run --date {day} --accept-shift --reason TEXT`"
        )
    if beyond and not run.reason:
        raise AuditFailed(
            f"churn_scores {day}: {'; '.join(beyond)}; nothing was published: a shift is accepted with "
            "a reason, in the run's tag churn_assets/reason"
        )
    if beyond:
        logger.warning("%s: %s accepted a shift (%s): %s", day, run.actor, run.reason, "; ".join(beyond))
    return beyond


def _accepted_before(events: Sequence[Event]) -> list[str]:
    """What a person accepted of the scores that are current."""
    accepted: list[str] = events[-1].commit.details.get("accepted_shift", []) if events else []
    return accepted


def _refuse_after_rollback(day: dt.date, events: Sequence[Event], run: RunContext) -> None:
    """A rollback that was made since the run began is a person's word on the day, and stands.

    Raises:
        PartitionConflict: there is one.
    """
    if not events or events[-1].commit.kind != "rollback" or events[-1].published_at <= run.began:
        return
    rollback = events[-1]
    raise PartitionConflict(
        f"churn_scores {day}: {rollback.commit.actor} rolled it back to version {rollback.version} "
        f"({rollback.commit.reason}) after this run began; nothing was published: run the day again to score it anew"
    )


def _warn_of_rollback(day: dt.date, events: Sequence[Event], published: Published) -> None:
    """Say that a person had taken this day back, which publishing it anew undoes."""
    if published.changed and events and events[-1].commit.kind == "rollback":
        before = events[-1].commit
        logger.warning("%s had been rolled back by %s (%s) and is published anew", day, before.actor, before.reason)


def _previous(events: Sequence[Event], expected: str | None, version: str, commit: Commit) -> dict[str, Any]:
    """What differs from the version that was current before, so that nothing is replaced unnoticed."""
    if expected is None:
        return {}
    before = next(event for event in reversed(events) if event.version == expected).commit
    replaced: dict[str, Any] = {"previous_version": expected, "previous_model_version": before.model_version}
    if version == expected:
        return replaced
    now, then = ({"model_version": each.model_version, **each.details} for each in (commit, before))
    watched = ("model_version", "customers_version", "do_not_score", "decisions", "hindsight", "canary", "canary_share")
    differing = {name: f"{then.get(name)} -> {now.get(name)}" for name in watched if then.get(name) != now.get(name)}
    return replaced | {"differs_from_previous": differing}
