"""What a model is trained and judged on: pinned partition versions, and the labelled rows they hold.

OutcomePlan     customers of a day, and the versions by which their outcomes are known
TrainingPlan    the same of a backtest's day, and the days to learn from
RulesPlan       what a profile's rules are made as of, and the outcomes to judge them by, where any are known
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.models.card import InputVersion
from churn_assets.core.profile import LabelColumn
from churn_assets.core.scoring.do_not_score import DoNotScoreList
from churn_assets.core.training.dataset import LabelledRows, TrainingDays, training_days
from churn_assets.core.training.labels import Outcomes, held_out, label_from_column, label_from_later
from churn_assets.core.training.sampling import sample_rate
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.pipeline.customers.do_not_score import read_do_not_score
from churn_assets.pipeline.features import feature_batches
from churn_assets.pipeline.training.history import available_days, land_history
from churn_assets.storage.tables.sampling import sampled_batches, sampled_rows

__all__ = [
    "Holdout",
    "OutcomePlan",
    "RulesPlan",
    "TrainingData",
    "TrainingPlan",
    "load_holdout",
    "load_judging",
    "load_training_data",
    "plan_judging",
    "plan_outcomes",
    "plan_rules",
    "plan_training",
    "usable_days",
]


DO_NOT_SCORE = "do_not_score"  # among the inputs of a model, where such a list is configured


@dataclass(frozen=True)
class PinnedInputs:
    """Partition versions, and the share of the customers that is read of every day.

    Customers who are `excluded` teach nothing, and judge nothing.
    """

    inputs: tuple[InputVersion, ...]
    sample_rate: float
    excluded: DoNotScoreList | None = field(default=None, kw_only=True)

    def version(self, table: str, day: dt.date) -> str:
        """The pinned version of a partition."""
        return next(entry.version for entry in self.inputs if (entry.table, entry.snapshot_date) == (table, day))


@dataclass(frozen=True)
class OutcomePlan(PinnedInputs):
    """The customers of `day`, whose outcomes are known by the pinned versions."""

    day: dt.date


@dataclass(frozen=True)
class TrainingPlan(OutcomePlan):
    """A backtest on `day`, and days to learn from, newest first: for what is served, and for the backtest.

    `skipped` are days of the window that the source does not hold.
    """

    served: tuple[dt.date, ...]
    judged: tuple[dt.date, ...]
    skipped: tuple[dt.date, ...]


@dataclass(frozen=True)
class RulesPlan(PinnedInputs):
    """What rules are made as of; they need no history, and `outcomes` only to be judged."""

    outcomes: OutcomePlan | None


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


def plan_training(chain: Chain, as_of: dt.date, run: RunContext) -> TrainingPlan:
    """Find the days that can be learnt from, and land those that are missing.

    Raises:
        TrainingImpossible: the history is too short for a model and its backtest.
    """
    label = chain.profile.label
    if not label.is_dated:
        if not available_days(chain, [as_of]):
            raise TrainingImpossible(f"training as of {as_of} needs that day's snapshot, and the source has none")
        land_history(chain, {as_of}, {as_of}, run)
        inputs, excluded = _pinned(chain, as_of, [as_of], [])
        rate = _sample_rate(chain, [as_of], inputs)
        return TrainingPlan(inputs, rate, as_of, (as_of,), (as_of,), (), excluded=excluded)
    days, skipped = usable_days(chain, as_of)
    needed = {days.backtest, *days.served, *days.judged}
    later = {day + label.horizon for day in needed}
    land_history(chain, needed | later, needed, run)
    inputs, excluded = _pinned(chain, as_of, needed, later)
    rate = _sample_rate(chain, needed, inputs)
    return TrainingPlan(inputs, rate, days.backtest, days.served, days.judged, skipped, excluded=excluded)


def usable_days(chain: Chain, as_of: dt.date) -> tuple[TrainingDays, tuple[dt.date, ...]]:
    """The days that a rule's labels can be learnt from, and those of the window that the source lacks; nothing is read.

    Raises:
        TrainingImpossible: the history is too short for a model and its backtest.
    """
    horizon = chain.profile.label.horizon
    days = training_days(as_of, horizon.days, chain.recipe.window_days)
    wanted = {days.backtest, *days.served, *days.judged}
    available = available_days(chain, wanted | {day + horizon for day in wanted})
    usable = {day for day in wanted if day in available and day + horizon in available}
    served = tuple(day for day in days.served if day in usable)
    judged = tuple(day for day in days.judged if day in usable)
    if days.backtest not in usable or not judged:
        raise _too_short(as_of, days.backtest, horizon, available)
    return TrainingDays(days.backtest, served, judged), tuple(sorted(wanted - usable))


def _too_short(as_of: dt.date, backtest: dt.date, horizon: dt.timedelta, available: set[dt.date]) -> TrainingImpossible:
    lacking = ", ".join(str(day) for day in (as_of, backtest, backtest - horizon) if day not in available)
    return TrainingImpossible(
        f"training as of {as_of} needs snapshots of {as_of}, {backtest} (the backtest) and "
        f"{backtest - horizon} or weeks before it, and lacks {lacking}: the source must reach back twice the "
        f"horizon of {horizon.days} days, and start_date with it; choose a later day, or export those"
    )


def plan_rules(chain: Chain, as_of: dt.date, run: RunContext) -> RulesPlan:
    """As `plan_training` for a profile's rules: they need no history, and are judged where outcomes are known."""
    judged = as_of - chain.profile.label.horizon
    known = judged == as_of or {judged, as_of} <= available_days(chain, [judged, as_of])
    days = {judged, as_of} if known else {as_of}
    land_history(chain, days, set(), run)
    inputs, excluded = _pinned(chain, as_of, [], days)
    if not known:
        return RulesPlan(inputs, 1.0, None, excluded=excluded)
    rate = _sample_rate(chain, [judged], inputs)
    return RulesPlan(inputs, rate, OutcomePlan(inputs, rate, judged, excluded=excluded), excluded=excluded)


