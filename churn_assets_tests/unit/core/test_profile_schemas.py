"""The columns that follow from a profile."""

import datetime as dt
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pytest

from churn_assets.core.customers.validation import validate
from churn_assets.core.errors import ProfileError
from churn_assets.core.profile_schemas import customers_schema, features_schema, quarantine_schema, raw_schema
from churn_assets.core.table_schemas import FAULT_TYPE, FAULTS, RESCUED, description_of
from churn_assets_tests.factories import MEMBERS, SNAPSHOT, profile_of, raw_of


def _schema_of(kind: Any, **field: Any) -> type[pandera.DataFrameModel]:
    """A schema of an id and one column `cell` of `kind`."""
    body = {"__annotations__": {"customer_id": str, "cell": kind}, "cell": pandera.Field(**field)}
    return type("MadeUp", (pandera.DataFrameModel,), body)


def test_customers_are_stored_in_the_declared_types() -> None:
    """Text and categoricals are strings, times are UTC microseconds, numbers and booleans as they are."""
    schema = customers_schema(MEMBERS)

    assert {field.name: str(field.type) for field in schema} == {
        "customer_id": "string",
        "plan": "string",
        "since": "timestamp[us, tz=UTC]",
        "last_visit": "timestamp[us, tz=UTC]",
        "visits": "int64",
        "spend": "double",
        "active": "bool",
    }


def test_raw_and_quarantine_add_what_was_found() -> None:
    """Raw rows keep their misfits, quarantined rows their faults besides; nothing else differs."""
    customers = customers_schema(MEMBERS)

    raw, quarantine = raw_schema(MEMBERS), quarantine_schema(MEMBERS)

    assert raw.names == [*customers.names, RESCUED]
    assert quarantine.names == [*raw.names, FAULTS]
    assert raw.field(RESCUED).type == pa.string()
    assert quarantine.field(FAULTS).type == FAULT_TYPE
    assert all(description_of(quarantine.field(name)) for name in (RESCUED, FAULTS))


def test_columns_that_hold_no_null_are_declared_so() -> None:
    """A valid row has its key and what the schema demands; raw and quarantined rows may lack any cell."""

    class Careless(pandera.DataFrameModel):
        """A schema whose key may be null."""

        customer_id: str = pandera.Field(nullable=True)
        spend: float

    optional = {field.name for field in customers_schema(MEMBERS) if field.nullable}
    required = [field.name for field in customers_schema(profile_of(Careless)) if not field.nullable]
    as_it_came = [*raw_schema(MEMBERS), *quarantine_schema(MEMBERS)]

    assert optional == {"plan", "last_visit", "spend"}
    assert required == ["customer_id", "spend"]
    assert all(field.nullable for field in as_it_came)


def test_descriptions_come_from_the_profile() -> None:
    """What the author says of a column is shown to analysts; without a description, its title."""
    described = profile_of(_schema_of(float, description="Paid, in €", title="Spend"))
    titled = profile_of(_schema_of(float, title="Spend"))
    bare = profile_of(_schema_of(float))

    texts = [description_of(customers_schema(profile).field("cell")) for profile in (described, titled, bare)]

    assert texts == ["Paid, in €", "Spend", ""]


def test_column_without_type_is_refused() -> None:
    """A column whose type nobody said cannot be stored; the sentence names it."""
    profile = profile_of(_schema_of(Any))

    with pytest.raises(ProfileError, match="column 'cell' is None; annotate it"):
        customers_schema(profile)


