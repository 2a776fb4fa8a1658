"""Whether the night's customers are what they should be: the day's own, those of yesterday, in columns as they were.

The audit of scores looks at what a model gives; a wrong export can pass it, since nobody's score moves where nothing
arrived, and where a column has moved only the tiers do. What is found is judged with the findings on the scores.
"""

import datetime as dt

from churn_assets.core.errors import DamagedVersion, UnknownVersion
from churn_assets.core.evaluation.results import Reference
from churn_assets.core.scoring.do_not_score import DoNotScoreList
from churn_assets.core.scoring.feature_shift import audit_features
from churn_assets.core.scoring.shift import Finding
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.scoring.stage import StagedScores
from churn_assets.storage.scores.feature_counts import read_feature_counts, write_feature_counts
from churn_assets.storage.tables.sampling import count_known_ids
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["audit_customers", "audit_scored_features", "keep_feature_counts"]


def audit_customers(chain: Chain, customers: PartitionVersion, excluded: DoNotScoreList | None = None) -> list[Finding]:
    """Whether an export came twice, and whether the ids are those of the last scored day, but for who is `excluded`."""
    findings = []
    if chain.audit.refuse_repeated_export and chain.source.dated:  # an export without a date stands for every day
        findings.append(_repeated_export(chain, customers))
    last = _last_scored(chain, customers.day)
    if chain.audit.min_common_ids is not None and last is not None:
        findings += _common_ids(chain, customers, last, chain.audit.min_common_ids, excluded)
    return findings


def audit_scored_features(chain: Chain, scores: StagedScores, reference: Reference) -> list[Finding]:
    """How far the features that were scored lie from the model's reference and from those of the last scored day."""
    if not reference.features:  # rules have none
        return []
    last = _last_scored(chain, scores.staged.day)
    before = read_feature_counts(chain.scores.folder, last) if last else None
    return audit_features(scores.features.summary(), before, reference, chain.audit)


def keep_feature_counts(chain: Chain, scores: StagedScores, reference: Reference) -> None:
    """Write what features and scores counted beside the version that is about to be published; nothing of rules."""
    counted = scores.features.summary()
    if not counted.features:
        return
    given = scores.audit.summary(reference.scores.edges)
    uncorrected = scores.inputs[0].uncorrected_mean
    mean = given.mean if uncorrected is None else uncorrected
    write_feature_counts(
        chain.scores.folder, scores.staged, counted.model_copy(update={"scores": given.scores, "mean_score": mean})
    )


def _last_scored(chain: Chain, day: dt.date) -> PartitionVersion | None:
    """The current version of the newest scored day before `day`; None where its files are gone."""
    newest = max((each for each in chain.scores.days() if each < day), default=None)
    try:
        return None if newest is None else chain.scores.version(newest)
    except UnknownVersion:  # `churn_scores` itself tells of it, when its scores are compared
        return None


def _repeated_export(chain: Chain, customers: PartitionVersion) -> Finding:
    """Whether the raw customers are another day's, to the byte: a version is named by its content.

    That is an earlier day's or, where `customers.day` has no scores yet, a scored later day's: a day that was scored
    before the same export came again is not at fault.
    """
    day, raw = customers.day, _raw_version(chain, customers)
    scored = set(chain.scores.days())
    others = [
        each
        for each, version in chain.raw.versions().items()
        if version == raw and (each < day or (each > day and each in scored and day not in scored))
    ]
    if not others:
        return Finding("refuse_repeated_export", 0.0, 0.0, "the export is no other day's", figure="repeated_export")
    nearest = min(others, key=lambda each: abs(each - day))
    words = (
        f"its customers are those of {nearest} to the byte: one export was delivered for two days, export {day} again"
    )
    return Finding("refuse_repeated_export", 1.0, 0.0, words, figure="repeated_export")


def _raw_version(chain: Chain, customers: PartitionVersion) -> str:
    event = next(each for each in chain.customers.backwards(customers.day) if each.version == customers.version)
    return str(event.commit.details["raw_version"])


def _common_ids(
    chain: Chain, customers: PartitionVersion, last: PartitionVersion, least: float, excluded: DoNotScoreList | None
) -> list[Finding]:
    try:
        looked_at, known = count_known_ids(customers, chain.profile.id_column, last, "customer_id", excluded)
    except DamagedVersion as error:  # yesterday's files take nothing from tonight
        logger.warning("%s: the ids are not compared with the last scored day's: %s", customers.day, error)
        return []
    if not looked_at:
        return []
    words = f"{known / looked_at:.1%} of the ids were there on {last.day}"
    if known < least * looked_at:
        words += f", at least {least:.0%} are expected: are they spelt anew, or other customers?"
    return [Finding("min_common_ids", 1 - known / looked_at, 1 - least, words, figure="new_ids_share")]
