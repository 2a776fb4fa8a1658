"""Between Arrow tables and pandas frames."""

import datetime as dt

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pytest

from churn_assets.core.arrow.conversion import (
    all_finite,
    column_to_pandas,
    id_texts,
    rows_of,
    rows_where,
    to_customers,
    with_snapshot_date,
)
from churn_assets_tests.factories import MEMBERS, SNAPSHOT, customers_of, member_columns


def test_frame_has_the_declared_dtypes() -> None:
    """A table becomes the frame that its schema describes: plain pandas dtypes, times in microseconds."""
    customers = customers_of(MEMBERS, member_columns(4))

    frame = to_customers(customers, MEMBERS.checks)

    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "customer_id": "str",
        "plan": "category",
        "since": "datetime64[us]",
        "last_visit": "datetime64[us]",
        "visits": "int64",
        "spend": "float64",
        "active": "bool",
    }
    assert MEMBERS.checks.validate(frame, lazy=True).equals(frame)


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows_have_the_dtypes_of_many(rows: int) -> None:
    """An empty table and a single row give the dtypes that many rows give."""
    many = to_customers(customers_of(MEMBERS, member_columns(9)), MEMBERS.checks)

    few = to_customers(customers_of(MEMBERS, member_columns(9)).slice(0, rows), MEMBERS.checks)

    assert len(few) == rows
    assert {name: str(kind) for name, kind in few.dtypes.items()} == {
        name: str(kind) for name, kind in many.dtypes.items()
    }


def test_categoricals_are_mapped_by_value() -> None:
    """Chunks whose dictionaries are in another order give each row its own value."""
    one = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", "b"]))
    other = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["b", "c"]))
    declared = pandera.Column(pd.CategoricalDtype()).dtype

    series = column_to_pandas(pa.chunked_array([one, other]), declared)

    assert series.astype(object).where(series.notna(), None).tolist() == ["a", "b", "b", "c", None]


def test_declared_categories_are_kept_in_order() -> None:
    """Where the schema lists categories, the frame has exactly those; another value is missing."""
    declared = pandera.Column(pd.CategoricalDtype(["low", "high"], ordered=True)).dtype

    series = column_to_pandas(pa.chunked_array([["high", "odd", "low"]]), declared)

    assert series.dtype == pd.CategoricalDtype(["low", "high"], ordered=True)
    assert series.isna().tolist() == [False, True, False]
    assert series.cat.codes.tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        (pd.Int64Dtype(), [2**53 + 1, None]),
        (pd.Int32Dtype(), [3, None]),
        (pd.BooleanDtype(), [True, None]),
        (pd.Float64Dtype(), [1.5, None]),
    ],
    ids=str,
)
def test_nullable_dtypes_hold_null_and_lose_nothing(declared: object, values: list[object]) -> None:
    """Columns of nullable dtypes keep their values exactly, beyond 2^53 as well, and their nulls."""
    series = column_to_pandas(pa.chunked_array([values]), pandera.Column(declared).dtype)

    assert series.dtype == declared
    assert series.iloc[0] == values[0]
    assert series.isna().tolist() == [False, True]


def test_snapshot_date_is_a_datetime_column() -> None:
    """`add_features` gets the day the customers stand for beside them, in the dtype of their own dates."""
    frame = to_customers(customers_of(MEMBERS, member_columns(2)), MEMBERS.checks)

    dated = with_snapshot_date(frame, SNAPSHOT)

    assert dated["snapshot_date"].dtype == dated["since"].dtype
    assert dated["snapshot_date"].tolist() == [pd.Timestamp(SNAPSHOT)] * 2
    assert "snapshot_date" not in frame


@pytest.mark.parametrize(
    ("ids", "texts"),
    [([7, 10], ["7", "10"]), (["7", "a"], ["7", "a"]), ([dt.date(2026, 1, 31)], ["2026-01-31"])],
    ids=["int", "text", "date"],
)
def test_ids_of_any_type_are_text(ids: list[object], texts: list[str]) -> None:
    """The text by which every table is sorted is the plain text of the id."""
    assert id_texts(pa.array(ids)).to_pylist() == texts


def test_rows_are_found_by_their_customer() -> None:
    """Rows come in the order that was asked for; who has none is told."""
    table = pa.table({"customer_id": ["a", "b", "d"], "number": [1, 2, 4]})

    found, rows = rows_of(pa.chunked_array([["d", "c"], ["a"]]), table)

    assert found.tolist() == [True, False, True]
    assert rows.column("number").to_pylist() == [4, 1]


@pytest.mark.parametrize(
    "left_out", [[], [0], [999], [0, 1, 500], [998, 999], list(range(0, 1000, 3)), list(range(1000))]
)
@pytest.mark.parametrize("chunks", [1, 2])
def test_kept_rows_are_those_of_a_filter(left_out: list[int], chunks: int) -> None:
    """Whichever rows are left out, few, many, at the ends or all, the others stay as they are, nulls and texts too."""
    texts = pa.array([None if row % 7 == 0 else f"é{row}" for row in range(1000)])
    numbers = pa.array([None if row % 5 == 0 else row for row in range(1000)])
    whole = pa.table({"text": texts, "number": numbers, "row": np.arange(1000), "flag": [True, False] * 500})
    table = pa.concat_tables([whole.slice(0, 300), whole.slice(300)]) if chunks == 2 else whole
    kept = np.ones(1000, dtype=bool)
    kept[left_out] = False

    rows = rows_where(table, kept)

    rows.validate(full=True)
    assert rows.equals(whole.filter(pa.array(kept)))


@pytest.mark.parametrize(
    ("cells", "finite"),
    [
        ([], True),
        ([None], True),
        ([1.0, -1e308], True),
        ([1.0, None], True),
        ([float("inf"), 1.0], False),
        ([1.0, float("-inf")], False),
        ([1.0, float("nan"), 2.0], False),
        ([None, float("inf")], False),
        ([float("nan"), None], False),
    ],
)
def test_infinities_and_nan_are_not_finite(cells: list[float | None], finite: bool) -> None:  # noqa: FBT001
    """One infinity or NaN is told among whatever stands beside it; a null is neither."""
    answer = all_finite(pa.chunked_array([pa.array(cells, pa.float64())]))

    assert answer is finite
