"""What became of the customers of a day: the only place where a later snapshot is looked at."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype

from churn_assets.core.arrow.conversion import column_to_pandas, id_texts, to_customers, with_snapshot_date
from churn_assets.core.errors import ProfileError
from churn_assets.core.failures import without_words
from churn_assets.core.models.cross_fitting import fold_of
from churn_assets.core.profile import LabelColumn, LabelRule, Profile

__all__ = ["Outcomes", "churned_by", "held_out", "label_from_column", "label_from_later"]


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
    ids, there, aside = (
        _flat(id_texts(each))
        for each in (then.column(profile.id_column), later.column(profile.id_column), quarantined_later)
    )
    places = pc.index_in(ids, value_set=there)
    known = ~pc.is_in(ids, value_set=aside).to_numpy(zero_copy_only=False)
    churned = churned_by(profile, rule, day, then, later, pc.fill_null(places, -1).to_numpy().astype(np.int64))
    return Outcomes(known, churned)


def churned_by(
    profile: Profile, rule: LabelRule, day: dt.date, then: pa.Table, later: pa.Table, places: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """What the rule says of the customers `then` (n), who stand at `places` (n) among those `later`, -1 for the gone.

    Raises:
        ProfileError: it fails, or does not answer for each.
    """
    frame = with_snapshot_date(_indexed(then, profile), day)
    later_day = day + dt.timedelta(days=rule.horizon_days)
    there = np.flatnonzero(places >= 0)
    met = with_snapshot_date(to_customers(later.take(pa.array(places[there])), profile.checks), later_day)
    after = _nullable(met).set_axis(pd.Index(there), axis="index").reindex(pd.RangeIndex(len(frame)))
    try:
        churned = rule.churned(frame, after.set_axis(frame.index, axis="index"))
    except Exception as error:
        raise ProfileError(
            f"profile {profile.name}: the label's `churned` failed on {day} ({without_words(error)})"
        ) from error
    answers = isinstance(churned, pd.Series) and is_bool_dtype(churned.dtype) and not churned.isna().any()
    if not answers or not churned.index.equals(frame.index):
        raise ProfileError(f"profile {profile.name}: the label's `churned` must say True or False for every row")
    return churned.to_numpy(dtype=bool)


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


def _flat(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    return ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids


def _nullable(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame in types that can say of a number or boolean that it is not there."""
    kinds = {"i": "Int64", "u": "UInt64", "f": "Float64", "b": "boolean"}
    plain = {name: dtype for name, dtype in frame.dtypes.items() if isinstance(dtype, np.dtype)}
    return frame.astype({name: kinds[dtype.kind] for name, dtype in plain.items() if dtype.kind in kinds})


def _indexed(customers: pa.Table, profile: Profile) -> pd.DataFrame:
    frame = to_customers(customers, profile.checks)
    ids = column_to_pandas(id_texts(customers.column(profile.id_column)), pd.StringDtype(na_value=float("nan")))
    return frame.set_axis(pd.Index(ids, dtype="str", name="customer"), axis="index")
