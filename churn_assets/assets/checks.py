"""What the UI shows of an audit that stood inside the asset: a check that failed there published nothing.

Dagster's own blocking checks fire after an asset is materialized, when a reader could have met it. Figures have the
same keys every night, so that Dagster plots them; their bounds, of which many never change, stand together in an entry
that it does not plot. What they mean that night is a sentence.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from churn_assets.core.evaluation.results import Gate
from churn_assets.core.scoring.shift import Finding
from churn_assets.pipeline.customers.validate import QuarantinedCustomers, ValidCustomers
from churn_assets.pipeline.scoring.score import ScoreResult

__all__ = [
    "challenger_check",
    "challenger_result",
    "check_spec",
    "customer_checks",
    "customer_results",
    "gate_checks",
    "gate_results",
    "score_checks",
    "score_results",
]

Partitions = dg.PartitionsDefinition[str]

GATES = {
    "min_rows": "Enough customers with a known outcome to judge the model by",
    "min_churners": "Enough of them churned",
    "min_roc_auc": "Ranks churners above those who stay well enough (ROC-AUC)",
    "min_average_precision": "Finds churners better than chance (average precision)",
    "brier_below_base_rate": "Probabilities are better than answering the churn rate to everybody (Brier score)",
    "max_calibration_error": "Probabilities mean what they say: as many churn as they promise",
    "max_feature_roc_auc": "No feature alone knows the outcome, as one that is filled after the customer left does",
    "max_roc_auc": "Not too good to be true",
    "max_roc_auc_loss": "Ranks no worse than what is in force",
    "beats_rules": "Ranks better than the profile's rules",
    "min_slice_roc_auc": "Ranks well enough in every large group",
    "min_disparate_impact": "Every large group is selected often enough beside the one selected most",
    "reproducible": "Two fits of the same rows give the same probabilities",
    "max_hidden_share": "What is never shown moves customers little enough",
}


def check_spec(name: str, asset: str, description: str, partitions: Partitions) -> dg.AssetCheckSpec:
    """A check of a partitioned asset, of which each day has its own result: an old day's does not stand for today."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # the parameter is; without it results have no partition
        return dg.AssetCheckSpec(name, asset=asset, description=description, partitions_def=partitions)


def customer_checks(partitions: Partitions) -> list[dg.AssetCheckSpec]:
    """What is shown of the audit of `customers`."""
    return [
        check_spec("rows_conserved", "customers", "No row is lost: raw = valid + quarantined", partitions),
        check_spec("quarantined_share", "customers", "Few enough rows are quarantined", partitions),
    ]


def score_checks(partitions: Partitions) -> list[dg.AssetCheckSpec]:
    """What is shown of the audit of `churn_scores`."""
    words = {
        "rows_conserved": "Every valid customer has a score",
        "no_shift": "Customers, columns and scores are as on the last day and as the model knows them",
        "no_hindsight": "The model knew no more than the day",
        "no_fallback": "A trained model scored, where one is wanted",
    }
    return [check_spec(name, "churn_scores", description, partitions) for name, description in words.items()]


def challenger_check(partitions: Partitions) -> dg.AssetCheckSpec:
    """What is shown of a challenger's night."""
    described = "The challenger scored the day, if there is one"
    return check_spec("challenger_can_score", "challenger_scores", described, partitions)


def gate_checks(names: Sequence[str], partitions: Partitions) -> list[dg.AssetCheckSpec]:
    """One check for each gate of promotion."""
    return [check_spec(name, "churn_model", GATES[name], partitions) for name in names]


def customer_results(
    valid: ValidCustomers, quarantined: QuarantinedCustomers, max_share: float
) -> list[dg.AssetCheckResult]:
    """The results of `customer_checks` for a published day."""
    share = quarantined.rows / valid.raw_rows
    counts = {"raw": valid.raw_rows, "valid": valid.rows, "quarantined": quarantined.rows}
    told = f"{quarantined.rows:,} of {valid.raw_rows:,} rows are quarantined, {share:.2%}; {max_share:.2%} are allowed"
    bounded = _bounded([("quarantined_share", share, max_share)])
    return [
        _result(
            "customers",
            "rows_conserved",
            valid.rows + quarantined.rows == valid.raw_rows,
            counts,
            f"{valid.raw_rows:,} raw rows: {valid.rows:,} valid and {quarantined.rows:,} quarantined",
        ),
        _result("customers", "quarantined_share", share <= max_share, bounded, told),
    ]


