"""Training looks only at what was known on its day, and at pinned versions."""

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.options import Recipe
from churn_assets.core.training.sampling import in_sample
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.training.history import available_days, land_history
from churn_assets.pipeline.training.training_data import load_holdout, load_training_data, plan_outcomes, plan_training
from churn_assets_tests.chains import chain_over, export

AS_OF = dt.date(2026, 4, 30)
HORIZON = dt.timedelta(days=30)
RUN = RunContext("tester")


@pytest.fixture(scope="module")
def daily_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety days of members up to the training day; not to be changed."""
    folder = tmp_path_factory.mktemp("daily")
    for back in range(91):
        export(folder, AS_OF - dt.timedelta(days=back))
    return folder


@pytest.fixture
def daily(daily_once: Path, tmp_path: Path) -> Path:
    """A copy of `daily_once` that the test may change."""
    return Path(shutil.copytree(daily_once, tmp_path / "daily"))


@pytest.fixture(scope="module")
def landed(daily_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, and the history of a training as of that day has landed; only to be read."""
    folder = Path(shutil.copytree(daily_once, tmp_path_factory.mktemp("landed") / "daily"))
    plan_training(chain_over(folder), AS_OF, RUN)
    return folder


def test_no_partition_after_the_training_day_is_read(daily: Path) -> None:
    """Every pinned input, later snapshots included, is of the training day or before."""
    export(daily, AS_OF + dt.timedelta(days=1))
    chain = chain_over(daily)

    plan = plan_training(chain, AS_OF, RUN)

    assert max(entry.snapshot_date for entry in plan.inputs) == AS_OF
    assert max(plan.served) + HORIZON == AS_OF


def test_the_backtest_knows_no_more_than_its_own_day(landed: Path) -> None:
    """The labels of the days that train the backtest's model were known on the backtest's day."""
    plan = plan_training(chain_over(landed), AS_OF, RUN)

    assert plan.day == AS_OF - HORIZON
    assert all(day + HORIZON <= plan.day for day in plan.judged)


def test_days_without_a_source_are_skipped_and_listed(daily: Path) -> None:
    """A day of the grid that the source lacks is left out of the training, and told."""
    missing = AS_OF - HORIZON - dt.timedelta(days=7)
    (daily / "source" / f"snapshot_date={missing}" / "members.parquet").unlink()

    plan = plan_training(chain_over(daily), AS_OF, RUN)

    assert missing in plan.skipped
    assert missing not in plan.served


def test_too_short_a_history_is_told(daily: Path) -> None:
    """A day for which no backtest is possible cannot be trained; the sentence names the days that lack."""
    early = AS_OF - dt.timedelta(days=60)

    with pytest.raises(TrainingImpossible, match="twice the horizon of 30 days"):
        plan_training(chain_over(daily), early, RUN)


def test_history_lands_once(daily: Path) -> None:
    """What has landed for one training is not made again for the next."""
    chain = chain_over(daily)
    first, second = RunContext("tester"), RunContext("tester")
    plan_training(chain, AS_OF, first)

    plan_training(chain, AS_OF, second)

    assert first.landed
    assert not second.landed


def test_features_of_other_parameters_are_made_again(daily: Path) -> None:
    """Training never mixes feature digests: stale features get a new version, and the old ones stay."""
    before = plan_training(chain_over(daily), AS_OF, RUN)
    changed = chain_over(daily, parameters={"few_visits": 5})

    after = plan_training(changed, AS_OF, RUN)

    digests = {
        event.commit.details["feature_digest"] for event in changed.features.newest(changed.features.days()).values()
    }
    day = after.served[0]
    assert digests == {changed.feature_digest}
    assert before.version("customer_features", day) != after.version("customer_features", day)
    assert changed.features.version(day, before.version("customer_features", day)).rows == 40


def test_who_is_gone_has_churned_and_who_is_quarantined_later_is_left_out(tmp_path: Path) -> None:
    """Absent a horizon later is churned; broken then is neither, and is counted."""
    for back in range(91):
        day = AS_OF - dt.timedelta(days=back)
        if back:
            export(tmp_path, day)
        else:
            export(tmp_path, day, customers=39, visits=["-1", *["1"] * 38])
    chain = chain_over(tmp_path)
    plan = plan_training(chain, AS_OF, RUN)

    data = load_training_data(chain, plan)

    ids = data.holdout.rows.ids.to_pylist()
    churned = [name for name, gone in zip(ids, data.holdout.rows.churned, strict=True) if gone]
    assert churned == ["c00039"]
    assert "c00000" not in ids
    assert data.left_out == 1
    assert data.holdout.customers.column("customer_id").to_pylist() == ids


