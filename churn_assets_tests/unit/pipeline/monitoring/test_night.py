"""What is told of a night's own scores: what they promise, and a summary."""

import dataclasses

import pytest

from churn_assets.core.monitoring.performance.estimate import Promise
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.monitoring.estimated import estimate_day
from churn_assets.pipeline.monitoring.summary import summarize_day
from churn_assets_tests.factories import MEMBERS
from churn_assets_tests.scored_members import CUSTOMERS, DAY, KNOWN, STAYED, WORK, publish_scores

RISING = [number / CUSTOMERS for number in range(CUSTOMERS)]


def test_each_model_of_a_night_promises_for_its_own_customers(chain: Chain) -> None:
    """Of models whose folder is not there nothing is taken off, and that is told."""
    models = ["canary" if number % 4 == 3 else "champion" for number in range(CUSTOMERS)]
    publish_scores(chain.scores, RISING, models)

    estimate = estimate_day(chain, DAY, WORK)

    promise = Promise()
    promise.count(chain.scores.version(DAY).read().column("churn_probability").to_numpy()[3::4])
    canary, champion = estimate.figures
    assert (canary["model_version"], canary["rows"]) == ("canary", CUSTOMERS // 4)
    assert (champion["model_version"], champion["rows"]) == ("champion", 3 * CUSTOMERS // 4)
    assert (canary["roc_auc"], canary["brier"]) == (pytest.approx(promise.roc_auc()), pytest.approx(promise.brier()))
    assert estimate.offsets == {"canary": {}, "champion": {}}
    assert chain.table("estimated_performance").version(DAY).read().to_pylist() == list(estimate.figures)


def test_a_night_is_summed_up_beside_the_last_scored_day(chain: Chain) -> None:
    """By the profile's slices; who was not there then has not moved, and the first day has nothing to move from."""
    sliced = dataclasses.replace(chain, profile=dataclasses.replace(MEMBERS, slices=("plan", "visits")))
    version = {day: chain.customers.current(day) for day in (DAY, KNOWN)}
    publish_scores(chain.scores, RISING, ["champion"] * CUSTOMERS, customers_version=version[DAY])
    later = [0.9] * 5 + RISING[5:STAYED]
    publish_scores(chain.scores, later, ["champion"] * STAYED, day=KNOWN, customers_version=version[KNOWN])

    first, second = summarize_day(sliced, DAY, WORK), summarize_day(sliced, KNOWN, WORK)

    told = {(row["slice_column"], row["slice_value"], row["risk_tier"]): row for row in second.tiers}
    assert first.compared_with is None
    assert {row["risen"] for row in first.tiers} == {None}
    assert second.compared_with == DAY
    assert (told["", "", "high"]["customers"], told["", "", "high"]["risen"], told["", "", "high"]["fallen"]) == (
        5,
        5,
        0,
    )
    assert sum(row["customers"] for row in second.tiers if row["slice_column"] == "plan") == STAYED
    assert told["plan", "(missing)", "high"]["risen"] == 1
    assert told["visits", "0", "high"]["risen"] == 1
    assert chain.table("score_summary").version(KNOWN).read().to_pylist() == list(second.tiers)
