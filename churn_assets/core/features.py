"""Valid customers into what the model sees: the one caller of a profile's `add_features`."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pandas.api.types import is_float_dtype

from churn_assets.core.arrow.conversion import view_of_customers, with_snapshot_date
from churn_assets.core.arrow.dictionaries import as_coded
from churn_assets.core.errors import ProfileError
from churn_assets.core.failures import without_words
from churn_assets.core.profile import Profile
from churn_assets.core.profile_schemas import features_schema

__all__ = ["compute_features", "shown_customers", "to_model_frame"]


def compute_features(customers: pa.Table, profile: Profile, parameters: Mapping[str, Any], day: dt.date) -> pa.Table:
    """Rows of `customer_features` for rows of `customers`, in their order; categoricals come dictionary-encoded.

    Raises:
        ProfileError: `add_features` fails, loses rows, or lacks one of the feature columns.
    """
    frame = shown_customers(customers, profile, day)
    try:
        features = profile.add_features(frame.copy(deep=False), **parameters)
    except Exception as error:
        raise ProfileError(
            f"profile {profile.name}: add_features failed on customers of {day} ({without_words(error)})"
        ) from error
    if not isinstance(features, pd.DataFrame) or not features.columns.is_unique:
        raise ProfileError(
            f"profile {profile.name}: add_features must give a DataFrame whose columns have unique names"
        )
    if not features.index.equals(frame.index):
        raise ProfileError(f"profile {profile.name}: add_features must give the same rows in the same order")
    if missing := [name for name in profile.feature_columns if name not in features]:
        raise ProfileError(f"profile {profile.name}: add_features gives no column {', '.join(missing)}")
    schema = features_schema(profile, features)
    _refuse_infinities(features, profile, day)
    columns = [customers.column(profile.id_column)]
    columns += [_to_arrow(features[field.name], field.type) for field in list(schema)[1:]]
    rows = pa.Table.from_arrays(columns, names=schema.names)
    return rows.cast(as_coded(schema, rows.schema))


def _refuse_infinities(features: pd.DataFrame, profile: Profile, day: dt.date) -> None:
    """An infinity is a slip of the feature code, which some estimators take and others do not.

    Raises:
        ProfileError: naming the feature, and how many customers have one.
    """
    for name in profile.feature_columns:
        values = features[name]
        if not is_float_dtype(values.dtype):
            continue
        cells = values.to_numpy(dtype="float64", na_value=np.nan)
        if len(cells) and not np.isfinite([cells.min(), cells.max()]).all() and (count := int(np.isinf(cells).sum())):
            raise ProfileError(
                f"profile {profile.name}: add_features gives feature {name} an infinity for {count} of {len(cells)} "
                f"customers of {day} looked at: is something divided by zero? give a missing value there, or a bound"
            )


def shown_customers(customers: pa.Table, profile: Profile, day: dt.date) -> pd.DataFrame:
    """What a profile's own code is shown of `customers`: their columns and `snapshot_date`, never the label.

    It is given a shallow copy of this frame, which it may write to: this one lies in Arrow's memory.

    Raises:
        ProfileError: they lack a column of the profile.
    """
    if missing := [name for name in profile.checks.columns if name not in customers.column_names]:
        raise ProfileError(
            f"customers of {day} lack {', '.join(missing)}, which profile {profile.name} has gained since they were "
            f"validated: `churn-assets run --date {day}` makes them again"
        )
    frame = with_snapshot_date(view_of_customers(customers, profile.checks), day)
    hidden = profile.label.column
    return frame if hidden is None else frame.drop(columns=hidden)


def to_model_frame(features: pa.Table, columns: tuple[str, ...]) -> pd.DataFrame:
    """What a model is given: doubles, and categoricals from Arrow dictionaries (mapped by value)."""
    return pd.DataFrame({name: _for_model(features.column(name)) for name in columns}, columns=list(columns))


def _to_arrow(series: "pd.Series[Any]", kind: pa.DataType) -> pa.Array:
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _dictionary(series)
    if pa.types.is_floating(kind):
        return _doubles(series.astype("float64").to_numpy())
    return pa.array(series, kind, from_pandas=True)


def _doubles(values: NDArray[np.floating[Any]]) -> pa.DoubleArray:
    """The numbers as they lie in memory, null where they are NaN: Arrow's own search for gaps takes far longer."""
    has_gaps = len(values) and np.isnan(values.min())  # the least of numbers among which is NaN is NaN
    return pa.array(values, mask=np.isnan(values) if has_gaps else None)


def _dictionary(series: "pd.Series[Any]") -> pa.DictionaryArray:
    """A categorical as an Arrow dictionary of text, whatever its categories are."""
    words = pa.array(series[:0], from_pandas=True).dictionary.cast(pa.string())
    codes = series.cat.codes.to_numpy().astype(np.int32)
    gaps = codes < 0 if len(codes) and codes.min() < 0 else None
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=gaps), words, safe=False)  # codes are within bounds


def _for_model(values: pa.ChunkedArray) -> "pd.Series[Any]":
    if pa.types.is_string(values.type) or pa.types.is_dictionary(values.type):
        text = values.dictionary_encode() if pa.types.is_string(values.type) else values
        categorical: pd.Series[Any] = text.unify_dictionaries().to_pandas()
        return categorical.cat.set_categories(sorted(categorical.cat.categories))
    number: pd.Series[Any] = values.cast(pa.float64()).to_pandas()
    return number