def test_rows_stand_for_the_days_they_were_taken_from(landed: Path) -> None:
    """Each labelled row tells its day: those of the backtest are all of its day, those of a training of its weeks."""
    chain = chain_over(landed)
    plan = plan_training(chain, AS_OF, RUN)

    data = load_training_data(chain, plan)

    assert set(data.holdout.rows.days.tolist()) == {plan.day}
    assert set(data.served.days.tolist()) == set(plan.served)
    assert set(data.judged.days.tolist()) == set(plan.judged)
    assert len(data.judged.days) == len(data.judged.churned) == data.judged.features.num_rows


@pytest.fixture
def sampled(landed: Path) -> Chain:
    """The same members with a bound of half of their labelled rows."""
    everything = plan_training(chain_over(landed), AS_OF, RUN)
    days = {everything.day, *everything.served, *everything.judged}
    return chain_over(landed, recipe=Recipe(window_days=14, max_rows=20 * len(days)))


def test_a_long_history_is_sampled_by_customer(sampled: Chain) -> None:
    """Beyond the bound the same customers are read on every day, with the outcomes and features that are theirs."""
    plan = plan_training(sampled, AS_OF, RUN)

    data = load_training_data(sampled, plan)
    all_of_them = load_training_data(sampled, replace(plan, sample_rate=1.0))

    assert plan.sample_rate == 0.5
    ids = all_of_them.holdout.rows.ids
    taken = in_sample(ids, 0.5)
    assert 0 < taken.sum() < len(ids)
    for part, whole in zip(
        (data.served, data.judged, data.holdout.rows),
        (all_of_them.served, all_of_them.judged, all_of_them.holdout.rows),
        strict=True,
    ):
        kept = in_sample(whole.ids, 0.5)
        assert part.features.to_pylist() == whole.features.filter(pa.array(kept)).to_pylist()
        assert part.churned.tolist() == whole.churned[kept].tolist()
        assert part.days.tolist() == whole.days[kept].tolist()
    assert data.holdout.customers.column("customer_id").to_pylist() == ids.filter(pa.array(taken)).to_pylist()


def test_other_feature_parameters_are_sampled_alike(sampled: Chain) -> None:
    """Where features are computed anew, it is for the same customers."""
    plan = plan_training(sampled, AS_OF, RUN)

    stored, computed = load_training_data(sampled, plan), load_training_data(sampled, plan, {"few_visits": 5})

    assert computed.served.ids.to_pylist() == stored.served.ids.to_pylist()
    assert computed.holdout.rows.ids.to_pylist() == stored.holdout.rows.ids.to_pylist()


def test_a_day_that_is_judged_later_is_bounded(landed: Path) -> None:
    """What is looked back at, once outcomes are known, keeps the same bound."""
    chain = chain_over(landed, recipe=Recipe(window_days=14, max_rows=10))

    plan = plan_outcomes(chain, AS_OF - HORIZON, AS_OF)

    assert plan is not None
    assert plan.sample_rate == 0.25
    holdout = load_holdout(chain, plan)
    assert holdout is not None
    assert in_sample(holdout.rows.ids, 0.25).all()
    assert holdout.customers.num_rows == len(holdout.rows.churned) < 40


@pytest.mark.parametrize("max_rows", [None, 10_000])
def test_a_short_history_is_not_sampled(landed: Path, max_rows: int | None) -> None:
    """A bound that is not reached leaves nobody out."""
    chain = chain_over(landed, recipe=Recipe(window_days=14, max_rows=max_rows))

    plan = plan_training(chain, AS_OF, RUN)

    assert plan.sample_rate == 1


def test_days_before_the_first_partition_do_not_exist(daily: Path) -> None:
    """`start_date` bounds what training may look at, whatever the source holds."""
    chain = chain_over(daily, start_date=AS_OF - dt.timedelta(days=10))

    found = available_days(chain, [AS_OF - dt.timedelta(days=back) for back in (0, 10, 11)])

    assert found == {AS_OF, AS_OF - dt.timedelta(days=10)}


def test_every_partition_that_lands_is_kept_in_the_run(daily: Path) -> None:
    """What training makes on the way is kept, partition by partition, for the UI."""
    run = RunContext("tester")

    land_history(chain_over(daily), {AS_OF}, {AS_OF}, run)

    names = ["raw_customers", "customers", "quarantined_customers", "customer_features"]
    assert [(result.table.name, result.day) for result in run.landed] == [(name, AS_OF) for name in names]