def plan_judging(chain: Chain, day: dt.date, run: RunContext) -> TrainingPlan:
    """As `plan_training` for a model that learns nothing here: only the backtest's `day`, and what became of it."""
    horizon = chain.profile.label.horizon
    land_history(chain, {day, day + horizon}, {day}, run)
    inputs, excluded = _pinned(chain, day, [day], [day + horizon] if horizon else [])
    return TrainingPlan(inputs, _sample_rate(chain, [day], inputs), day, (), (), (), excluded=excluded)


def load_judging(chain: Chain, plan: TrainingPlan) -> Holdout:
    """The customers of the backtest's day whose outcome is known; of a labelled export, those it holds out."""
    if not chain.profile.label.is_dated:
        return _load_export(chain, plan, None).holdout
    customers, outcomes = _customers_with_outcomes(chain, plan, plan.day)
    rows = _labelled(chain, plan, plan.day, outcomes, None).keep(outcomes.known)
    return Holdout(customers.filter(pa.array(outcomes.known)), rows)


def plan_outcomes(chain: Chain, day: dt.date, known: dt.date) -> OutcomePlan | None:
    """The customers of `day` and of the day on which their outcomes are `known`; None where one was never validated."""
    if not {day, known} <= set(chain.customers.days()) & set(chain.quarantined.days()):
        return None
    inputs, excluded = _pinned(chain, day, [], [day, known])
    return OutcomePlan(inputs, _sample_rate(chain, [day], inputs), day, excluded=excluded)


def load_training_data(chain: Chain, plan: TrainingPlan, parameters: Mapping[str, Any] | None = None) -> TrainingData:
    """Read the labelled rows of a plan's pinned versions; with other feature `parameters` where they are given."""
    if not chain.profile.label.is_dated:
        return _load_export(chain, plan, parameters)
    customers, outcomes = _customers_with_outcomes(chain, plan, plan.day)
    rows = _labelled(chain, plan, plan.day, outcomes, parameters).keep(outcomes.known)
    holdout = Holdout(customers.filter(pa.array(outcomes.known)), rows)
    by_day, left_out = {plan.day: rows}, {plan.day: outcomes.left_out}
    for day in {*plan.served, *plan.judged} - {plan.day}:
        _, outcomes = _customers_with_outcomes(chain, plan, day)
        by_day[day] = _labelled(chain, plan, day, outcomes, parameters).keep(outcomes.known)
        left_out[day] = outcomes.left_out
    served, judged = (LabelledRows.join([by_day[day] for day in sorted(days)]) for days in (plan.served, plan.judged))
    return TrainingData(served, judged, holdout, sum(left_out[day] for day in plan.served))


def _load_export(chain: Chain, plan: TrainingPlan, parameters: Mapping[str, Any] | None) -> TrainingData:
    """The rows of a labelled export; a fifth of the customers judges a model of the others, and then teaches too."""
    customers, outcomes = _customers_with_outcomes(chain, plan, plan.day)
    rows = _labelled(chain, plan, plan.day, outcomes, parameters)
    held = held_out(rows.ids)
    mask = outcomes.known & held
    holdout = Holdout(customers.filter(pa.array(mask)), rows.keep(mask))
    return TrainingData(rows.keep(outcomes.known), rows.keep(outcomes.known & ~held), holdout, outcomes.left_out)


