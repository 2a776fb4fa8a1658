"""What the checks of drift say: a number beside its bound under the same keys every day, and what to do about it."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from churn_assets.core.monitoring.advice import ADVICE
from churn_assets.core.monitoring.feature_drift import DriftFinding, Severity, worst
from churn_assets.core.monitoring.score_drift import AGAINST, ScoreDrift
from churn_assets.pipeline.monitoring.drift import FeatureDriftResult, ScoreDriftResult

__all__ = ["FEATURE_CHECKS", "SCORE_CHECKS", "feature_results", "score_results", "troubled_results"]

FEATURE_CHECKS = {
    "psi": "No feature's distribution lies far from what the model learnt from (population stability index)",
    "ks": "No number has moved up or down as a whole (Kolmogorov-Smirnov distance)",
    "unseen_share": "Few rows hold a word that the model never met",
    "null_share": "No feature has lost its values",
}
SCORE_CHECKS = {
    "reference": "The scores lie near those that the model gave when it was made",
    "last_day": "The scores lie near those of the last scored day",
    "last_week": "The scores lie near those of the same weekday last week",
}
LISTED = 8  # features, in a sentence


def feature_results(found: FeatureDriftResult) -> list[dg.AssetCheckResult]:
    """The results of `FEATURE_CHECKS` for a day, each by the feature that lies furthest beyond its bound."""
    by_measure: dict[str, list[DriftFinding]] = {name: [] for name in FEATURE_CHECKS}
    for finding in (finding for drift in found.drifts for finding in drift.findings):
        by_measure[finding.measure].append(finding)
    return [_feature_result(name, findings, found.notes) for name, findings in by_measure.items()]


def score_results(found: ScoreDriftResult) -> list[dg.AssetCheckResult]:
    """The results of `SCORE_CHECKS` for a day; what could not be compared passes, and says so."""
    drifts = {drift.against: drift for drift in found.drifts}
    return [_score_result(name, drifts.get(name), found.notes) for name in AGAINST]


def troubled_results(asset: str, trouble: str) -> list[dg.AssetCheckResult]:
    """Every check of an asset, as a warning of what kept it from looking."""
    names = FEATURE_CHECKS if asset == "feature_drift" else SCORE_CHECKS
    return [
        dg.AssetCheckResult(
            asset_key=asset,
            check_name=name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"not looked at: {trouble}",
            metadata={"trouble": trouble, "runbook": ADVICE[name].runbook},
        )
        for name in names
    ]


def _feature_result(name: str, findings: Sequence[DriftFinding], notes: Sequence[str]) -> dg.AssetCheckResult:
    furthest = sorted(findings, key=lambda each: each.bound - each.number)
    beyond = [each for each in furthest if each.severity != "ok"]
    numbers: dict[str, Any] = {"beyond": len(beyond)}
    if not furthest:
        return _result("feature_drift", name, "ok", numbers, "", notes)
    numbers |= {"number": furthest[0].number, "bounds": {"number": furthest[0].bound}}
    listed = [f"{each.feature} {each.number:.3f} (bound {each.bound:.3f})" for each in (beyond or furthest[:1])]
    more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
    words = f"{len(beyond)} of {len(findings)} features beyond their bound: {', '.join(listed[:LISTED])}{more}"
    if not beyond:
        words = f"none of {len(findings)} features is beyond its bound; nearest: {listed[0]}"
    return _result("feature_drift", name, worst(each.severity for each in beyond), numbers, words, notes)


def _score_result(name: str, drift: ScoreDrift | None, notes: Sequence[str]) -> dg.AssetCheckResult:
    if drift is None:
        return _result("score_drift", name, "ok", {}, "", notes)
    numbers: dict[str, Any] = {"number": drift.psi, "bounds": {"number": drift.bound}}
    if drift.mean_shift is not None:
        numbers["mean_shift"] = drift.mean_shift
    day = f" of {drift.against_date}" if drift.against_date else ""
    words = f"population stability index {drift.psi:.3f} to {name}{day}, bound {drift.bound:.3f}"
    return _result("score_drift", name, drift.severity, numbers, words, notes)


def _result(
    asset: str, name: str, severity: Severity, numbers: dict[str, Any], words: str, notes: Sequence[str]
) -> dg.AssetCheckResult:
    advice = ADVICE[name]
    passed = severity == "ok"
    told = words or f"not compared: {'; '.join(notes) or 'there is nothing to compare'}"
    todo = {} if passed else {"what_to_do": advice.what_to_do}
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if severity == "error" else dg.AssetCheckSeverity.WARN,
        description=told if passed else f"{told}. {advice.what_to_do}",
        metadata={**numbers, "finding": told, **todo, "runbook": advice.runbook},
    )
