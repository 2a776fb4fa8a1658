"""Two scorings of the same customers, side by side."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr

from churn_assets.core.options import Decisions
from churn_assets.core.scoring.comparison import compare_scores, largest_changes, matched
from churn_assets.core.scoring.rows import score_rows
from churn_assets.core.table_schemas import SCORES

DECISIONS = Decisions(medium_above=0.3, high_above=0.6, review_band=(0.55, 0.65))


def _scores(probability: list[float] | NDArray[np.float64], ids: list[str] | None = None) -> pa.Table:
    names = ids or [f"c{number:05d}" for number in range(len(probability))]
    return score_rows(pa.array(names, pa.string()), np.asarray(probability, dtype=float), "m", DECISIONS)


def test_a_scoring_beside_itself() -> None:
    """Nothing moved: all ranks agree, no tier changed, no distance is told."""
    scores = _scores(np.random.default_rng(1).random(500))

    told = compare_scores(scores, scores)

    assert (told["customers"], told["changed"]) == (500, 0)
    assert (told["psi"], told["tier_changed"], told["action_changed"], told["mean_shift"]) == (0, 0, 0, 0)
    assert told["rank_correlation"] == pytest.approx(1)
    assert told["histogram_before"] == told["histogram_after"]


@settings(deadline=None, max_examples=80)
@given(pairs=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=2, max_size=40))
def test_rank_correlation_is_spearman_s(pairs: list[tuple[int, int]]) -> None:
    """With ties, too, the correlation is that of scipy; constant scores have none."""
    before = [first / 8 for first, _ in pairs]
    after = [second / 8 for _, second in pairs]

    told = compare_scores(_scores(before), _scores(after))["rank_correlation"]

    if len(set(before)) == 1 or len(set(after)) == 1:
        assert told is None
    else:
        assert told == pytest.approx(spearmanr(before, after).statistic, abs=1e-12)


def test_changed_tiers_and_actions_are_counted() -> None:
    """A tier changes with its bound, an action with the band of review: each is a share of the customers."""
    before = _scores([0.1, 0.1, 0.5, 0.7, 0.2])
    after = _scores([0.2, 0.4, 0.56, 0.62, 0.2])

    told = compare_scores(before, after)

    assert told["changed"] == 4
    assert told["tier_changed"] == pytest.approx(1 / 5)  # low to medium
    assert told["action_changed"] == pytest.approx(2 / 5)  # none to review, offer to review
    assert told["mean_shift"] == pytest.approx((0.1 + 0.3 + 0.06 - 0.08) / 5)


@settings(deadline=None, max_examples=40)
@given(probability=st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_histograms_count_by_twentieths(probability: list[int]) -> None:
    """Each customer stands in one of twenty bins, on a bound in the one above it, and 1 in the last."""
    scores = _scores([value / 40 for value in probability])

    told = compare_scores(scores, _scores([0.0] * len(probability)))

    assert told["histogram_before"] == [
        sum(min(value // 2, 19) == place for value in probability) for place in range(20)
    ]
    assert told["histogram_after"] == [len(probability)] + [0] * 19


def test_only_customers_of_both_are_compared() -> None:
    """Who came or went between the scorings is in no figure."""
    before = _scores([0.1, 0.9, 0.5, 0.3], ids=["a", "b", "c", "gone"])
    after = _scores([0.99, 0.2, 0.9, 0.6], ids=["new", "a", "b", "c"])

    told = compare_scores(before, after)

    assert (told["customers"], told["changed"]) == (3, 2)
    assert told["mean_shift"] == pytest.approx(0.2 / 3)
    assert sum(told["histogram_before"]) == sum(told["histogram_after"]) == 3
    then, now = matched(before, after)
    assert then.column("customer_id").to_pylist() == now.column("customer_id").to_pylist() == ["a", "b", "c"]


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_order_and_chunks_do_not_matter(data: st.DataObject) -> None:
    """However the rows of either scoring come, what is told is the same."""
    random = np.random.default_rng(2)
    before, after = _scores(random.random(30)), _scores(random.random(30))
    order = data.draw(st.permutations(range(30)), "order")
    cut = data.draw(st.integers(0, 30), "cut")
    shuffled = after.take(pa.array(order))

    told = compare_scores(before, pa.concat_tables([shuffled.slice(0, cut), shuffled.slice(cut)]))

    expected = compare_scores(before, after)
    assert told.keys() == expected.keys()
    for name, value in told.items():
        assert value == pytest.approx(expected[name], abs=1e-12)
    assert matched(before, shuffled)[1].equals(shuffled)


def test_rows_are_told_from_after_less_before() -> None:
    """Turned around, the mean moves the other way, and the histograms change places."""
    random = np.random.default_rng(3)
    low, high = _scores(random.beta(2, 6, 1000)), _scores(random.beta(6, 2, 1000))

    up, down = compare_scores(low, high), compare_scores(high, low)

    assert up["mean_shift"] == pytest.approx(-down["mean_shift"])
    assert up["mean_shift"] == pytest.approx(0.5, abs=0.05)
    assert up["histogram_before"] == down["histogram_after"]
    assert min(up["psi"], down["psi"]) > 1


def test_another_ranking_of_the_same_scores_is_no_shift() -> None:
    """Scores dealt to other customers leave the index at 0, and their ranks agree no more."""
    probability = np.random.default_rng(4).random(2000)

    told = compare_scores(_scores(probability), _scores(np.roll(probability, 1)))

    assert told["psi"] == 0
    assert told["mean_shift"] == pytest.approx(0, abs=1e-12)
    assert told["changed"] == 2000
    assert abs(told["rank_correlation"]) < 0.1


@pytest.mark.parametrize(
    ("before", "after"),
    [([0.2] * 5, [0.1, 0.2, 0.3, 0.4, 0.5]), ([0.1, 0.2, 0.3, 0.4, 0.5], [0.2] * 5), ([0.3], [0.4])],
    ids=["before", "after", "one customer"],
)
def test_constant_scores_have_no_ranks(before: list[float], after: list[float]) -> None:
    """Where one side gives everybody the same score there is no correlation to tell, and no crash."""
    told = compare_scores(_scores(before), _scores(after))

    assert told["rank_correlation"] is None
    assert told["mean_shift"] == pytest.approx(np.mean(after) - np.mean(before))


@pytest.mark.parametrize(
    ("before", "after"),
    [(SCORES.empty_table(), SCORES.empty_table()), (_scores([0.5], ["a"]), _scores([0.5], ["b"]))],
    ids=["no rows", "no customer of both"],
)
def test_nobody_to_compare(before: pa.Table, after: pa.Table) -> None:
    """Without a customer that both hold, everything is nothing."""
    told = compare_scores(before, after)

    assert (told["customers"], told["changed"], told["psi"], told["mean_shift"]) == (0, 0, 0, 0)
    assert (told["tier_changed"], told["action_changed"]) == (0, 0)
    assert told["rank_correlation"] is None
    assert told["histogram_before"] == told["histogram_after"] == [0] * 20
    assert largest_changes(before, after, 5) == []


def test_largest_changes_come_first() -> None:
    """Those who moved most, up or down, are told first, with both probabilities and tiers, and so many of them."""
    before = _scores([0.1, 0.9, 0.5, 0.4, 0.2], ids=["a", "b", "c", "d", "gone"])
    after = _scores([0.2, 0.1, 0.5, 0.7, 0.9], ids=["a", "b", "c", "d", "new"])

    told = largest_changes(before, after, 2)

    assert told == [
        {
            "customer_id": "b",
            "probability_from": 0.9,
            "probability_to": 0.1,
            "tier_from": "high",
            "tier_to": "low",
        },
        {
            "customer_id": "d",
            "probability_from": 0.4,
            "probability_to": 0.7,
            "tier_from": "medium",
            "tier_to": "high",
        },
    ]


def test_who_did_not_move_is_no_change() -> None:
    """However many are asked for, only those whose probability moved are told."""
    before = _scores([0.1, 0.5, 0.9])

    told = largest_changes(before, _scores([0.1, 0.5 + 1e-12, 0.9]), 10)

    assert [each["customer_id"] for each in told] == ["c00001"]
