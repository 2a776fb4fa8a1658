"""What the UI shows of an audit."""

import dagster as dg

from churn_assets.assets.checks import customer_results, gate_results, score_results
from churn_assets.core.card import Gate


def test_conserved_rows_within_the_share_pass() -> None:
    """A day whose rows are all accounted for, and few of them broken, passes both checks."""
    results = customer_results(100, 97, 3, max_share=0.05)

    assert [result.passed for result in results] == [True, True]


def test_lost_rows_fail_their_check() -> None:
    """A row that is neither valid nor quarantined is shown, with the counts."""
    conserved, _ = customer_results(100, 96, 3, max_share=0.05)

    assert not conserved.passed
    assert conserved.metadata["raw"].value == 100


def test_hindsight_is_a_warning_and_no_error() -> None:
    """An old day scored by a newer model is allowed, and said."""
    conserved, hindsight = score_results(10, 10, "20261101-3f9a1c2b", hindsight=True)

    assert conserved.passed
    assert (hindsight.passed, hindsight.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_a_missed_gate_tells_its_number_and_its_bound() -> None:
    """A gate's check carries the finding."""
    gates = [Gate(name="min_roc_auc", passed=False, finding="ROC-AUC 0.55, at least 0.6 wanted")]

    [result] = gate_results(gates)

    assert not result.passed
    assert result.metadata["finding"].value == "ROC-AUC 0.55, at least 0.6 wanted"
