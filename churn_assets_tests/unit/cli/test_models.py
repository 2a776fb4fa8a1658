"""What is said of models on the command line."""

import pytest

from churn_assets.cli.models import _next_step
from churn_assets.core.evaluation.results import Gate
from churn_assets.pipeline.training.registration import TrainResult
from churn_assets_tests.storage_factories import make_card

PASSED = Gate(name="min_roc_auc", passed=True, finding="ROC-AUC 0.8")
MISSED = Gate(name="min_rows", passed=False, finding="too few rows")


@pytest.mark.parametrize(
    ("gates", "status", "told", "commands"),
    [
        ((PASSED, PASSED), "challenger", "all 2 gates were passed; ", ("promote", "canary")),
        ((PASSED, PASSED), "champion", "all 2 gates were passed: it is the champion already", ()),
        (
            (PASSED, MISSED),
            "rejected",
            "1 of 2 gates were missed, so that it scores nobody: ",
            ("models --card", "promote"),
        ),
    ],
)
def test_a_training_ends_with_what_the_gates_said_and_what_comes_next(
    gates: tuple[Gate, ...], status: str, told: str, commands: tuple[str, ...]
) -> None:
    """The commands name the very version; where there is nothing to do none stands there."""
    card = make_card()

    words = _next_step(TrainResult(card, gates, created=True, published_roc_auc=None), status)

    assert words.startswith(told)
    assert words.count("`churn-assets ") == len(commands)
    assert all(f"`churn-assets {command} {card.model_version}" in words for command in commands)
