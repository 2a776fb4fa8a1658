"""The report of a night: what its scores came to, told beside the days before and what the watching says."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from churn_assets.core.errors import ChurnError
from churn_assets.core.monitoring.night_facts import Drift, NightFacts, count_faults
from churn_assets.core.monitoring.night_report import TREND_DAYS, headline, night_page
from churn_assets.core.monitoring.performance.verdict import PERFORMANCE_DAYS, Verdict, verdict_on
from churn_assets.core.monitoring.pictures.night import night_picture
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.core.table_schemas import FAULTS
from churn_assets.pipeline.alerting.facts import performance_until
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.scoring.score import ScoreResult
from churn_assets.pipeline.scoring.scored_days import count_published, scoring_commit
from churn_assets.storage.scores.night_reports import read_night_facts, write_night_report
from churn_assets.storage.tables.reading import rows_between
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["NightReport", "night_report", "report_scores", "retell_night"]

SEVERITIES = ("ok", "warning", "error")
KEPT_DAYS = 1  # that are judged in a kept report: no night has time for months of them


@dataclass(frozen=True)
class NightReport:
    """A night as people read it: its facts, a sentence, the Markdown, and the picture that this names, an SVG."""

    facts: NightFacts
    headline: str
    page: str
    picture: str
    drift: Drift | None
    verdict: Verdict

    @property
    def picture_name(self) -> str:
        """How the page names its picture."""
        return f"{self.facts.score_version}.svg"


def report_scores(chain: Chain, scores: ScoreResult) -> NightReport | None:
    """The report of a night that was just scored, kept beside its version where that was published.

    None, with a warning, where it cannot be told or kept: it takes nothing from the night.
    """
    try:
        facts = _facts_of(chain, scores)
        report = _compose(chain, facts, None, KEPT_DAYS)  # no drift: what was watched is of the version before
        if scores.is_published:
            write_night_report(chain.scores.folder, report.facts, report.page, report.picture)
    except (ChurnError, OSError) as error:
        logger.warning("%s: the night's report could not be made: %s", scores.day, error)
        return None
    return report


def retell_night(chain: Chain, day: dt.date) -> NightReport | None:
    """The report of a day's current scores, kept anew with what the watching has found since they were published.

    None, with a warning, where it cannot be told or kept.
    """
    try:
        report = night_report(chain, day, KEPT_DAYS)
        write_night_report(chain.scores.folder, report.facts, report.page, report.picture)
    except (ChurnError, OSError) as error:
        logger.warning("%s: the night's report could not be told anew: %s", day, error)
        return None
    return report


def night_report(chain: Chain, day: dt.date, judged_days: int = PERFORMANCE_DAYS) -> NightReport:
    """The report of a day's current scores, with all that is known of it by now.

    Its verdict looks for outcomes of the day's model in so many scored days whose outcomes were known before the night.

    Raises:
        PartitionMissing, UnknownVersion, DamagedVersion: the day has no scores, or they cannot be read.
    """
    return _compose(chain, _facts(chain, chain.scores.version(day)), _drift(chain, day), judged_days)


def _compose(chain: Chain, facts: NightFacts, drift: Drift | None, judged_days: int) -> NightReport:
    day = facts.snapshot_date
    versions = {each: version for each, version in chain.scores.versions().items() if each < day}
    before = None
    if versions:
        try:
            before = _facts(chain, chain.scores.version(max(versions)))
        except ChurnError as error:  # that day's files take nothing from this one
            logger.warning("%s is not told beside the last scored day: %s", day, error)
    trend = _trend(chain, versions, facts)
    # known before the night, so that one that is run again tells the same
    known = performance_until(chain, day - dt.timedelta(days=1), judged_days)
    verdict = verdict_on(facts.model_version or None, known, chain.retraining.min_roc_auc, "the model")
    page = night_page(facts, before, trend, drift, verdict, picture=f"{facts.score_version}.svg")
    return NightReport(facts, headline(facts, before), page, night_picture(facts, before, trend), drift, verdict)


def _facts_of(chain: Chain, scores: ScoreResult) -> NightFacts:
    """What a night that was just scored came to, with what its audit found."""
    card = scores.card
    facts = _counts(chain, scores.day, scores.published.version, scores.audit, scores.details)
    return NightFacts(
        **facts,
        model_version=card.model_version,
        trained_as_of=card.trained_as_of,
        audited=len(scores.findings),
        beyond=tuple(finding.words for finding in scores.findings if not finding.passed),
        accepted=tuple(scores.accepted_shift),
        is_fallback=scores.is_fallback,
    )


def _facts(chain: Chain, version: PartitionVersion) -> NightFacts:
    """What a published version came to: as it was kept, else counted, without what its audit found."""
    kept = read_night_facts(chain.scores.folder, version.day, version.version, anew=True)
    if kept is not None:
        return kept
    scored = scoring_commit(chain.scores, version)
    facts = _counts(chain, version.day, version.version, count_published(version), scored.details if scored else {})
    model = scored.model_version if scored else ""
    return NightFacts(**facts, model_version=model, trained_as_of=_trained_as_of(chain, model))


def _counts(chain: Chain, day: dt.date, version: str, audit: ScoreAudit, details: Mapping[str, Any]) -> dict[str, Any]:
    quarantined, faults = _quarantined(chain, day)
    return {
        "snapshot_date": day,
        "score_version": version,
        "customers_version": details.get("customers_version", ""),
        "models": audit.models,
        "customers": audit.rows,
        "tiers": audit.tiers,
        "actions": audit.actions,
        "mean_probability": audit.mean_probability,
        "twentieths": tuple(audit.twentieths.tolist()),
        "quarantined": quarantined,
        "faults": faults,
        "hindsight": bool(details.get("hindsight", False)),
        "excluded": details.get("excluded"),
    }


def _trained_as_of(chain: Chain, model: str) -> dt.date | None:
    try:
        return chain.registry.models.card(model).trained_as_of
    except ChurnError:  # its folder is gone or damaged: the scores stay
        return None


def _quarantined(chain: Chain, day: dt.date) -> tuple[int, dict[str, int]]:
    """How many rows of the day are quarantined, and the rules that they break."""
    if chain.quarantined.current(day) is None:
        return 0, {}
    rows = chain.quarantined.version(day).read([FAULTS])
    return rows.num_rows, count_faults(rows)


def _trend(chain: Chain, versions: dict[dt.date, str], facts: NightFacts) -> dict[dt.date, float]:
    """The share at high risk of the last days, of those whose facts were kept."""
    first = facts.snapshot_date - dt.timedelta(days=TREND_DAYS - 1)
    kept = [read_night_facts(chain.scores.folder, day, versions[day]) for day in sorted(versions) if day >= first]
    return {each.snapshot_date: each.high_share for each in (*kept, facts) if each is not None}


def _drift(chain: Chain, day: dt.date) -> Drift | None:
    """What the watching says of a day; None where it has not looked at it."""
    rows = [row for name in ("feature_drift", "score_drift") for row in rows_between(chain.table(name), day, day)]
    if not rows:
        return None
    worst = max((row["severity"] for row in rows), key=SEVERITIES.index)
    shifted = [row for row in rows if "feature" in row and row["severity"] != "ok"]
    ranked = sorted(shifted, key=lambda row: (-SEVERITIES.index(row["severity"]), -(row["psi"] or 0.0), row["feature"]))
    return Drift(severity=worst, features=tuple(row["feature"] for row in ranked))
