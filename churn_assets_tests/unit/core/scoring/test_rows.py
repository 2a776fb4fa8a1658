"""Probabilities into score rows, and which customers are the canary's."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.core.arrow.dictionaries import as_stored
from churn_assets.core.options import Decisions
from churn_assets.core.scoring import rows as module
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.core.scoring.rows import held_out as held_from_offers
from churn_assets.core.scoring.rows import in_canary, score_rows
from churn_assets.core.table_schemas import SCORES
from churn_assets.core.training.labels import held_out

DECISIONS = Decisions(medium_above=0.3, high_above=0.6, review_band=(0.55, 0.65))
ABOVE = float(np.nextafter(0.65, 1))
BELOW = float(np.nextafter(0.55, 0))
IDS = pa.array([f"customer {number}" for number in range(20_000)])


@pytest.mark.parametrize(
    ("probability", "tier", "action"),
    [
        (0.0, "low", "none"),
        (0.3, "low", "none"),
        (float(np.nextafter(0.3, 1)), "medium", "none"),
        (BELOW, "medium", "none"),
        (0.55, "medium", "review"),
        (0.6, "medium", "review"),
        (float(np.nextafter(0.6, 1)), "high", "review"),
        (0.65, "high", "review"),
        (ABOVE, "high", "offer"),
        (1.0, "high", "offer"),
    ],
)
def test_tier_and_action_at_the_thresholds(probability: float, tier: str, action: str) -> None:
    """A tier begins above its bound; the band holds both its ends, and review goes before offer."""
    rows = score_rows(pa.array(["a"]), np.array([probability]), "20260131-0123abcd", DECISIONS)

    assert rows.to_pylist() == [
        {
            "customer_id": "a",
            "churn_probability": probability,
            "risk_tier": tier,
            "action": action,
            "model_version": "20260131-0123abcd",
        }
    ]


def test_review_also_below_the_high_tier() -> None:
    """A band among the low probabilities asks for review there, and offers still go to the high tier."""
    decisions = Decisions(review_band=(0.1, 0.2))

    rows = score_rows(pa.array(["a", "b", "c"]), np.array([0.15, 0.25, 0.61]), "m", decisions)

    assert rows["action"].to_pylist() == ["review", "none", "offer"]


def test_order_of_the_words_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tier or an action is found by its word: listed in another order they give the same rows."""
    monkeypatch.setattr(module, "TIERS", ("high", "low", "medium"))
    monkeypatch.setattr(module, "ACTIONS", ("review", "none", "offer"))

    rows = score_rows(pa.array(list("abcd")), np.array([0.1, 0.4, 0.6, 0.9]), "m", DECISIONS)

    assert rows["risk_tier"].to_pylist() == ["low", "medium", "medium", "high"]
    assert rows["action"].to_pylist() == ["none", "none", "review", "offer"]


def test_each_row_may_have_a_model_of_its_own() -> None:
    """Where two models score a day, each row names the one that gave its probability."""
    models = pa.array(["canary", "champion", "canary"])

    rows = score_rows(pa.array(["a", "b", "c"]), np.array([0.1, 0.2, 0.3]), models, DECISIONS)

    assert rows["model_version"].to_pylist() == ["canary", "champion", "canary"]
    assert rows["churn_probability"].to_pylist() == [0.1, 0.2, 0.3]


def test_rows_have_the_table_s_schema() -> None:
    """Score rows fit their table, also where there are none."""
    rows = score_rows(pa.array([], pa.string()), np.array([]), "m", DECISIONS)

    assert as_stored(rows.schema).names == SCORES.names
    assert as_stored(rows.schema).types == SCORES.types
    assert rows.num_rows == 0


@settings(deadline=None, max_examples=50)
@given(probabilities=st.lists(st.floats(0, 1), min_size=1, max_size=40), cut=st.integers(0, 40))
def test_rows_do_not_depend_on_the_batch(probabilities: list[float], cut: int) -> None:
    """Scored in two batches, customers get the rows they get in one, and these pass the audit."""
    ids = pa.array([f"c{number:04d}" for number in range(len(probabilities))])
    given_probabilities = np.array(probabilities)
    whole = score_rows(ids, given_probabilities, "m", DECISIONS)

    parts = [
        score_rows(ids[:cut], given_probabilities[:cut], "m", DECISIONS),
        score_rows(ids[cut:], given_probabilities[cut:], "m", DECISIONS),
    ]

    assert pa.concat_tables(parts).equals(whole)
    audit = ScoreAudit("churn_scores")
    for part in parts:
        audit.check_batch(part)
    audit.finish(len(probabilities))
    assert audit.mean_probability == pytest.approx(given_probabilities.mean())
    assert sum(audit.tiers.values()) == len(probabilities)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.5, 0.9])
