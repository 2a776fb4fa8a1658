"""The columns that follow from a profile: those of customers, quarantine and features."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

from churn_assets.core.errors import ProfileError
from churn_assets.core.profile import Profile
from churn_assets.core.table_schemas import FAULT_TYPE, FAULTS, RESCUED, UTC_TIMESTAMP, described, description_of

__all__ = [
    "categorical_columns",
    "customers_schema",
    "described_features",
    "features_schema",
    "quarantine_schema",
    "raw_schema",
]

MADE = "Made by the profile's add_features"


@cache
def raw_schema(profile: Profile) -> pa.Schema:
    """Columns of `raw_customers`: the profile's, in its types, and the cells that did not fit them."""
    rescued = described(RESCUED, pa.string(), "JSON of the cells that do not fit their column's type, as they came")
    return pa.schema([*(each.with_nullable(nullable=True) for each in customers_schema(profile)), rescued])


@cache
def customers_schema(profile: Profile) -> pa.Schema:
    """Columns of `customers`: what the profile's schema declares; a valid row has its key whatever that says."""
    fields = [
        described(
            name,
            _storage_type(name, column),
            column.description or column.title or "",
            nullable=column.nullable and name != profile.id_column,
        )
        for name, column in profile.checks.columns.items()
    ]
    schema = pa.schema(fields)
    key = schema.field(profile.id_column).type
    if not (pa.types.is_string(key) or pa.types.is_integer(key)):
        raise ProfileError(f"profile: the key {profile.id_column!r} is {key}; a key is text or a whole number")
    return schema


@cache
def quarantine_schema(profile: Profile) -> pa.Schema:
    """Columns of `quarantined_customers`: the raw row and every fault that was found in it."""
    return raw_schema(profile).append(described(FAULTS, FAULT_TYPE, "Each fault: column, check and value"))


@cache
def categorical_columns(profile: Profile) -> tuple[str, ...]:
    """The columns that the profile's schema declares as categoricals."""
    declared = ((name, getattr(column.dtype, "type", None)) for name, column in profile.checks.columns.items())
    return tuple(name for name, dtype in declared if isinstance(dtype, pd.CategoricalDtype))


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
        elif is_numeric_dtype(dtype) and not is_complex_dtype(dtype):
            kind = pa.float64()
        else:
            raise ProfileError(
                f"profile: feature {name!r} is {dtype}; add_features must give numbers, booleans or pandas categoricals"
            )
        fields.append(pa.field(name, kind))
    return pa.schema(fields)


def described_features(profile: Profile, schema: pa.Schema) -> pa.Schema:
    """Columns of `customer_features`, or of what a model sees, with what the profile's schema says of each.

    Only what is shown has descriptions: in the files they would be bytes, and so another version.
    """
    columns = customers_schema(profile)
    return pa.schema(
        [
            described(field.name, field.type, description_of(columns.field(field.name)))
            if field.name in columns.names
            else described(field.name, field.type, MADE)
            for field in schema
        ]
    )


def _check_categories(name: str, declared: pd.CategoricalDtype, column: Any) -> None:
    """Categories are stored, and compared, as text.

    Raises:
        ProfileError: they, or what a check allows, are something else: every cell would be unknown.
    """
    allowed = [value for check in column.checks for value in _listed(check)]
    categories = () if declared.categories is None else declared.categories
    if odd := [value for value in (*categories, *allowed) if not isinstance(value, str)]:
        raise ProfileError(
            f"profile: column {name!r} is a categorical over {odd[0]!r}, which is no text: write its categories, and "
            f"what isin allows, as text such as {str(odd[0])!r}"
        )


def _listed(check: Any) -> tuple[Any, ...]:
    statistics = check.statistics or {}
    return tuple(statistics.get("allowed_values", ())) + tuple(statistics.get("forbidden_values", ()))


def _storage_type(name: str, column: Any) -> pa.DataType:
    """The Arrow type in which a column of a pandera schema is stored.

    Raises:
        ProfileError: the column's type is none of those that a table can hold exactly.
    """
    declared = getattr(column.dtype, "type", None)
    if isinstance(declared, pd.CategoricalDtype):
        _check_categories(name, declared, column)
        return pa.string()
    dtype = pd.Series([], dtype=declared).dtype if declared is not None else np.dtype(object)
    if isinstance(dtype, np.dtype) and dtype.kind in "iub" and column.nullable:
        raise ProfileError(
            f"profile: column {name!r} is nullable, which {dtype} cannot be; "
            "annotate it as pd.Int64Dtype or pd.BooleanDtype"
        )
    if dtype.kind == "u":
        raise ProfileError(
            f"profile: column {name!r} is {dtype}, and a table has no unsigned numbers: annotate it as int or "
            "pd.Int64Dtype, with Field(ge=0)"
        )
    if dtype.kind not in "ifbMO" or (dtype.kind == "O" and not isinstance(dtype, pd.StringDtype)):
        dtype = None
    if dtype is None or isinstance(dtype, pd.DatetimeTZDtype):
        raise ProfileError(
            f"profile: column {name!r} is {column.dtype}; annotate it as str, pd.CategoricalDtype, int, float, bool, "
            "a nullable pandas type, or pd.Timestamp without a zone"
        )
    if isinstance(dtype, pd.StringDtype):
        return pa.string()
    return UTC_TIMESTAMP if dtype.kind == "M" else pa.array(pd.Series([], dtype=dtype), from_pandas=True).type
