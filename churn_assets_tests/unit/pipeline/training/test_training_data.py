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
from churn_assets.pipeline.training.history import land_history
from churn_assets.pipeline.training.training_data import load_holdout, load_training_data, plan_outcomes, plan_training
from churn_assets_tests.chains import AS_OF, HORIZON, chain_over, export

RUN = RunContext("tester")


def test_no_partition_after_the_training_day_is_read(landed: Path) -> None:
    """Every pinned input, later snapshots included, is of the training day or before, whatever has landed since."""
    tomorrow = AS_OF + dt.timedelta(days=1)
    export(landed, tomorrow)
    chain = chain_over(landed)
    land_history(chain, {tomorrow}, {tomorrow}, RUN)

    plan = plan_training(chain, AS_OF, RUN)

    assert max(entry.snapshot_date for entry in plan.inputs) == AS_OF
    assert max(plan.served) + HORIZON == AS_OF


def test_the_backtest_knows_no_more_than_its_own_day(landed_once: Path) -> None:
    """The labels of the days that train the backtest's model were known on the backtest's day."""
    plan = plan_training(chain_over(landed_once), AS_OF, RUN)

    assert plan.day == AS_OF - HORIZON
    assert all(day + HORIZON <= plan.day for day in plan.judged)


def test_days_without_a_source_are_skipped_and_listed(daily: Path) -> None:
    """A day of the grid that the source lacks is left out of the training, and told."""
    missing = AS_OF - HORIZON - dt.timedelta(days=7)
    (daily / "source" / f"snapshot_date={missing}" / "members.parquet").unlink()
    chain = chain_over(daily, recipe=Recipe(window_days=7))

    plan = plan_training(chain, AS_OF, RUN)

    assert missing in plan.skipped
    assert missing not in plan.served


def test_too_short_a_history_is_told(daily: Path) -> None:
    """A day for which no backtest is possible cannot be trained; the sentence names the days that lack."""
    early = AS_OF - dt.timedelta(days=60)

    with pytest.raises(TrainingImpossible, match="twice the horizon of 30 days"):
        plan_training(chain_over(daily), early, RUN)


def test_who_is_gone_has_churned_and_who_is_quarantined_later_is_left_out(tmp_path: Path) -> None:
    """Absent a horizon later is churned; broken then is neither, and is counted."""
    for day in (AS_OF - 2 * HORIZON, AS_OF - HORIZON):
        export(tmp_path, day)
    export(tmp_path, AS_OF, customers=39, visits=["-1", *["1"] * 38])
    chain = chain_over(tmp_path, recipe=Recipe(window_days=1))
    plan = plan_training(chain, AS_OF, RUN)

    data = load_training_data(chain, plan)

    ids = data.holdout.rows.ids.to_pylist()
    churned = [name for name, gone in zip(ids, data.holdout.rows.churned, strict=True) if gone]
    assert churned == ["c00039"]
    assert "c00000" not in ids
    assert data.left_out == 1
    assert data.holdout.customers.column("customer_id").to_pylist() == ids


def test_rows_stand_for_the_days_they_were_taken_from(landed_once: Path) -> None:
    """Each labelled row tells its day: those of the backtest are all of its day, those of a training of its weeks."""
    chain = chain_over(landed_once)
    plan = plan_training(chain, AS_OF, RUN)

    data = load_training_data(chain, plan)

    assert set(data.holdout.rows.days.tolist()) == {plan.day}
    assert set(data.served.days.tolist()) == set(plan.served)
    assert set(data.judged.days.tolist()) == set(plan.judged)
    assert len(data.judged.days) == len(data.judged.churned) == data.judged.features.num_rows


@pytest.fixture
def sampled(landed_once: Path) -> Chain:
    """The same members with a bound of half of their labelled rows."""
    everything = plan_training(chain_over(landed_once), AS_OF, RUN)
    days = {everything.day, *everything.served, *everything.judged}
    return chain_over(landed_once, recipe=Recipe(window_days=14, max_rows=20 * len(days)))


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


def test_a_day_that_is_judged_later_is_bounded(landed_once: Path) -> None:
    """What is looked back at, once outcomes are known, keeps the same bound."""
    chain = chain_over(landed_once, recipe=Recipe(window_days=14, max_rows=10))

    plan = plan_outcomes(chain, AS_OF - HORIZON, AS_OF)

    assert plan is not None
    assert plan.sample_rate == 0.25
    holdout = load_holdout(chain, plan)
    assert holdout is not None
    assert in_sample(holdout.rows.ids, 0.25).all()
    assert holdout.customers.num_rows == len(holdout.rows.churned) < 40


@pytest.mark.parametrize("table", ["customers", "quarantined_customers"])
def test_a_day_whose_customers_are_not_there_has_no_outcomes(landed_once: Path, tmp_path: Path, table: str) -> None:
    """A table that was moved away costs the look back, and not the night it comes after."""
    folder = Path(shutil.copytree(landed_once, tmp_path / "data"))
    shutil.rmtree(folder / "tables" / table)

    plan = plan_outcomes(chain_over(folder), AS_OF - HORIZON, AS_OF)

    assert plan is None


@pytest.mark.parametrize("max_rows", [None, 10_000])
def test_a_short_history_is_not_sampled(landed_once: Path, max_rows: int | None) -> None:
    """A bound that is not reached leaves nobody out."""
    chain = chain_over(landed_once, recipe=Recipe(window_days=14, max_rows=max_rows))

    plan = plan_training(chain, AS_OF, RUN)

    assert plan.sample_rate == 1
