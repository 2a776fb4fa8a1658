"""What probabilities promise before any outcome is known."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from churn_assets.core.monitoring.performance.estimate import BINS, Promise, offsets


def _promise(probability: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Promise:
    promise = Promise()
    promise.count(probability)
    return promise


@pytest.mark.parametrize(("a", "b"), [(1, 12), (2, 2), (0.3, 60)], ids=["usual", "even", "rare"])
def test_probabilities_that_are_right_promise_what_comes_true(a: float, b: float) -> None:
    """Of customers who leave as likely as they are said to, the estimate is the figure, but for chance."""
    rng = np.random.default_rng(7)
    probability = rng.beta(a, b, 200_000)
    churned = rng.random(200_000) < probability

    figures = _promise(probability).figures({})

    assert figures["roc_auc"] == pytest.approx(roc_auc_score(churned, probability), abs=0.01)
    assert figures["brier"] == pytest.approx(brier_score_loss(churned, probability), abs=0.002)


def test_a_changed_relation_is_not_seen() -> None:
    """Where churn no longer follows the features, the probabilities promise as much as before."""
    rng = np.random.default_rng(8)
    probability = rng.beta(1, 4, 50_000)
    churned = rng.random(50_000) < probability.mean()

    promised = _promise(probability).roc_auc()

    assert promised is not None
    assert promised > 0.75
    assert roc_auc_score(churned, probability) < 0.52


def test_counting_in_parts_is_counting_at_once() -> None:
    """However a night is cut, the estimate is the same; the ends of the scale have a bin."""
    probability = np.concatenate([[0.0, 1.0], np.random.default_rng(9).random(1_000)])
    whole, first = _promise(probability), _promise(probability[:300])

    first.join(_promise(probability[300:]))

    assert first.rows == whole.rows == 1_002
    assert len(whole.counts) == BINS
    assert first.roc_auc() == pytest.approx(whole.roc_auc())
    assert first.brier() == pytest.approx(whole.brier())


def test_what_the_backtest_promised_too_much_is_taken_off() -> None:
    """The offset is the promise less what it came to, and the estimate less it stays a share."""
    probability = np.random.default_rng(10).beta(1, 4, 10_000)
    promised = _promise(probability).figures({})
    assert promised["roc_auc"] is not None
    assert promised["brier"] is not None

    offset = offsets(probability, promised["roc_auc"] - 0.006, promised["brier"] + 0.01)

    assert offset == pytest.approx({"roc_auc": 0.006, "brier": -0.01})
    assert _promise(probability).figures(offset)["roc_auc"] == pytest.approx(promised["roc_auc"] - 0.006)
    assert _promise(probability).figures({"roc_auc": -5.0})["roc_auc"] == 1.0


@pytest.mark.parametrize("given", [[], [0.0, 0.0], [1.0]])
def test_where_nobody_or_everybody_is_to_leave_nothing_can_be_ranked(given: list[float]) -> None:
    """There is no ROC-AUC to be promised, and no offset of one."""
    assert _promise(np.array(given)).roc_auc() is None
    assert "roc_auc" not in offsets(np.array(given), 0.5, 0.1)
