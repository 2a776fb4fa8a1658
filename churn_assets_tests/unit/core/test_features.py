"""Valid customers into what the model sees, row by row."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.core.arrow.dictionaries import as_stored
from churn_assets.core.errors import ProfileError
from churn_assets.core.features import compute_features, to_model_frame
from churn_assets.core.profile import LabelColumn
from churn_assets_tests.factories import MEMBERS, SNAPSHOT, customers_of, member_columns, profile_of


class Visitors(pandera.DataFrameModel):
    """A labelled export."""

    customer_id: str
    visits: int
    churned: int


def _features(add_features: Callable[..., Any], *columns: str, **changes: Any) -> pa.Table:
    """What `add_features` makes of three visitors with 1, 2 and 3 visits."""
    profile = profile_of(Visitors, add_features=add_features, feature_columns=columns, **changes)
    visitors = customers_of(profile, {"customer_id": ["a", "b", "c"], "visits": [1, 2, 3], "churned": [0, 1, 0]})
    return compute_features(visitors, profile, {}, SNAPSHOT)


def test_features_of_members() -> None:
    """The id comes first, then the feature columns in the profile's order, in the rows' order."""
    customers = customers_of(MEMBERS, member_columns(2, spend=["", "2"]))

    features = compute_features(customers, MEMBERS, {"few_visits": 1}, SNAPSHOT)

    assert features.column_names == ["customer_id", *MEMBERS.feature_columns]
    assert features.to_pylist() == [
        {
            "customer_id": "c00000",
            "plan": "basic",
            "tenure_days": 244.0,
            "visits": 0.0,
            "spend": None,
            "active": True,
            "seldom": True,
        },
        {
            "customer_id": "c00001",
            "plan": "premium",
            "tenure_days": 244.0,
            "visits": 1.0,
            "spend": 2.0,
            "active": True,
            "seldom": False,
        },
    ]


def test_a_feature_may_be_missing_and_an_id_may_not() -> None:
    """The rows say of the id alone that it is always there: they are written with that promise."""
    features = compute_features(customers_of(MEMBERS, member_columns(2)), MEMBERS, {}, SNAPSHOT)

    required = [field.name for field in features.schema if not field.nullable]

    assert required == ["customer_id"]


def test_parameters_change_the_features() -> None:
    """The keyword parameters reach `add_features`."""
    customers = customers_of(MEMBERS, member_columns(7))

    few, many = (compute_features(customers, MEMBERS, {"few_visits": bound}, SNAPSHOT) for bound in (1, 5))

    assert sum(few["seldom"].to_pylist()) == 1
    assert sum(many["seldom"].to_pylist()) == 5


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_any_split_and_order_give_the_same_rows(data: st.DataObject) -> None:
    """Shuffled and cut into batches at any place, customers get the features they get as a whole."""
    rows = data.draw(st.integers(1, 15), "rows")
    cells = {
        "plan": st.sampled_from(["basic", "premium", None]),
        "since": st.dates(dt.date(2020, 1, 1), SNAPSHOT).map(str),
        "spend": st.none() | st.floats(0, 1e6).map(repr),
        "visits": st.integers(0, 2**53).map(str),
        "active": st.sampled_from(["true", "false"]),
    }
    drawn = {name: data.draw(st.lists(each, min_size=rows, max_size=rows), name) for name, each in cells.items()}
    customers = customers_of(MEMBERS, member_columns(rows, **drawn))
    order = data.draw(st.permutations(range(rows)), "order")
    cuts = sorted(data.draw(st.sets(st.integers(1, rows)), "cuts") | {rows})
    whole = compute_features(customers, MEMBERS, {}, SNAPSHOT)

    parts = [
        compute_features(customers.take(order[start:end]), MEMBERS, {}, SNAPSHOT)
        for start, end in zip([0, *cuts[:-1]], cuts, strict=True)
    ]

    stored = as_stored(whole.schema)
    assert pa.concat_tables(parts).cast(stored).equals(whole.take(order).cast(stored))


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows_have_the_schema_of_many(rows: int) -> None:
    """No rows, and one row whose number is missing, give the columns that many rows give."""
    many = compute_features(customers_of(MEMBERS, member_columns(9)), MEMBERS, {}, SNAPSHOT)
    few = customers_of(MEMBERS, member_columns(1, spend=[None], plan=[None])).slice(0, rows)

    features = compute_features(few, MEMBERS, {}, SNAPSHOT)

    assert features.schema.equals(many.schema)
    assert features.num_rows == rows


def test_label_is_not_seen() -> None:
    """The label of a labelled export is taken out before `add_features` looks; other columns stay."""
    seen: list[list[str]] = []

    def look(customers: pd.DataFrame) -> pd.DataFrame:
        seen.append([str(name) for name in customers])
        return customers

    _features(look, "visits", label=LabelColumn("churned"))

    assert seen == [["customer_id", "visits", "snapshot_date"]]


def test_snapshot_date_is_seen() -> None:
    """`add_features` knows the day the customers stand for, and no other."""
    features = _features(lambda each: each.assign(day=each["snapshot_date"].dt.day), "day")

    assert features["day"].to_pylist() == [31.0] * 3


def test_id_is_the_customer_s_own() -> None:
    """The id stands beside the features as it was, whatever `add_features` does to it."""
    features = _features(lambda each: each.assign(customer_id="z"), "visits")

    assert features["customer_id"].to_pylist() == ["a", "b", "c"]


def test_features_of_every_kind_are_stored() -> None:
    """Nullable numbers and booleans, NaN, and categoricals of text and numbers are stored by value, gaps as null."""
    features = _features(
        lambda each: each.assign(
            number=pd.array([1, None, 3], dtype="Int64"),
            real=[1.5, np.nan, 2.5],
            flag=pd.array([True, None, False], dtype="boolean"),
            kind=pd.Categorical(["x", None, "y"], categories=["y", "x"]),
            size=each["visits"].astype("category"),
        ),
        *("number", "real", "flag", "kind", "size"),
    )

    assert features.drop_columns(["customer_id"]).to_pydict() == {
        "number": [1.0, None, 3.0],
        "real": [1.5, None, 2.5],
        "flag": [True, None, False],
        "kind": ["x", None, "y"],
        "size": ["1", "2", "3"],
    }


@pytest.mark.parametrize(
    ("add_features", "sentence"),
    [
        (lambda each: each[["nowhere"]], "add_features failed on customers of 2026-01-31 .*KeyError.*nowhere"),
        (lambda each: each.head(1), "add_features must give the same rows in the same order"),
        (lambda each: each.iloc[::-1], "add_features must give the same rows in the same order"),
        (lambda each: each.drop(columns="visits"), "add_features gives no column visits"),
        (lambda each: each.assign(visits="many"), "feature 'visits' is str"),
        (lambda each: each.assign(visits=each["snapshot_date"]), "feature 'visits' is datetime64"),
        (lambda _: None, "add_features"),
        (lambda each: each["visits"].to_numpy(), "add_features"),
        (lambda each: pd.concat([each, each], axis="columns"), "add_features"),
    ],
    ids=["raises", "loses", "reorders", "lacks", "text", "time", "nothing", "array", "twice"],
)
def test_unusable_features_are_told_in_a_sentence(add_features: Callable[..., Any], sentence: str) -> None:
    """Whatever a profile's function gives that is no frame of the same rows is the profile's fault, by name."""
    with pytest.raises(ProfileError, match=f"^profile.*{sentence}"):
        _features(add_features, "visits")


def test_model_frame_is_doubles_and_categoricals() -> None:
    """A model is given doubles, booleans among them with NaN for a gap, and categoricals; in the order asked for."""
    features = pa.table(
        {
            "customer_id": ["a", "b"],
            "flag": pa.array([True, None]),
            "kind": pa.array(["x", None]),
            "real": pa.array([None, 1.5]),
        }
    )

    frame = to_model_frame(features, ("real", "kind", "flag"))

    assert list(frame) == ["real", "kind", "flag"]
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "real": "float64",
        "kind": "category",
        "flag": "float64",
    }
    np.testing.assert_array_equal(frame["real"].to_numpy(), [np.nan, 1.5])
    np.testing.assert_array_equal(frame["flag"].to_numpy(), [1.0, np.nan])
    assert frame["kind"].isna().tolist() == [False, True]


def test_model_frame_maps_categories_by_value() -> None:
    """The order of Arrow's dictionary makes no difference to what a model is given."""
    one = pa.table({"kind": pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["b", "a"]))})
    other = pa.table({"kind": pa.DictionaryArray.from_arrays(pa.array([1, 0, None]), pa.array(["a", "b"]))})
    plain = pa.table({"kind": ["b", "a", None]})

    frames = [to_model_frame(features, ("kind",)) for features in (one, other, plain)]

    pd.testing.assert_frame_equal(frames[0], frames[1])
    pd.testing.assert_frame_equal(frames[0], frames[2])


