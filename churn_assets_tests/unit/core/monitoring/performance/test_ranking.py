"""How good probabilities turned out to be, with the interval of the ROC-AUC."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from churn_assets.core.evaluation.bootstrap import intervals
from churn_assets.core.evaluation.calibration import calibration
from churn_assets.core.monitoring.performance.ranking import FIGURES, Ranking


@pytest.mark.parametrize("steps", [7, 1_000_000], ids=["ties", "no-ties"])
def test_figures_are_those_of_scikit_learn(steps: int) -> None:
    """Also where many customers have one probability; DeLong's interval is the bootstrap's, but for chance."""
    rng = np.random.default_rng(steps)
    probability = np.ceil(rng.beta(1, 6, 5_000) * steps) / steps
    churned = rng.random(5_000) < probability

    ranking, order = Ranking.of(probability, churned)
    found = ranking.measure(100)

    assert (np.diff(ranking.probability) <= 0).all()
    assert (probability[order] == ranking.probability).all()
    assert (found["rows"], found["churners"]) == (5_000, churned.sum())
    assert found["roc_auc"] == pytest.approx(roc_auc_score(churned, probability), abs=1e-12)
    assert found["average_precision"] == pytest.approx(average_precision_score(churned, probability), abs=1e-12)
    assert found["brier"] == pytest.approx(brier_score_loss(churned, probability), abs=1e-12)
    assert found["calibration_error"] == pytest.approx(calibration(churned, probability)[0])
    assert found["mean_probability"] == pytest.approx(probability.mean())
    resampled = intervals(churned, probability)["roc_auc"]
    assert found["roc_auc_low"] == pytest.approx(resampled.low, abs=0.004)
    assert found["roc_auc_high"] == pytest.approx(resampled.high, abs=0.004)


def test_lift_is_of_the_tenth_with_the_highest_scores_and_takes_its_share_of_a_tie() -> None:
    """Ten of a hundred are looked at: the first two, and of twenty equal ones what eight of them hold on average."""
    probability = np.concatenate([[0.9, 0.8], np.full(20, 0.5), np.full(78, 0.1)])
    churned = np.zeros(100, bool)
    churned[[0, 1, *range(2, 12)]] = True

    found = Ranking.of(probability, churned)[0].measure(1)

    assert found["lift_top_decile"] == pytest.approx(((2 + 8 / 2) / 10) / 0.12)


def test_a_group_that_is_too_small_has_counts_and_no_figures() -> None:
    """Below the minimum every figure is null; nobody at all is no error."""
    ranking, _ = Ranking.of(np.array([0.2, 0.9]), np.array([False, True]))

    small, nobody = ranking.measure(3), ranking.keep(np.zeros(2, bool)).measure(1)

    assert small == {"rows": 2, "churners": 1} | dict.fromkeys(FIGURES)
    assert nobody == {"rows": 0, "churners": 0} | dict.fromkeys(FIGURES)


@pytest.mark.parametrize("gone", [False, True])
def test_where_nothing_is_to_be_ranked_the_level_is_still_told(gone: bool) -> None:  # noqa: FBT001  # what is tried
    """Of customers who all stayed, or all left, the Brier score and the mean stand, and no ROC-AUC."""
    found = Ranking.of(np.array([0.25, 0.75]), np.full(2, gone))[0].measure(1)

    assert (found["roc_auc"], found["roc_auc_low"], found["average_precision"], found["lift_top_decile"]) == (None,) * 4
    assert [found["brier"], found["mean_probability"]] == pytest.approx([0.3125, 0.5])
