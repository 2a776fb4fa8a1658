"""What the UI shows of an audit that stood inside the asset: a check that failed there published nothing.

Dagster's own blocking checks fire after an asset is materialized, when a reader could have met it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from churn_assets.core.evaluation.evidence import Gate
from churn_assets.core.scoring.shift import Finding

__all__ = [
    "CUSTOMER_CHECKS",
    "SCORE_CHECKS",
    "customer_results",
    "gate_checks",
    "gate_results",
    "score_results",
]

CUSTOMER_CHECKS = [
    dg.AssetCheckSpec("rows_conserved", asset="customers", description="raw = valid + quarantined"),
    dg.AssetCheckSpec("quarantined_share", asset="customers", description="Within the configured share"),
]
SCORE_CHECKS = [
    dg.AssetCheckSpec("rows_conserved", asset="churn_scores", description="valid = scored"),
    dg.AssetCheckSpec("no_shift", asset="churn_scores", description="Of the same kind as the last day's scores"),
    dg.AssetCheckSpec("no_hindsight", asset="churn_scores", description="The model knew no more than the day"),
    dg.AssetCheckSpec("no_fallback", asset="churn_scores", description="A trained model scored, where one is wanted"),
]


def customer_results(raw: int, valid: int, quarantined: int, max_share: float) -> list[dg.AssetCheckResult]:
    """The results of `CUSTOMER_CHECKS` for a published day."""
    share = quarantined / raw
    counts = {"raw": raw, "valid": valid, "quarantined": quarantined}
    return [
        _result("customers", "rows_conserved", valid + quarantined == raw, counts),
        _result("customers", "quarantined_share", share <= max_share, {"share": share, "allowed": max_share}),
    ]


def score_results(
    valid: int, scored: int, told: Mapping[str, Any], findings: Sequence[Finding]
) -> list[dg.AssetCheckResult]:
    """The results of `SCORE_CHECKS` for an audited day; hindsight and an accepted shift are allowed, and said.

    Args:
        valid: the day's valid customers.
        scored: how many of them were scored.
        told: the metadata of the scores.
        findings: of the audit against the last day and the reference.
    """
    model = {"model_version": told["model_version"]}
    shift = {finding.words: f"{finding.value:.4f}, at most {finding.bound:.4f}" for finding in findings}
    warn = dg.AssetCheckSeverity.WARN
    return [
        _result("churn_scores", "rows_conserved", valid == scored, {"valid": valid, "scored": scored}),
        _result("churn_scores", "no_shift", all(finding.passed for finding in findings), shift, warn),
        _result("churn_scores", "no_hindsight", not told["hindsight"], model, warn),
        _result("churn_scores", "no_fallback", not told["fallback"], model, warn),
    ]


def gate_checks(names: Sequence[str]) -> list[dg.AssetCheckSpec]:
    """One check for each gate of promotion."""
    return [dg.AssetCheckSpec(name, asset="churn_model", description="A gate of promotion") for name in names]


def gate_results(gates: Sequence[Gate], declared: Sequence[str]) -> list[dg.AssetCheckResult]:
    """What each of the `declared` gates found; a model that missed one stays, and is not promoted."""
    found = {gate.name: gate for gate in gates}
    nothing = "not asked of this model"
    told = [found.get(name) or Gate(name=name, passed=True, finding=nothing) for name in declared]
    return [
        _result("churn_model", gate.name, gate.passed, {"finding": gate.finding}, dg.AssetCheckSeverity.WARN)
        for gate in told
    ]


def _result(
    asset: str,
    name: str,
    passed: bool,  # noqa: FBT001  # the one thing a result says
    metadata: dict[str, Any],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(asset_key=asset, check_name=name, passed=passed, metadata=metadata, severity=severity)
