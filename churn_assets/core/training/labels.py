"""What became of the customers of a day: the only place where a later snapshot is looked at."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype

from churn_assets.core.arrow.conversion import id_texts, to_customers, with_snapshot_date
from churn_assets.core.errors import ProfileError
from churn_assets.core.failures import without_words
from churn_assets.core.models.cross_fitting import fold_of
from churn_assets.core.profile import LabelColumn, LabelRule, Profile

__all__ = ["Outcomes", "held_out", "label_from_column", "label_from_later"]


@dataclass(frozen=True)
class Outcomes:
    """For each customer of a day: `known` (bool, n) and, where known, `churned` (bool, n).

    `left_out` counts customers whose outcome cannot be told: quarantined later, or without a label.
    """

    known: NDArray[np.bool_]
    churned: NDArray[np.bool_]

    @property
    def left_out(self) -> int:
        """How many customers have no known outcome."""
        return int((~self.known).sum())


def label_from_later(
    profile: Profile, rule: LabelRule, day: dt.date, then: pa.Table, later: pa.Table, quarantined_later: pa.Array
) -> Outcomes:
    """Outcomes of the customers of `day` by their snapshot `rule.horizon_days` later.

    Args:
        profile: whose customers they are.
        rule: when one has churned.
        day: the snapshot date of `then`.
        then: `customers` of the day.
        later: `customers` of the day + horizon.
        quarantined_later: ids quarantined on that later day; they are neither gone nor known.
    """
    frame = with_snapshot_date(_indexed(then, profile), day)
    later_day = day + dt.timedelta(days=rule.horizon_days)
    after = with_snapshot_date(_indexed(later, profile), later_day)
    try:
        churned = rule.churned(frame, _nullable(after).reindex(frame.index))
    except Exception as error:
        raise ProfileError(
            f"profile {profile.name}: the label's `churned` failed on {day} ({without_words(error)})"
        ) from error
    answers = isinstance(churned, pd.Series) and is_bool_dtype(churned.dtype) and not churned.isna().any()
    if not answers or not churned.index.equals(frame.index):
        raise ProfileError(f"profile {profile.name}: the label's `churned` must say True or False for every row")
    known = ~frame.index.isin(id_texts(quarantined_later).to_pylist())
    return Outcomes(known, churned.to_numpy(dtype=bool))


def label_from_column(profile: Profile, label: LabelColumn, customers: pa.Table) -> Outcomes:
    """Outcomes that a labelled export carries itself.

    Raises:
        ProfileError: the column holds something else than bool, 0/1, or yes/no.
    """
    values = to_customers(customers, profile.checks)[label.name]
    known = values.notna().to_numpy()
    texts = values.astype("str").str.strip().str.lower()
    churned = texts.isin(["yes", "true", "1", "1.0"]).to_numpy()
    stayed = texts.isin(["no", "false", "0", "0.0"]).to_numpy()
    if (known & ~churned & ~stayed).any():
        odd = int((known & ~churned & ~stayed).sum())
        raise ProfileError(
            f"profile {profile.name}: label {label.name!r} holds something else in {odd} rows; it must be yes/no, 0/1 "
            "or bool"
        )
    return Outcomes(known, churned & known)


def held_out(ids: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """A fifth of the customers, the same ones wherever and whenever they are met."""
    held: NDArray[np.bool_] = fold_of(ids) == 0
    return held


def _nullable(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame in types that can say of a number or boolean that it is not there."""
    kinds = {"i": "Int64", "u": "UInt64", "f": "Float64", "b": "boolean"}
    plain = {name: dtype for name, dtype in frame.dtypes.items() if isinstance(dtype, np.dtype)}
    return frame.astype({name: kinds[dtype.kind] for name, dtype in plain.items() if dtype.kind in kinds})


def _indexed(customers: pa.Table, profile: Profile) -> pd.DataFrame:
    frame = to_customers(customers, profile.checks)
    ids = id_texts(customers.column(profile.id_column)).to_pylist()
    return frame.set_axis(pd.Index(ids, dtype="str", name="customer"), axis="index")