@st.composite
def _any_columns(draw: st.DrawFn) -> "pd.Series[Any]":
    """A column of any dtype that a feature may have."""
    reals = st.sampled_from([0.0, -0.0, np.nan, 5e-324]) | st.floats(width=32, allow_infinity=False)
    numbers = draw(st.lists(reals, max_size=12))
    wholes = [draw(st.none() | st.integers(-(2**53) - 3, 2**53 + 3)) for _ in numbers]
    words = [draw(st.none() | st.integers(0, 5)) for _ in numbers]
    labels = [*"fdbace"] if draw(st.booleans()) else list(range(6))
    chosen = [None if each is None else labels[each] for each in words]
    columns = {
        "float64": pd.Series(numbers, dtype="float64"),
        "float32": pd.Series(numbers, dtype="float32"),
        "strided": pd.Series(np.array([numbers, numbers]).T[:, 1], dtype="float64"),
        "backwards": pd.Series(numbers[::-1], dtype="float64")[::-1],
        "Float64": pd.Series(numbers, dtype="float64").astype("Float64"),
        "Int64": pd.Series(wholes, dtype="Int64"),
        "int64": pd.Series([each or 0 for each in wholes], dtype="int64"),
        "uint8": pd.Series([each or 0 for each in words], dtype="uint8"),
        "bool": pd.Series([bool(each) for each in words], dtype="bool"),
        "boolean": pd.Series([None if each is None else each > 2 for each in words], dtype="boolean"),
        "arrow": pd.Series(numbers, dtype=pd.ArrowDtype(pa.float64())),
        "category": pd.Series(pd.Categorical(chosen, categories=labels)),
        "ordered": pd.Series(pd.Categorical(chosen, categories=labels[::-1], ordered=True)),
        "met": pd.Series(chosen, dtype=object).astype("category"),
    }
    return columns[draw(st.sampled_from(sorted(columns)))]