def score_results(scores: ScoreResult) -> list[dg.AssetCheckResult]:
    """The results of `score_checks` for an audited day; hindsight and an accepted shift are allowed, and shown."""
    excluded = scores.excluded or 0
    counts = {"valid": scores.valid_rows, "scored": scores.rows}
    told = f"{scores.valid_rows:,} valid customers, {scores.rows:,} scores"
    if scores.excluded is not None:
        counts["excluded"], told = excluded, f"{told}, {excluded:,} on the do-not-score list"
    model = {"model_version": scores.card.model_version}
    trained = f"model {scores.card.model_version} was trained as of {scores.card.trained_as_of}"
    within = all(finding.passed for finding in scores.findings)
    shares = {f"share_{tier}": rows / max(scores.rows, 1) for tier, rows in scores.audit.tiers.items()}
    warn = dg.AssetCheckSeverity.WARN
    return [
        _result(
            "churn_scores",
            "rows_conserved",
            scores.valid_rows == scores.rows + excluded,
            counts,
            told,
        ),
        _result("churn_scores", "no_shift", within, _figures(scores.findings) | shares, _told(scores.findings), warn),
        _result("churn_scores", "no_hindsight", not scores.hindsight, model, trained, warn),
        _result(
            "churn_scores",
            "no_fallback",
            not scores.is_fallback,
            model,
            f"the rules {scores.card.model_version} scored" if scores.is_fallback else trained,
            warn,
        ),
    ]


def challenger_result(version: str | None, trouble: str) -> dg.AssetCheckResult:
    """The result of `challenger_check`: what kept the challenger from scoring, empty where nothing did."""
    told = trouble or (f"model {version} scored" if version else "there is no challenger")
    metadata = {"challenger": version or "none"}
    warn = dg.AssetCheckSeverity.WARN
    return _result("challenger_scores", "challenger_can_score", not trouble, metadata, told, warn)


def gate_results(gates: Sequence[Gate], declared: Sequence[str]) -> list[dg.AssetCheckResult]:
    """What each of the `declared` gates found; a model that missed one stays, and is not promoted."""
    found = {gate.name: gate for gate in gates}
    nothing = "not asked of this model"
    listed = [found.get(name) or Gate(name=name, passed=True, finding=nothing) for name in declared]
    warn = dg.AssetCheckSeverity.WARN
    return [_result("churn_model", gate.name, gate.passed, _of_gate(gate), gate.finding, warn) for gate in listed]


def _of_gate(gate: Gate) -> dict[str, Any]:
    return {} if gate.value is None or gate.bound is None else _bounded([("value", float(gate.value), gate.bound)])


def _figures(findings: Sequence[Finding]) -> dict[str, Any]:
    """Each figure beside its bound; of several with one name, as two models of a night have, the worst."""
    worst = sorted(findings, key=lambda each: each.value - each.bound)
    return _bounded((each.figure, each.value, each.bound) for each in worst)


def _told(findings: Sequence[Finding]) -> str:
    """What is beyond its bound, in words, else that nothing is."""
    beyond = [each.words for each in findings if not each.passed]
    return "; ".join(beyond) if beyond else f"all {len(findings)} figures lie within their bounds"


def _bounded(figures: Iterable[tuple[str, float, float]]) -> dict[str, Any]:
    values, bounds = {}, {}
    for name, value, bound in figures:
        values[name], bounds[name] = value, bound
    return {**values, "bounds": bounds}


def _result(
    asset: str,
    name: str,
    passed: bool,  # noqa: FBT001  # the one thing a result says
    metadata: Mapping[str, Any],
    description: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=passed,
        metadata=metadata,
        description=description,
        severity=severity,
    )
