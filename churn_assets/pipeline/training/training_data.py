"""What a model is trained and judged on: pinned partition versions, and the labelled rows they hold."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.models.card import InputVersion
from churn_assets.core.profile import LabelColumn, LabelRule
from churn_assets.core.training.dataset import LabelledRows, training_days
from churn_assets.core.training.labels import Outcomes, held_out, label_from_column, label_from_later
from churn_assets.core.training.sampling import in_sample, sample_rate
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.pipeline.features import feature_batches
from churn_assets.pipeline.training.history import Report, available_days, land_history
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = [
    "Holdout",
    "TrainingData",
    "TrainingPlan",
    "load_holdout",
    "load_training_data",
    "plan_outcomes",
    "plan_rules",
    "plan_training",
    "sampled_rows",
]


@dataclass(frozen=True)
class TrainingPlan:
    """The days, newest first, and the versions of their partitions; no backtest where no outcome is known.

    `sample_rate` is the share of the customers that is read of every day.
    """

    backtest: dt.date | None
    served: tuple[dt.date, ...]
    judged: tuple[dt.date, ...]
    skipped: tuple[dt.date, ...]
    inputs: tuple[InputVersion, ...]
    sample_rate: float = 1.0

    def version(self, table: str, day: dt.date) -> str:
        """The pinned version of a partition."""
        return next(entry.version for entry in self.inputs if (entry.table, entry.snapshot_date) == (table, day))


@dataclass(frozen=True)
class Holdout:
    """The customers of the backtest's day whose outcome is known: as they are, and as the model sees them."""

    customers: pa.Table
    rows: LabelledRows


@dataclass(frozen=True)
class TrainingData:
    """Rows to train what is served, rows to train the backtest's model, and those to judge that one on."""

    served: LabelledRows
    judged: LabelledRows
    holdout: Holdout
    left_out: int


def plan_training(chain: Chain, as_of: dt.date, work: RunContext, report: Report) -> TrainingPlan:
    """Find the days that can be learnt from, and land those that are missing.

    Raises:
        TrainingImpossible: the history is too short for a model and its backtest.
    """
    label = chain.profile.label
    if isinstance(label, LabelColumn):
        if not available_days(chain, [as_of]):
            raise TrainingImpossible(f"training as of {as_of} needs that day's snapshot, and the source has none")
        land_history(chain, {as_of}, {as_of}, work, report)
        return _sampling(chain, TrainingPlan(as_of, (as_of,), (as_of,), (), _pin(chain, [as_of], [])))
    days = training_days(as_of, label.horizon_days, chain.recipe.window_days)
    horizon = dt.timedelta(days=label.horizon_days)
    wanted = {days.backtest, *days.served, *days.judged}
    available = available_days(chain, wanted | {day + horizon for day in wanted})
    usable = {day for day in wanted if day in available and day + horizon in available}
    served = tuple(day for day in days.served if day in usable)
    judged = tuple(day for day in days.judged if day in usable)
    if days.backtest not in usable or not judged:
        needed_days = (as_of, days.backtest, days.backtest - horizon)
        lacking = ", ".join(str(day) for day in needed_days if day not in available)
        raise TrainingImpossible(
            f"training as of {as_of} needs snapshots of {as_of}, {days.backtest} (the backtest) and "
            f"{days.backtest - horizon} or weeks before it, and lacks {lacking}: the source must reach back twice the "
            f"horizon of {label.horizon_days} days, and start_date with it; choose a later day, or export those"
        )
    needed = {days.backtest, *served, *judged}
    later = {day + horizon for day in needed}
    land_history(chain, needed | later, needed, work, report)
    skipped = tuple(sorted(wanted - usable))
    return _sampling(chain, TrainingPlan(days.backtest, served, judged, skipped, _pin(chain, needed, later)))


def plan_rules(chain: Chain, as_of: dt.date, work: RunContext, report: Report) -> TrainingPlan:
    """As `plan_training` for a profile's rules: they need no history, and are judged where outcomes are known."""
    label = chain.profile.label
    if isinstance(label, LabelColumn):
        land_history(chain, {as_of}, set(), work, report)
        return _sampling(chain, TrainingPlan(as_of, (), (), (), _pin(chain, [], [as_of])))
    backtest = as_of - dt.timedelta(days=label.horizon_days)
    known = available_days(chain, [backtest]) and as_of in available_days(chain, [as_of])
    land_history(chain, {backtest, as_of} if known else {as_of}, set(), work, report)
    pinned = _pin(chain, [], [backtest, as_of] if known else [as_of])
    return _sampling(chain, TrainingPlan(backtest if known else None, (), (), (), pinned))


def plan_outcomes(chain: Chain, day: dt.date, known: dt.date) -> TrainingPlan | None:
    """The customers of `day` and of the day on which their outcomes are `known`; None where one was never landed."""
    days = set(chain.customers.days())
    if not {day, known} <= days:
        return None
    return _sampling(chain, TrainingPlan(day, (), (), (), _pin(chain, [], [day, known])))