def test_share_is_respected(share: float) -> None:
    """As many customers as the share says, but for what drawing each by itself makes of it."""
    inside = in_canary(IDS, share)

    deviation = math.sqrt(share * (1 - share) / len(IDS))
    assert abs(inside.mean() - share) < 4 * deviation


def test_none_and_all() -> None:
    """A share of 0 holds nobody, one of 1 everybody."""
    assert not in_canary(IDS, 0.0).any()
    assert in_canary(IDS, 1.0).all()


@settings(deadline=None, max_examples=20)
@given(shares=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_a_larger_share_keeps_whom_a_smaller_held(shares: list[float]) -> None:
    """A canary that grows loses nobody."""
    ids = IDS[:2000]

    smaller, larger = (in_canary(ids, share) for share in shares)

    assert not (smaller & ~larger).any()


@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_customers_stay_in_their_arm(data: st.DataObject) -> None:
    """In any batch and any order, a customer is in the same arm."""
    few = IDS[:50]
    order = data.draw(st.permutations(range(50)), "order")
    cut = data.draw(st.integers(0, 50), "cut")
    whole = in_canary(few, 0.4)

    parts = [in_canary(few.take(pa.array(part, pa.int64())), 0.4) for part in (order[:cut], order[cut:])]

    assert np.concatenate(parts).tolist() == whole[order].tolist()
    assert in_canary(pa.chunked_array([few[:7], few[7:7], few[7:]]), 0.4).tolist() == whole.tolist()


def test_numbers_are_the_same_ids_as_text() -> None:
    """Ids that are whole numbers fall where the same ids as text fall."""
    numbers = pa.array(range(-500, 500), pa.int64())

    inside = in_canary(numbers, 0.3)

    assert inside.tolist() == in_canary(numbers.cast(pa.string()), 0.3).tolist()
    assert 0 < inside.sum() < 1000


def test_arms_are_pinned() -> None:
    """Who is in the arm stays the same over releases: a customer does not change arms by an upgrade."""
    inside = in_canary(pa.array(["a", "b", "c", "d", "1", "2", "é", ""]), 0.5)

    assert inside.tolist() == [False, True, True, True, True, False, True, False]


def test_arm_does_not_follow_the_hold_out() -> None:
    """The hold-out of a labelled export has the same share in the arm as everybody else."""
    held = held_out(IDS)

    inside = in_canary(IDS, 0.2)

    assert abs(inside[held].mean() - 0.2) < 0.03
    assert abs(inside[~held].mean() - 0.2) < 0.015


def test_nobody_has_no_arm() -> None:
    """No ids give no answer, and no crash."""
    assert in_canary(pa.array([], pa.string()), 0.5).tolist() == []
    assert in_canary(pa.chunked_array([], pa.int64()), 0.5).tolist() == []


def test_a_share_of_the_offers_is_held_out_for_good() -> None:
    """Those held get action `none` and keep their tier; nobody else's action moves, and a larger share keeps them."""
    probability = np.random.default_rng(4).random(len(IDS))
    few, more = (DECISIONS.model_copy(update={"held_out_share": share}) for share in (0.1, 0.3))

    plain, tried = (score_rows(IDS, probability, "20260131-0123abcd", each) for each in (DECISIONS, few))

    held = held_from_offers(IDS, probability, few)
    actions = np.array(plain.column("action").to_pylist())
    assert held.sum() == pytest.approx(0.1 * (actions == "offer").sum(), rel=0.1)
    assert set(actions[held]) == {"offer"}
    assert tried.column("action").to_pylist() == np.where(held, "none", actions).tolist()
    assert tried.column("risk_tier").to_pylist() == plain.column("risk_tier").to_pylist()
    assert not (held & ~held_from_offers(IDS, probability, more)).any()
    assert not held_from_offers(IDS, probability, DECISIONS).any()
