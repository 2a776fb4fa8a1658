"""Rows with a known outcome, and the days they may come from: nothing from the future."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.core.arrow.conversion import id_texts

__all__ = ["LabelledRows", "TrainingDays", "training_days"]

WEEK = 7


@dataclass(frozen=True)
class TrainingDays:
    """Snapshot dates, newest first: what is served learns from `served`; the backtest from `judged`, on `backtest`."""

    backtest: dt.date
    served: tuple[dt.date, ...]
    judged: tuple[dt.date, ...]


def training_days(as_of: dt.date, horizon_days: int, window_days: int) -> TrainingDays:
    """The weekly grid back from the last day whose labels are known: on `as_of`, and on the backtest's day."""
    horizon = dt.timedelta(days=horizon_days)
    backtest = as_of - horizon
    return TrainingDays(backtest, _weekly(as_of - horizon, window_days), _weekly(backtest - horizon, window_days))


@dataclass(frozen=True)
class LabelledRows:
    """Feature rows with a known outcome: `features` (n rows), `churned` (n), and the `days` they stand for (n)."""

    features: pa.Table
    churned: NDArray[np.bool_]
    days: NDArray[np.datetime64]

    @classmethod
    def join(cls, parts: "list[LabelledRows]") -> "LabelledRows":
        """The rows of all `parts`, in their order."""
        return cls(
            pa.concat_tables(part.features for part in parts),
            np.concatenate([part.churned for part in parts]),
            np.concatenate([part.days for part in parts]),
        )

    @property
    def ids(self) -> pa.ChunkedArray:
        """The customers: the first column of their features."""
        return self.features.column(0)

    def in_order(self) -> "LabelledRows":
        """The same rows by day and customer, however they came: no model depends on the order they were read in."""
        ids = id_texts(self.ids).combine_chunks()
        later, same = self.days[1:] > self.days[:-1], self.days[1:] == self.days[:-1]
        ascending = pc.greater(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)
        if (later | (same & ascending)).all():
            return self
        keys = pa.table({"day": pa.array(self.days), "id": ids})
        order = pc.sort_indices(keys, sort_keys=[("day", "ascending"), ("id", "ascending")])
        at = order.to_numpy()
        return LabelledRows(self.features.unify_dictionaries().take(order), self.churned[at], self.days[at])

    def keep(self, rows: NDArray[np.bool_]) -> "LabelledRows":
        """Only the marked rows."""
        return LabelledRows(self.features.filter(pa.array(rows)), self.churned[rows], self.days[rows])


def _weekly(last: dt.date, window_days: int) -> tuple[dt.date, ...]:
    return tuple(last - dt.timedelta(days=back) for back in range(0, window_days + 1, WEEK))
