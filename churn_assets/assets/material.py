"""What a model is trained and judged on: pinned partition versions, and the labelled rows they hold."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from churn_assets.assets.history import Report, available_days, land_history, newest_events
from churn_assets.assets.resources import Chain, Work
from churn_assets.core.card import InputVersion
from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.labels import Outcomes, held_out, label_from_column, label_from_later
from churn_assets.core.profile import LabelColumn, LabelRule
from churn_assets.core.training import LabelledRows, training_days

__all__ = ["Material", "Plan", "load_material", "plan_training"]


@dataclass(frozen=True)
class Plan:
    """The days, newest first, and the versions of their partitions."""

    backtest: dt.date
    served: tuple[dt.date, ...]
    judged: tuple[dt.date, ...]
    skipped: tuple[dt.date, ...]
    inputs: tuple[InputVersion, ...]

    def version(self, table: str, day: dt.date) -> str:
        """The pinned version of a partition."""
        return next(entry.version for entry in self.inputs if (entry.table, entry.snapshot_date) == (table, day))


@dataclass(frozen=True)
class Material:
    """Rows to train what is served, rows to train the backtest's model, and rows to judge that one on."""

    served: LabelledRows
    judged: LabelledRows
    holdout: LabelledRows
    left_out: int


def plan_training(chain: Chain, as_of: dt.date, work: Work, report: Report) -> Plan:
    """Find the days that can be learnt from, and land those that are missing.

    Raises:
        TrainingImpossible: the history is too short for a model and its backtest.
    """
    label = chain.profile.label
    if isinstance(label, LabelColumn):
        if not available_days(chain, [as_of]):
            raise TrainingImpossible(f"training as of {as_of} needs that day's snapshot, and the source has none")
        land_history(chain, {as_of}, {as_of}, work, report)
        return Plan(as_of, (as_of,), (as_of,), (), _pin(chain, [as_of], []))
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
    return Plan(days.backtest, served, judged, tuple(sorted(wanted - usable)), _pin(chain, needed, later))


def load_material(chain: Chain, plan: Plan) -> Material:
    """Read the labelled rows of a plan's pinned versions."""
    if isinstance(chain.profile.label, LabelColumn):
        rows, outcomes = _labelled(chain, plan, plan.backtest)
        held = held_out(rows.features.column(chain.profile.id_column))
        training = rows.keep(outcomes.known & ~held)
        return Material(training, training, rows.keep(outcomes.known & held), outcomes.left_out)
    by_day: dict[dt.date, LabelledRows] = {}
    left_out = 0
    for day in {plan.backtest, *plan.served, *plan.judged}:
        rows, outcomes = _labelled(chain, plan, day)
        by_day[day] = rows.keep(outcomes.known)
        left_out += outcomes.left_out if day in plan.served else 0
    return Material(
        LabelledRows.join([by_day[day] for day in plan.served]),
        LabelledRows.join([by_day[day] for day in plan.judged]),
        by_day[plan.backtest],
        left_out,
    )


def _labelled(chain: Chain, plan: Plan, day: dt.date) -> tuple[LabelledRows, Outcomes]:
    features = chain.features.version(day, plan.version("customer_features", day)).read()
    then = chain.customers.version(day, plan.version("customers", day)).read()
    outcomes = _outcomes(chain, plan, day, then)
    return LabelledRows(features, np.asarray(outcomes.churned)), outcomes


def _outcomes(chain: Chain, plan: Plan, day: dt.date, then: pa.Table) -> Outcomes:
    label = chain.profile.label
    if not isinstance(label, LabelRule):
        return label_from_column(chain.profile, label, then)
    later_day = day + dt.timedelta(days=label.horizon_days)
    later = chain.customers.version(later_day, plan.version("customers", later_day)).read()
    key = chain.profile.id_column
    aside = chain.quarantined.version(later_day, plan.version("quarantined_customers", later_day)).read([key])
    return label_from_later(chain.profile, label, day, then, later, aside.column(key).drop_null())


def _pin(chain: Chain, with_features: Iterable[dt.date], later: Iterable[dt.date]) -> tuple[InputVersion, ...]:
    """The current versions of what is read, refusing features of another digest."""
    featurized = newest_events(chain.features.events())
    validated = newest_events(chain.customers.events())
    aside = newest_events(chain.quarantined.events())
    days = set(with_features)
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
        InputVersion(table="customers", snapshot_date=day, version=validated[day].version) for day in days | set(later)
    ]
    pinned += [
        InputVersion(table="quarantined_customers", snapshot_date=day, version=aside[day].version) for day in set(later)
    ]
    return tuple(sorted(pinned, key=lambda entry: (entry.snapshot_date, entry.table)))
