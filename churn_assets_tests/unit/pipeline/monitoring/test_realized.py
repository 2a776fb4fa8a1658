"""How good the scores of a day turned out to be, as they were published then."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from churn_assets.core.options import Decisions, MonitoringBounds
from churn_assets.core.profile import Profile
from churn_assets.core.scoring.rows import held_out
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.monitoring.outcomes import record_outcomes
from churn_assets.pipeline.monitoring.realized import judge_day
from churn_assets.storage.tables.commits import Commit
from churn_assets_tests.factories import MEMBERS, member_columns
from churn_assets_tests.scored_members import CUSTOMERS, DAY, KNOWN, STAYED, WORK, publish_scores

GONE = np.arange(CUSTOMERS) >= STAYED
SLICED: Profile = dataclasses.replace(MEMBERS, slices=("plan",))


def _drawn(seed: int) -> list[float]:
    """Probabilities that know nothing."""
    return [float(each) for each in np.random.default_rng(seed).random(CUSTOMERS)]


def _judged(chain: Chain, **changes: Any) -> list[dict[str, Any]]:
    """The figures of the day, with its outcomes made first."""
    asked = dataclasses.replace(chain, bounds=MonitoringBounds(min_outcomes=1), **changes)
    record_outcomes(asked, DAY, WORK)
    judged = judge_day(asked, DAY, WORK)
    return list(judged.figures) if judged else []


def test_each_arm_is_held_against_its_own_customers_and_each_group_by_itself(chain: Chain) -> None:
    """Champion, canary and challenger, everybody and each plan, with the figures that scikit-learn gives."""
    seen, unseen = _drawn(1), _drawn(2)
    models = ["canary" if number % 4 == 3 else "champion" for number in range(CUSTOMERS)]
    publish_scores(chain.scores, seen, models)
    publish_scores(chain.challenger_scores, unseen, ["challenger"] * CUSTOMERS)

    rows = {(row["arm"], row["slice_column"], row["slice_value"]): row for row in _judged(chain, profile=SLICED)}

    is_canary = np.array(models) == "canary"
    plans = np.array([str(plan) for plan in member_columns(CUSTOMERS)["plan"]])
    expected = {
        ("champion", "", ""): (~is_canary, seen),
        ("canary", "", ""): (is_canary, seen),
        ("challenger", "", ""): (~is_canary | is_canary, unseen),
        ("champion", "plan", "basic"): (~is_canary & (plans == "basic"), seen),
        ("champion", "plan", "(missing)"): (~is_canary & (plans == "None"), seen),
    }
    for key, (here, given) in expected.items():
        assert rows[key]["roc_auc"] == pytest.approx(roc_auc_score(GONE[here], np.asarray(given)[here])), key
        assert (rows[key]["rows"], rows[key]["churners"]) == (here.sum(), GONE[here].sum())
        assert (rows[key]["model_version"], rows[key]["known_on"]) == (key[0], KNOWN)
    assert len(rows) == 3 * 4


def test_scores_are_judged_as_they_stood_then(chain: Chain) -> None:
    """Not a later model's, given in hindsight; after a rollback, those that were gone back to."""
    first = publish_scores(chain.scores, _drawn(3), ["first"] * CUSTOMERS)
    second = publish_scores(chain.scores, _drawn(4), ["second"] * CUSTOMERS)
    publish_scores(chain.scores, _drawn(5), ["later"] * CUSTOMERS, hindsight=True)
    honest = _judged(chain)
    chain.scores.rollback(DAY, first, Commit("rollback", "tester", "worse", "", "first", "", {"hindsight": False}))
    gone_back = _judged(chain)

    assert [row["model_version"] for row in honest] == ["second"]
    assert [row["model_version"] for row in gone_back] == ["first"]
    history = chain.table("realized_performance").history(DAY)
    assert [event.commit.details["scores_version"] for event in history] == [second, first]


def test_those_held_out_stand_beside_those_with_an_offer(chain: Chain) -> None:
    """Both are groups of those who would have got one, whoever else was scored."""
    decisions = Decisions(held_out_share=0.5)
    probability = [0.9 if number % 2 else 0.1 for number in range(CUSTOMERS)]
    held = held_out(chain.customers.version(DAY).read().column("customer_id"), np.asarray(probability), decisions)
    actions = ["offer" if each > 0.6 and not out else "none" for each, out in zip(probability, held, strict=True)]
    details: dict[str, Any] = {
        "decisions": decisions.model_dump(mode="json"),
        "prior": {"kind": "seasonal", "rate": 0.2},
    }
    publish_scores(chain.scores, probability, ["champion"] * CUSTOMERS, actions=actions, **details)

    everybody, offered, out = _judged(chain)

    assert (everybody["slice_column"], everybody["rows"]) == ("", CUSTOMERS)
    assert (offered["slice_column"], offered["slice_value"]) == ("is_held_out", "false")
    assert (offered["rows"], offered["churners"]) == (actions.count("offer"), GONE[np.array(actions) == "offer"].sum())
    assert (out["slice_value"], out["rows"], out["churners"]) == ("true", held.sum(), GONE[held].sum())


def test_small_days_have_counts_and_a_day_without_outcomes_nothing(chain: Chain) -> None:
    """The minimum of outcomes is the configured one; without outcomes or scores no version is made."""
    unscored = judge_day(chain, DAY, WORK)
    publish_scores(chain.scores, _drawn(6), ["champion"] * CUSTOMERS)
    untold = judge_day(chain, DAY, WORK)
    record_outcomes(chain, DAY, WORK)

    judged = judge_day(chain, DAY, WORK)

    assert unscored is untold is None
    assert judged is not None
    assert judged.prior == {}
    [row] = judged.figures
    assert (row["rows"], row["churners"], row["roc_auc"], row["mean_probability"]) == (CUSTOMERS, 15, None, None)
