"""The columns that follow from a profile: those of customers, quarantine and features."""

from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
from pandas.api.types import is_bool_dtype

from churn_assets.core.columns import FAULT_TYPE, FAULTS, RESCUED, UTC_TIMESTAMP, described
from churn_assets.core.errors import ProfileError
from churn_assets.core.profile import Profile

__all__ = ["customers_schema", "features_schema", "quarantine_schema", "raw_schema"]


@cache
def raw_schema(profile: Profile) -> pa.Schema:
    """Columns of `raw_customers`: the profile's, in its types, and the cells that did not fit them."""
    rescued = described(RESCUED, pa.string(), "JSON of the cells that do not fit their column's type, as they came")
    return customers_schema(profile).append(rescued)


@cache
def customers_schema(profile: Profile) -> pa.Schema:
    """Columns of `customers`: what the profile's schema declares."""
    fields = [
        described(name, _storage_type(name, column.dtype), column.description or column.title or "")
        for name, column in profile.checks.columns.items()
    ]
    return pa.schema(fields)


@cache
def quarantine_schema(profile: Profile) -> pa.Schema:
    """Columns of `quarantined_customers`: the raw row and every fault that was found in it."""
    return raw_schema(profile).append(described(FAULTS, FAULT_TYPE, "Each fault: column, check and value"))


def features_schema(profile: Profile, features: pd.DataFrame) -> pa.Schema:
    """Columns of `customer_features`: the id, then what the model sees.

    Numbers are doubles whatever their dtype, so that an integer column that meets its first
    missing value does not change the table.
    """
    fields = [customers_schema(profile).field(profile.id_column)]
    for name in profile.feature_columns:
        dtype = features[name].dtype
        if isinstance(dtype, pd.CategoricalDtype):
            kind = pa.string()
        elif is_bool_dtype(dtype):
            kind = pa.bool_()
        elif pd.api.types.is_numeric_dtype(dtype):
            kind = pa.float64()
        else:
            raise ProfileError(
                f"profile: feature {name!r} is {dtype}; add_features must give numbers, booleans or pandas categoricals"
            )
        fields.append(pa.field(name, kind))
    return pa.schema(fields)


def _storage_type(name: str, dtype: Any) -> pa.DataType:
    """The Arrow type in which a column of a pandera dtype is stored."""
    pandas_dtype = getattr(dtype, "type", None)
    if dtype is None or pandas_dtype is None:
        raise ProfileError(f"profile: column {name!r} has no type; annotate it in the schema")
    if isinstance(pandas_dtype, pd.CategoricalDtype):
        return pa.string()
    try:
        kind = pa.array(pd.Series([], dtype=pandas_dtype), from_pandas=True).type
    except (TypeError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ProfileError(f"profile: column {name!r}: {dtype} cannot be stored ({error})") from error
    if pa.types.is_timestamp(kind):
        return UTC_TIMESTAMP
    if pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return pa.string()
    return kind