def load_holdout(chain: Chain, plan: OutcomePlan) -> Holdout:
    """The customers of a day whose outcome is known, without the features of any model."""
    customers, outcomes = _customers_with_outcomes(chain, plan, plan.day)
    known = customers.filter(pa.array(outcomes.known))
    days = np.full(known.num_rows, np.datetime64(plan.day))
    return Holdout(known, LabelledRows(known.select([chain.profile.id_column]), outcomes.churned[outcomes.known], days))


def _customers_with_outcomes(chain: Chain, plan: OutcomePlan, day: dt.date) -> tuple[pa.Table, Outcomes]:
    customers = _customers(chain, plan, day)
    return customers, _outcomes(chain, plan, day, customers)


def _labelled(
    chain: Chain, plan: TrainingPlan, day: dt.date, outcomes: Outcomes, parameters: Mapping[str, Any] | None
) -> LabelledRows:
    if parameters is None:
        version = chain.features.version(day, plan.version("customer_features", day)).verified()
        features = sampled_rows(version, chain.profile.id_column, plan.sample_rate)
    else:
        customers = chain.customers.version(day, plan.version("customers", day)).verified()
        computed = feature_batches(chain, customers, parameters)
        features = pa.concat_tables(sampled_batches(computed, chain.profile.id_column, plan.sample_rate))
    days = np.full(features.num_rows, np.datetime64(day))
    return LabelledRows(features, np.asarray(outcomes.churned), days)


def _outcomes(chain: Chain, plan: OutcomePlan, day: dt.date, customers: pa.Table) -> Outcomes:
    """What became of the customers of a day; of whoever is excluded nothing is known."""
    told = _told(chain, plan, day, customers)
    if plan.excluded is None:
        return told
    return replace(told, known=told.known & ~plan.excluded.holds(customers.column(chain.profile.id_column)))


def _told(chain: Chain, plan: OutcomePlan, day: dt.date, customers: pa.Table) -> Outcomes:
    label = chain.profile.label
    if isinstance(label, LabelColumn):
        return label_from_column(chain.profile, label, customers)
    later_day = day + label.horizon
    later = _customers(chain, plan, later_day)
    key = chain.profile.id_column
    pinned = plan.version("quarantined_customers", later_day)
    quarantined = chain.quarantined.version(later_day, pinned).verified().read([key])
    return label_from_later(chain.profile, label, day, customers, later, quarantined.column(key).drop_null())


def _customers(chain: Chain, plan: OutcomePlan, day: dt.date) -> pa.Table:
    """The customers of a day who are in the sample: the same ones wherever they are met."""
    version = chain.customers.version(day, plan.version("customers", day)).verified()
    return sampled_rows(version, chain.profile.id_column, plan.sample_rate)


def _sample_rate(chain: Chain, days: Iterable[dt.date], inputs: tuple[InputVersion, ...]) -> float:
    """The rate that keeps all labelled rows of `days` together within the recipe's bound."""
    pinned = {entry.snapshot_date: entry.version for entry in inputs if entry.table == "customers"}
    rows = sum(chain.customers.version(day, pinned[day]).rows for day in days)
    rate = sample_rate(rows, chain.recipe.max_rows)
    if rate < 1:
        logger.info("%d labelled rows: a sample of %.2f %% of the customers is taken", rows, 100 * rate)
    return rate


def _pinned(
    chain: Chain, as_of: dt.date, with_features: Iterable[dt.date], later: Iterable[dt.date]
) -> tuple[tuple[InputVersion, ...], DoNotScoreList | None]:
    """The current versions of what is read, and who is excluded: what that list holds is an input like a version."""
    inputs, excluded = _pin(chain, with_features, later), read_do_not_score(chain)
    if excluded is None:
        return inputs, None
    return (*inputs, InputVersion(table=DO_NOT_SCORE, snapshot_date=as_of, version=excluded.digest)), excluded


def _pin(chain: Chain, with_features: Iterable[dt.date], later: Iterable[dt.date]) -> tuple[InputVersion, ...]:
    """The current versions of what is read, refusing features of another digest."""
    days, outcome_days = set(with_features), set(later)
    featurized = chain.features.newest(days)
    validated = chain.customers.newest(days | outcome_days)
    quarantined = chain.quarantined.newest(outcome_days)
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
        InputVersion(table="quarantined_customers", snapshot_date=day, version=quarantined[day].version)
        for day in outcome_days
    ]
    return tuple(sorted(pinned, key=lambda entry: (entry.snapshot_date, entry.table)))
