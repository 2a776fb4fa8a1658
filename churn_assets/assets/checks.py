"""What the UI shows of an audit that stood inside the asset: a check that failed there published nothing.

Dagster's own blocking checks fire after an asset is materialized, when a reader could have met it.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import dagster as dg

from churn_assets.core.evaluation.results import Gate
from churn_assets.pipeline.customers.validate import QuarantinedCustomers, ValidCustomers
from churn_assets.pipeline.scoring.score import ScoreResult

__all__ = [
    "CHALLENGER_CHECK",
    "CUSTOMER_CHECKS",
    "SCORE_CHECKS",
    "challenger_result",
    "check_spec",
    "customer_results",
    "gate_checks",
    "gate_results",
    "score_results",
]

Partitions = dg.PartitionsDefinition[str]

CUSTOMER_CHECKS = [
    dg.AssetCheckSpec("rows_conserved", asset="customers", description="raw = valid + quarantined"),
    dg.AssetCheckSpec("quarantined_share", asset="customers", description="Within the configured share"),
]
SCORE_CHECKS = [
    dg.AssetCheckSpec("rows_conserved", asset="churn_scores", description="valid = scored"),
    dg.AssetCheckSpec("no_shift", asset="churn_scores", description="Customers, columns and scores as on the last day"),
    dg.AssetCheckSpec("no_hindsight", asset="churn_scores", description="The model knew no more than the day"),
    dg.AssetCheckSpec("no_fallback", asset="churn_scores", description="A trained model scored, where one is wanted"),
]
CHALLENGER_CHECK = dg.AssetCheckSpec(
    "challenger_can_score", asset="challenger_scores", description="The challenger scored the day, if there is one"
)


def check_spec(name: str, asset: str, description: str, partitions: Partitions) -> dg.AssetCheckSpec:
    """A check of a partitioned asset, of which each day has its own result: an old day's does not stand for today."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # the parameter is; without it results have no partition
        return dg.AssetCheckSpec(name, asset=asset, description=description, partitions_def=partitions)


def customer_results(
    valid: ValidCustomers, quarantined: QuarantinedCustomers, max_share: float
) -> list[dg.AssetCheckResult]:
    """The results of `CUSTOMER_CHECKS` for a published day."""
    share = quarantined.rows / valid.raw_rows
    counts = {"raw": valid.raw_rows, "valid": valid.rows, "quarantined": quarantined.rows}
    return [
        _result("customers", "rows_conserved", valid.rows + quarantined.rows == valid.raw_rows, counts),
        _result("customers", "quarantined_share", share <= max_share, {"share": share, "allowed": max_share}),
    ]


def score_results(scores: ScoreResult) -> list[dg.AssetCheckResult]:
    """The results of `SCORE_CHECKS` for an audited day; hindsight and an accepted shift are allowed, and shown."""
    counts = {"valid": scores.valid_rows, "scored": scores.rows}
    model = {"model_version": scores.card.model_version}
    shift = {finding.words: f"{finding.value:.4f}, at most {finding.bound:.4f}" for finding in scores.findings}
    within = all(finding.passed for finding in scores.findings)
    warn = dg.AssetCheckSeverity.WARN
    return [
        _result("churn_scores", "rows_conserved", scores.valid_rows == scores.rows, counts),
        _result("churn_scores", "no_shift", within, shift, warn),
        _result("churn_scores", "no_hindsight", not scores.hindsight, model, warn),
        _result("churn_scores", "no_fallback", not scores.is_fallback, model, warn),
    ]


def challenger_result(version: str | None, trouble: str) -> dg.AssetCheckResult:
    """The result of `CHALLENGER_CHECK`: what kept the challenger from scoring, empty where nothing did."""
    metadata = {"challenger": version or "none", "trouble": trouble}
    return _result("challenger_scores", CHALLENGER_CHECK.name, not trouble, metadata, dg.AssetCheckSeverity.WARN)


def gate_checks(names: Sequence[str]) -> list[dg.AssetCheckSpec]:
    """One check for each gate of promotion."""
    return [dg.AssetCheckSpec(name, asset="churn_model", description="A gate of promotion") for name in names]


def gate_results(gates: Sequence[Gate], declared: Sequence[str]) -> list[dg.AssetCheckResult]:
    """What each of the `declared` gates found; a model that missed one stays, and is not promoted."""
    found = {gate.name: gate for gate in gates}
    nothing = "not asked of this model"
    listed = [found.get(name) or Gate(name=name, passed=True, finding=nothing) for name in declared]
    return [
        _result("churn_model", gate.name, gate.passed, {"finding": gate.finding}, dg.AssetCheckSeverity.WARN)
        for gate in listed
    ]


def _result(
    asset: str,
    name: str,
    passed: bool,  # noqa: FBT001  # the one thing a result says
    metadata: dict[str, Any],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(asset_key=asset, check_name=name, passed=passed, metadata=metadata, severity=severity)
