"""What the UI shows of an audit."""

import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets.assets.checks import customer_results, gate_checks, gate_results, score_checks, score_results
from churn_assets.assets.partitions import snapshot_dates
from churn_assets.assets.training import training_assets
from churn_assets.core.evaluation.gates import judge
from churn_assets.core.evaluation.results import Evidence, Gate
from churn_assets.core.options import GateBounds, Recipe
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.core.scoring.shift import Finding
from churn_assets.pipeline.customers.validate import QuarantinedCustomers, ValidCustomers
from churn_assets.pipeline.scoring.score import ScoreResult
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import Published
from churn_assets_tests.chains import chain_over
from churn_assets_tests.factories import made_up_metrics
from churn_assets_tests.storage_factories import make_card

DAY = dt.date(2026, 11, 1)
PARTITIONS = snapshot_dates(dt.date(2025, 7, 1), "UTC")


def _scored(
    folder: Path, *findings: Finding, scored: int = 10, hindsight: bool = False, fallback: bool = False, **details: Any
) -> dict[str, dg.AssetCheckResult]:
    """The results of ten valid customers, by the name of their check."""
    scores = ScoreResult(
        Table(folder / "churn_scores"),
        DAY,
        Published("0123456789abcdef", changed=True),
        scored,
        card=make_card(),
        audit=ScoreAudit("churn_scores"),
        valid_rows=10,
        findings=findings,
        details={"hindsight": hindsight, **details},
        is_published=True,
        is_fallback=fallback,
    )
    return {str(result.check_name): result for result in score_results(scores)}


@pytest.mark.parametrize(("excluded", "passed"), [(3, True), (2, False), (0, False)])
def test_valid_customers_are_scored_or_on_the_list(tmp_path: Path, excluded: int, passed: bool) -> None:  # noqa: FBT001  # by pytest
    """Ten valid customers and seven scores are in order where three are on the do-not-score list."""
    check = _scored(tmp_path, scored=7, excluded=excluded, do_not_score="0123")["rows_conserved"]

    assert check.passed == passed
    assert check.metadata["excluded"].value == excluded
    assert f"7 scores, {excluded} on the do-not-score list" in str(check.description)


def _split(folder: Path, raw: int, valid: int, quarantined: int) -> tuple[ValidCustomers, QuarantinedCustomers]:
    """A day of which so many rows were told apart."""
    table, published = Table(folder / "customers"), Published("0123456789abcdef", changed=True)
    return (
        ValidCustomers(table, DAY, published, valid, "raw", raw),
        QuarantinedCustomers(table, DAY, published, quarantined, "raw", ()),
    )


def test_conserved_rows_within_the_share_pass(tmp_path: Path) -> None:
    """A day whose rows are all accounted for, and few of them broken, passes both checks."""
    results = customer_results(*_split(tmp_path, 100, 97, 3), max_share=0.05)

    assert [result.passed for result in results] == [True, True]


def test_lost_rows_fail_their_check(tmp_path: Path) -> None:
    """A row that is neither valid nor quarantined is shown, with the counts."""
    conserved, _ = customer_results(*_split(tmp_path, 100, 96, 3), max_share=0.05)

    assert not conserved.passed
    assert conserved.metadata["raw"].value == 100


def test_ordinary_scores_pass_every_check(tmp_path: Path) -> None:
    """Every check of the scores has its result, and an ordinary day passes all of them."""
    results = _scored(tmp_path, Finding("max_psi", 0.1, 0.25, "population stability index 0.100 to the last day"))

    assert list(results) == [spec.name for spec in score_checks(PARTITIONS)]
    assert all(result.passed for result in results.values())