def load_training_data(chain: Chain, plan: TrainingPlan, parameters: Mapping[str, Any] | None = None) -> TrainingData:
    """Read the labelled rows of a plan's pinned versions; with other feature `parameters` where they are given."""
    if isinstance(chain.profile.label, LabelColumn):
        customers, outcomes = _judged_customers(chain, plan, plan.served[0])
        rows = _labelled(chain, plan, plan.served[0], outcomes, parameters)
        held = held_out(rows.ids)
        training = rows.keep(outcomes.known & ~held)
        mask = outcomes.known & held
        return TrainingData(
            training, training, Holdout(customers.filter(pa.array(mask)), rows.keep(mask)), outcomes.left_out
        )
    by_day: dict[dt.date, LabelledRows] = {}
    left_out = 0
    holdout = None
    for day in {*([plan.backtest] if plan.backtest else []), *plan.served, *plan.judged}:
        customers, outcomes = _judged_customers(chain, plan, day)
        by_day[day] = _labelled(chain, plan, day, outcomes, parameters).keep(outcomes.known)
        left_out += outcomes.left_out if day in plan.served else 0
        if day == plan.backtest:
            holdout = Holdout(customers.filter(pa.array(outcomes.known)), by_day[day])
    if holdout is None:
        raise TrainingImpossible("the plan has no backtest to judge a model on")
    served = LabelledRows.join([by_day[day] for day in plan.served])
    return TrainingData(served, LabelledRows.join([by_day[day] for day in plan.judged]), holdout, left_out)


def load_holdout(chain: Chain, plan: TrainingPlan) -> Holdout | None:
    """The customers that a profile's rules are judged on, None where no outcome is known."""
    if plan.backtest is None:
        return None
    customers, outcomes = _judged_customers(chain, plan, plan.backtest)
    known = customers.filter(pa.array(outcomes.known))
    days = np.full(known.num_rows, np.datetime64(plan.backtest))
    return Holdout(known, LabelledRows(known.select([chain.profile.id_column]), outcomes.churned[outcomes.known], days))


def _judged_customers(chain: Chain, plan: TrainingPlan, day: dt.date) -> tuple[pa.Table, Outcomes]:
    customers = _customers(chain, plan, day)
    return customers, _outcomes(chain, plan, day, customers)


def _labelled(
    chain: Chain, plan: TrainingPlan, day: dt.date, outcomes: Outcomes, parameters: Mapping[str, Any] | None
) -> LabelledRows:
    if parameters is None:
        version = chain.features.version(day, plan.version("customer_features", day))
        features = sampled_rows(version, chain.profile.id_column, plan.sample_rate)
    else:
        customers = chain.customers.version(day, plan.version("customers", day))
        computed = feature_batches(chain, customers, parameters)
        features = pa.concat_tables(_sampled(computed, chain.profile.id_column, plan.sample_rate))
    days = np.full(features.num_rows, np.datetime64(day))
    return LabelledRows(features, np.asarray(outcomes.churned), days)


def _outcomes(chain: Chain, plan: TrainingPlan, day: dt.date, then: pa.Table) -> Outcomes:
    label = chain.profile.label
    if not isinstance(label, LabelRule):
        return label_from_column(chain.profile, label, then)
    later_day = day + dt.timedelta(days=label.horizon_days)
    later = _customers(chain, plan, later_day)
    key = chain.profile.id_column
    aside = chain.quarantined.version(later_day, plan.version("quarantined_customers", later_day)).read([key])
    return label_from_later(chain.profile, label, day, then, later, aside.column(key).drop_null())


def _customers(chain: Chain, plan: TrainingPlan, day: dt.date) -> pa.Table:
    """The customers of a day who are in the sample: the same ones wherever they are met."""
    version = chain.customers.version(day, plan.version("customers", day))
    return sampled_rows(version, chain.profile.id_column, plan.sample_rate)


def sampled_rows(version: PartitionVersion, key: str, rate: float, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of the customers in a sample of `rate`; of the others no more than a batch is ever in memory."""
    if rate == 1:
        return version.read(columns)
    return pa.concat_tables(_sampled(version.batches(columns), key, rate))


def _sampled(batches: Iterable[pa.Table], key: str, rate: float) -> Iterator[pa.Table]:
    for batch in batches:
        yield batch if rate == 1 else batch.filter(pa.array(in_sample(batch.column(key), rate)))


def _sampling(chain: Chain, plan: TrainingPlan) -> TrainingPlan:
    """The plan with the rate that keeps all of its labelled rows together within the recipe's bound."""
    days = {*([plan.backtest] if plan.backtest else []), *plan.served, *plan.judged}
    rows = sum(chain.customers.version(day, plan.version("customers", day)).rows for day in days)
    rate = sample_rate(rows, chain.recipe.max_rows)
    if rate < 1:
        logger.info("%d labelled rows: a sample of %.2f %% of the customers is taken", rows, 100 * rate)
    return replace(plan, sample_rate=rate)


def _pin(chain: Chain, with_features: Iterable[dt.date], later: Iterable[dt.date]) -> tuple[InputVersion, ...]:
    """The current versions of what is read, refusing features of another digest."""
    days, outcome_days = set(with_features), set(later)
    featurized = chain.features.newest(days)
    validated = chain.customers.newest(days | outcome_days)
    aside = chain.quarantined.newest(outcome_days)
    if mixed := [
        str(day) for day in sorted(days) if featurized[day].commit.details["feature_digest"] != chain.feature_digest
    ]:
        raise TrainingImpossible(
            f"customer_features of {', '.join(mixed)} were made by other feature code; materialize those days again"
        )
    pinned = [
        InputVersion(table="customer_features", snapshot_date=day, version=featurized[day].version) for day in days
    ]
    pinned += [
        InputVersion(table="customers", snapshot_date=day, version=validated[day].version)
        for day in days | outcome_days
    ]
    pinned += [
        InputVersion(table="quarantined_customers", snapshot_date=day, version=aside[day].version)
        for day in outcome_days
    ]
    return tuple(sorted(pinned, key=lambda entry: (entry.snapshot_date, entry.table)))
