"""When a model should be trained before its schedule does it."""

import datetime as dt
from typing import Any

import pytest

from churn_assets.core.monitoring.options import RetrainingOptions
from churn_assets.core.monitoring.retraining import RetrainingFacts, retraining_reason

DAY = dt.date(2026, 4, 30)
DRIFTED = [{"severity": "ok"}, {"severity": "error"}]
QUIET = [{"severity": "warning"}]


def facts(**changes: Any) -> RetrainingFacts:
    """A champion of forty days, in order."""
    given: dict[str, Any] = {"day": DAY, "champion_age_days": 40, "newest_age_days": 40}
    return RetrainingFacts(**(given | changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"drift": [DRIFTED] * 3}, "drift of severity error on the last 3 scored days"),
        ({"performance": [{"roc_auc": None}, {"roc_auc": 0.55}]}, "realized ROC-AUC 0.5500, below 0.6"),
        ({"champion_age_days": 91}, "the champion was trained 91 days before 2026-04-30, more than 90"),
        ({"drift": [DRIFTED, QUIET, DRIFTED]}, None),
        ({"drift": [DRIFTED] * 2}, None),
        ({"drift": [[], [], []]}, None),
        ({"performance": [{"roc_auc": 0.6}]}, None),
        ({"champion_age_days": 90}, None),
        ({"champion_age_days": 91, "newest_age_days": 6}, None),
    ],
)
def test_drift_performance_and_age_speak_for_a_training(changes: dict[str, Any], reason: str | None) -> None:
    """Each beyond its bound, on each of the last days; never just after another training."""
    assert retraining_reason(facts(**changes), RetrainingOptions()) == reason


def test_reasons_that_are_left_out_ask_for_nothing() -> None:
    """Null leaves a reason out."""
    everything = facts(drift=[DRIFTED] * 5, performance=[{"roc_auc": 0.1}], champion_age_days=999)

    reason = retraining_reason(everything, RetrainingOptions(drift_days=None, min_roc_auc=None, max_age_days=None))

    assert reason is None