def test_missing_score_fails_its_check(tmp_path: Path) -> None:
    """A valid customer without a score is an error, with the counts."""
    conserved = _scored(tmp_path, scored=9)["rows_conserved"]

    assert (conserved.passed, conserved.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert (conserved.metadata["valid"].value, conserved.metadata["scored"].value) == (10, 9)


@pytest.mark.parametrize(("key", "check"), [("hindsight", "no_hindsight"), ("fallback", "no_fallback")])
def test_hindsight_and_fallback_are_warnings_and_no_errors(key: str, check: str, tmp_path: Path) -> None:
    """An old day scored by a newer model, or by rules for want of a model, is allowed, and said with the model."""
    results = _scored(tmp_path, hindsight=key == "hindsight", fallback=key == "fallback")

    shown = results.pop(check)
    assert (shown.passed, shown.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert shown.metadata["model_version"].value == make_card().model_version
    assert all(result.passed for result in results.values())


def test_an_accepted_shift_is_a_warning_with_its_figures(tmp_path: Path) -> None:
    """A shift that a person accepted is shown, each figure beside its bound."""
    findings = [
        Finding("max_mean_change", 0.2, 0.1, "mean moved", figure="mean_shift"),
        Finding("max_psi", 0.1, 0.25, "index", figure="psi_last_day"),
        Finding("feature_skew", 0.0, 0.0, "the champion's", figure="changed_rows_share"),
        Finding("feature_skew", 0.5, 0.0, "the canary's", figure="changed_rows_share"),
        Finding("feature_skew", 0.1, 0.0, "another's", figure="changed_rows_share"),
    ]

    shift = _scored(tmp_path, *findings)["no_shift"]

    assert (shift.passed, shift.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert shift.description == "mean moved; the canary's; another's"
    figures = {name: value.value for name, value in shift.metadata.items() if not name.startswith("share_")}
    assert figures == {
        "mean_shift": 0.2,
        "psi_last_day": 0.1,
        "changed_rows_share": 0.5,
        "bounds": {"mean_shift": 0.1, "psi_last_day": 0.25, "changed_rows_share": 0.0},
    }
    assert all(isinstance(value, float) for name, value in figures.items() if name != "bounds")


def test_a_missed_gate_tells_its_number_and_its_bound() -> None:
    """A gate's check carries the finding; a model that missed one stays, so it is a warning."""
    gates = [Gate(name="min_roc_auc", passed=False, finding="ROC-AUC 0.55, at least 0.6", value=0.55, bound=0.6)]

    [result, unasked] = gate_results(gates, ["min_roc_auc", "max_calibration_error"])

    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert result.description == "ROC-AUC 0.55, at least 0.6"
    assert {name: value.value for name, value in result.metadata.items()} == {"value": 0.55, "bounds": {"value": 0.6}}
    assert (unasked.description, unasked.metadata) == ("not asked of this model", {})


def test_every_gate_has_a_check_of_its_name() -> None:
    """What is judged can be shown: there is a check for each gate, by its name."""
    gates = judge(Evidence(metrics=made_up_metrics()), GateBounds())

    names = [gate.name for gate in gates]
    checks = gate_checks(names, PARTITIONS)

    assert all(spec.partitions_def is PARTITIONS for spec in checks)
    assert [spec.name for spec in checks] == [result.check_name for result in gate_results(gates, names)]


@pytest.mark.parametrize("bound", [0.5, None])
@pytest.mark.parametrize("balance", ["none", "weights", "undersample"])
def test_checks_of_a_model_are_the_gates_it_is_judged_by(tmp_path: Path, balance: Any, bound: float | None) -> None:
    """Under every configuration the checks declared beforehand are those that a training has results for."""
    chain = chain_over(tmp_path, recipe=Recipe(balance=balance), gates=GateBounds(max_calibration_error=bound))
    [model] = training_assets(chain, snapshot_dates(dt.date(2025, 7, 1), "UTC"))

    declared = {spec.name for spec in model.check_specs}

    judged = judge(Evidence(metrics=made_up_metrics(), undersampled=balance == "undersample"), chain.gates)
    assert declared == {gate.name for gate in judged}
