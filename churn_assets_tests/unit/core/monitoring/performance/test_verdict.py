"""Whether a model is still good, in a sentence."""

import datetime as dt
from typing import Any

import pytest

from churn_assets.core.monitoring.performance.verdict import verdict_on

DAY = dt.date(2026, 10, 27)
OLD, NEW = "20261017-af48ce98", "20261119-2e724a9a"


def _row(model: str, roc_auc: float | None, day: dt.date = DAY, **changes: Any) -> dict[str, Any]:
    """What came true of everybody whom a model scored on a day."""
    interval = {"roc_auc_low": roc_auc and roc_auc - 0.03, "roc_auc_high": roc_auc and roc_auc + 0.03}
    whose = {"snapshot_date": day, "model_version": model, "arm": "champion", "slice_column": "", "rows": 6083}
    return whose | {"roc_auc": roc_auc} | interval | changes


@pytest.mark.parametrize(
    ("roc_auc", "wanted", "answer", "bound"),
    [
        (0.817, 0.6, "yes", "at least 0.6 is wanted"),
        (0.6, 0.6, "yes", "at least 0.6 is wanted"),
        (0.59, 0.6, "no", "at least 0.6 is wanted"),
        (0.59, None, "no bound", "no bound is set"),
    ],
)
def test_the_answer_is_by_the_models_own_outcomes(
    roc_auc: float, wanted: float | None, answer: str, bound: str
) -> None:
    """Of its newest day with figures; the model is named first, groups, days too small and older ones do not count."""
    rows = [
        _row(NEW, 0.1, DAY - dt.timedelta(1)),
        _row(NEW, roc_auc),
        _row(NEW, 0.1, slice_column="plan"),
        _row(NEW, None, DAY + dt.timedelta(1)),
        _row(OLD, 0.1),
    ]

    told = verdict_on(NEW, rows, wanted)

    interval = f"({roc_auc - 0.03:.3f} to {roc_auc + 0.03:.3f})"
    assert (told.answer, told.model_version, told.wanted_roc_auc) == (answer, NEW, wanted)
    assert told.sentence == (
        f"{answer}, the champion {NEW}: ROC-AUC {roc_auc:.3f} {interval} on {DAY}, {bound}; by what became of "
        "6,083 customers"
    )


def test_a_model_without_outcomes_of_its_own_is_not_judged_by_those_of_another() -> None:
    """It says so first, and then whose scores can be judged, and how good they were."""
    told = verdict_on(NEW, [_row(OLD, 0.817), _row("20260901-cccccccc", 0.2, arm="challenger")], 0.6)

    assert told.answer == "not known yet"
    assert told.sentence.startswith(f"not known yet of the champion {NEW}, of whose own scores no outcome is known; ")
    assert f"of {OLD}, which scored before it, yes: ROC-AUC 0.817" in told.sentence


def test_what_it_scored_unseen_counts_as_its_own() -> None:
    """A champion that was a challenger a horizon ago is judged by what it said then."""
    told = verdict_on(NEW, [_row(OLD, 0.817), _row(NEW, 0.82, arm="challenger")], 0.6)

    assert told.sentence.startswith(f"yes, the champion {NEW}: ROC-AUC 0.820")


def test_without_an_outcome_or_a_model_nothing_is_promised() -> None:
    """The sentence says what there is instead."""
    early, nobody = verdict_on(NEW, [], 0.6), verdict_on(None, [], 0.6)

    assert early.sentence.endswith("; `churn-assets performance` tells what the scores promise")
    assert (nobody.answer, nobody.model_version) == ("not known yet", None)
    assert nobody.sentence.startswith("not known yet: there is no model to judge")
