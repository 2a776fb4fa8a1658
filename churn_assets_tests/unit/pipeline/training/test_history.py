"""History that training needs: made once, and recorded anew where only the code changed."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

from churn_assets.core.options import Recipe
from churn_assets.pipeline.chain import RunContext
from churn_assets.pipeline.training.history import available_days, land_history
from churn_assets.pipeline.training.training_data import plan_training
from churn_assets_tests.chains import AS_OF, chain_over
from churn_assets_tests.factories import MEMBERS

WEEK = Recipe(window_days=7)


def test_days_before_the_first_partition_do_not_exist(daily_once: Path) -> None:
    """`start_date` bounds what training may look at, whatever the source holds."""
    chain = chain_over(daily_once, start_date=AS_OF - dt.timedelta(days=10))

    found = available_days(chain, [AS_OF - dt.timedelta(days=back) for back in (0, 10, 11)])

    assert found == {AS_OF, AS_OF - dt.timedelta(days=10)}


def test_every_partition_that_lands_is_kept_in_the_run(daily: Path) -> None:
    """What training makes on the way is kept, partition by partition, for the UI."""
    run = RunContext("tester")

    land_history(chain_over(daily), {AS_OF}, {AS_OF}, run)

    names = ["raw_customers", "customers", "quarantined_customers", "customer_features"]
    assert [(result.table.name, result.day) for result in run.landed] == [(name, AS_OF) for name in names]


def test_history_lands_once(landed: Path) -> None:
    """What has landed for one training is not made again for the next."""
    run = RunContext("tester")

    plan = plan_training(chain_over(landed), AS_OF, run)

    assert plan.inputs
    assert not run.landed


def test_features_of_other_parameters_are_made_again(landed: Path) -> None:
    """Training never mixes feature digests: stale features get a new version, and the old ones stay."""
    before = plan_training(chain_over(landed, recipe=WEEK), AS_OF, RunContext("tester"))
    changed = chain_over(landed, recipe=WEEK, parameters={"few_visits": 5})

    after = plan_training(changed, AS_OF, RunContext("tester"))

    days = {*after.served, *after.judged}
    assert len(days) > 2
    assert {event.commit.details["feature_digest"] for event in changed.features.newest(days).values()} == {
        changed.feature_digest
    }
    for day in days:
        old = before.version("customer_features", day)
        assert after.version("customer_features", day) != old
        assert changed.features.version(day, old).rows == 40


def test_an_edit_that_changes_no_feature_does_not_keep_training_out(landed: Path) -> None:
    """Features with the same bytes are recorded as made by the new code: no version is new, training goes on."""
    before = plan_training(chain_over(landed, recipe=WEEK), AS_OF, RunContext("tester"))
    changed = chain_over(landed, recipe=WEEK, profile=replace(MEMBERS, source_digest="1" * 64))

    after = plan_training(changed, AS_OF, RunContext("tester"))

    newest = changed.features.newest({*after.served, *after.judged}).values()
    assert after.inputs == before.inputs
    assert {event.commit.details["feature_digest"] for event in newest} == {changed.feature_digest}