SOUND: list[tuple[str, Any, dict[str, Any], Any]] = [
    ("int32", np.int32, {}, 3),
    ("float32", np.float32, {}, 1.5),
    ("Int64", pd.Int64Dtype, {"nullable": True}, None),
    ("boolean", pd.BooleanDtype, {"nullable": True}, None),
    ("string", pd.StringDtype, {"nullable": True}, None),
    ("time", pd.Timestamp, {"nullable": True}, None),
    ("nullable int", int, {"nullable": True}, None),
    ("nullable bool", bool, {"nullable": True}, None),
    ("object", object, {}, "a"),
    ("zoned time", Annotated[pd.DatetimeTZDtype, "us", "UTC"], {}, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
    ("date", dt.date, {}, dt.date(2026, 1, 1)),
]


@pytest.mark.parametrize(("kind", "field", "cell"), [case[1:] for case in SOUND], ids=[case[0] for case in SOUND])
def test_type_is_kept_or_refused_at_once(kind: Any, field: dict[str, Any], cell: Any) -> None:
    """A type that the author may declare holds sound cells, or is refused by name before any row is read."""
    try:
        profile = profile_of(_schema_of(kind, **field))
        customers_schema(profile)
    except ProfileError as error:
        assert "'cell'" in str(error)  # noqa: PT017
        return
    raw = raw_of(profile, {"customer_id": ["a"], "cell": [cell]})

    verdict = validate(raw, profile, SNAPSHOT, pa.nulls(0, pa.int64()))

    assert verdict.quarantined.to_pylist() == []
    assert verdict.valid.num_rows == 1


@pytest.mark.parametrize("name", ["rescued_data", "faults", "snapshot_date"])
def test_reserved_names_are_refused(name: str) -> None:
    """A profile whose column bears a name that the tables need for themselves is refused with that name."""
    body = {"__annotations__": {"customer_id": str, "cell": float, name: str}}
    schema = type("MadeUp", (pandera.DataFrameModel,), body)

    with pytest.raises(ProfileError, match=name):
        quarantine_schema(profile_of(schema))


def test_features_are_doubles_booleans_and_text() -> None:
    """Numbers of every dtype are doubles, so that a first missing value does not change the table."""
    profile = profile_of(
        _schema_of(float), feature_columns=("whole", "nullable", "real", "flag", "maybe", "kind", "sized")
    )
    features = pd.DataFrame(
        {
            "whole": pd.Series([1], dtype="int64"),
            "nullable": pd.array([None], dtype="Int64"),
            "real": pd.Series([1.5], dtype="float32"),
            "flag": [True],
            "maybe": pd.array([None], dtype="boolean"),
            "kind": pd.Categorical(["a"]),
            "sized": pd.Categorical([7]),
            "unused": ["text"],
        }
    )

    schema = features_schema(profile, features)

    assert {field.name: str(field.type) for field in schema} == {
        "customer_id": "string",
        "whole": "double",
        "nullable": "double",
        "real": "double",
        "flag": "bool",
        "maybe": "bool",
        "kind": "string",
        "sized": "string",
    }
    assert [field.name for field in schema if not field.nullable] == ["customer_id"]


@pytest.mark.parametrize(
    "values", [pd.Series(["a"]), pd.Series([pd.Timestamp("2026-01-01")]), pd.Series([pd.Timedelta("1D")])], ids=str
)
def test_other_features_are_refused(values: "pd.Series[Any]") -> None:
    """Text, times and durations are no features; the sentence names the column and its dtype."""
    profile = profile_of(_schema_of(float), feature_columns=("odd",))

    with pytest.raises(ProfileError, match=rf"feature 'odd' is {values.dtype}".replace("[", r"\[")):
        features_schema(profile, pd.DataFrame({"odd": values}))


@pytest.mark.parametrize("kind", ["uint8", "uint64", pd.UInt16Dtype()])
def test_unsigned_numbers_are_refused_at_once(kind: Any) -> None:
    """A table has none: the sentence says what to write instead, and not what the table made of it some night."""

    class Members(pandera.DataFrameModel):
        customer_id: str
        visits: Any = pandera.Field()

    schema = Members.to_schema().update_column("visits", dtype=kind)
    profile = profile_of(Members)
    object.__setattr__(profile, "checks", schema)

    with pytest.raises(ProfileError, match=r"column 'visits' is [uU][iI]nt.*unsigned.*annotate it as int"):
        customers_schema(profile)


@pytest.mark.parametrize(
    ("categories", "field"),
    [([1, 2, 3], {}), ([True, False], {}), (None, {"isin": [1, 2, 3]}), (["a", 1], {}), (["1"], {"notin": [2.5]})],
)
def test_categories_that_are_no_text_are_refused(categories: Any, field: dict[str, Any]) -> None:
    """Categories are stored as text: over numbers every cell would be unknown, and its feature empty."""

    class Members(pandera.DataFrameModel):
        customer_id: str
        plan: pd.CategoricalDtype = pandera.Field(dtype_kwargs={"categories": categories}, **field)

    with pytest.raises(ProfileError, match=r"column 'plan' is a categorical over .*, which is no text"):
        customers_schema(profile_of(Members))