def _by_arrow(series: "pd.Series[Any]") -> pa.Array:
    """The column as Arrow converts it, which looks for a gap at every value."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        given = pa.array(series, from_pandas=True)
        return pa.DictionaryArray.from_arrays(given.indices.cast(pa.int32()), given.dictionary.cast(pa.string()))
    if series.dtype in ("bool", "boolean"):
        return pa.array(series, pa.bool_(), from_pandas=True)
    return pa.array(series.astype("float64"), pa.float64(), from_pandas=True)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(series=_any_columns())
def test_any_column_becomes_what_arrow_makes_of_it(series: "pd.Series[Any]") -> None:
    """To the bit: signed zeros, gaps and NaN, whole numbers beyond 2^53, categories in their order."""
    profile = profile_of(Visitors, add_features=lambda each: each.assign(it=series), feature_columns=("it",))
    series = series.reset_index(drop=True)
    rows = {"customer_id": [f"c{row:02d}" for row in range(len(series))], "visits": [1] * len(series)}
    visitors = customers_of(profile, rows | {"churned": [0] * len(series)})
    wanted = _by_arrow(series)

    made = compute_features(visitors, profile, {}, SNAPSHOT).column("it").combine_chunks()

    made.validate(full=True)
    assert made.type == wanted.type
    assert made.is_null().equals(wanted.is_null())
    if pa.types.is_floating(made.type):
        assert made.drop_null().to_numpy().tobytes() == wanted.drop_null().to_numpy().tobytes()
    elif pa.types.is_dictionary(made.type):
        assert made.dictionary.equals(wanted.dictionary)
        assert made.indices.equals(wanted.indices)
    else:
        assert made.equals(wanted)


@pytest.mark.fault("an infinity among the features")
@pytest.mark.parametrize("cells", [[1.0, float("inf"), None], [float("-inf"), 2.0, 3.0], [float("inf")] * 3])
def test_an_infinity_is_refused_by_name_and_number(cells: list[float | None]) -> None:
    """A division by a tenure of nothing is told, whichever estimator would take it; a missing value is none."""
    profile = profile_of(
        MEMBERS.schema,
        add_features=lambda members: members.assign(rate=pd.Series(cells, index=members.index, dtype="float64")),
        feature_columns=("rate",),
        label=MEMBERS.label,
    )

    with pytest.raises(ProfileError, match=r"feature rate an infinity for [123] of 3 customers of 2026-01-31"):
        compute_features(customers_of(profile, member_columns(3)), profile, {}, SNAPSHOT)


def _written_in_place(customers: pd.DataFrame) -> pd.DataFrame:
    customers.loc[customers.index[1], "visits"] = 70
    customers["visits"] += 1
    customers.at[0, "visits"] = -1  # noqa: PD008  # as somebody may well write it
    return customers


def test_add_features_may_write_to_what_it_is_given() -> None:
    """Its frame lies in the memory of the stored rows, which stay what they are."""
    profile = profile_of(Visitors, add_features=_written_in_place, feature_columns=("visits",))
    visitors = customers_of(profile, {"customer_id": ["a", "b", "c"], "visits": [1, 2, 3], "churned": [0, 1, 0]})

    features = compute_features(visitors, profile, {}, SNAPSHOT)

    assert features.column("visits").to_pylist() == [-1.0, 71.0, 4.0]
    assert visitors.column("visits").to_pylist() == [1, 2, 3]
