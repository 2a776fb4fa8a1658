"""What became of the customers of a day."""

from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pytest

from churn_assets.core.errors import ProfileError
from churn_assets.core.profile import LabelColumn, LabelRule, Profile
from churn_assets.core.training.labels import Outcomes, held_out, label_from_column, label_from_later
from churn_assets_tests.factories import MEMBERS, SNAPSHOT, customers_of, member_columns, member_has_gone, profile_of

THEN = ["a", "b", "c", "d"]


def _outcomes(churned: Any, *, later: dict[str, list[Any]] | None = None, aside: list[str] | None = None) -> Outcomes:
    """Outcomes of members a, b, c and d, by the later members b, d and e."""
    rule = LabelRule(horizon_days=30, churned=churned)
    then = customers_of(MEMBERS, member_columns(4, customer_id=THEN))
    after = customers_of(MEMBERS, member_columns(3, **({"customer_id": ["b", "d", "e"]} | (later or {}))))
    return label_from_later(MEMBERS, rule, SNAPSHOT, then, after, pa.array(aside or [], pa.string()))


def test_who_is_gone_has_churned() -> None:
    """Customers who are absent later have churned, those who are there have not, newcomers do not count."""
    outcomes = _outcomes(member_has_gone)

    assert outcomes.churned.tolist() == [True, False, True, False]
    assert outcomes.known.tolist() == [True] * 4
    assert outcomes.left_out == 0


def test_who_is_quarantined_later_is_left_out_and_counted() -> None:
    """A customer who is quarantined on the later day is neither gone nor known; other ids there do not matter."""
    outcomes = _outcomes(member_has_gone, aside=["c", "z"])

    assert outcomes.known.tolist() == [True, True, False, True]
    assert outcomes.left_out == 1
    assert outcomes.churned[outcomes.known].tolist() == [True, False, False]


def test_rule_sees_both_days_of_the_same_customers() -> None:
    """`later` has `then`'s index, all null for those who are gone, and each frame its own snapshot date."""
    seen: list[tuple[pd.DataFrame, pd.DataFrame]] = []

    def look(then: pd.DataFrame, later: pd.DataFrame) -> "pd.Series[bool]":
        seen.append((then, later))
        return member_has_gone(then, later)

    _outcomes(look, later={"visits": ["5", "6", "7"]})

    ((then, later),) = seen
    assert later.index.equals(then.index)
    assert later["visits"].tolist() == [pd.NA, 5, pd.NA, 6]
    assert later.loc[["a", "c"]].isna().all(axis=None)
    assert then["snapshot_date"].unique().tolist() == [pd.Timestamp("2026-01-31")]
    assert later["snapshot_date"].dropna().unique().tolist() == [pd.Timestamp("2026-03-02")]


@pytest.mark.parametrize("spend", [["1", "2", "3"], ["1.5", "2", "3"], [None, None, None]], ids=str)
def test_later_is_of_nullable_types_whatever_its_values(spend: list[str | None]) -> None:
    """The nullable types of `later` follow from the schema: a rule that works today works tomorrow."""
    types: list[dict[str, str]] = []

    def look(then: pd.DataFrame, later: pd.DataFrame) -> "pd.Series[bool]":
        types.append({str(name): str(dtype) for name, dtype in later.dtypes.items()})
        return member_has_gone(then, later)

    _outcomes(look, later={"spend": spend})

    assert types[0] | {"plan": "", "customer_id": "", "snapshot_date": ""} == {
        "customer_id": "",
        "plan": "",
        "since": "datetime64[us]",
        "last_visit": "datetime64[us]",
        "visits": "Int64",
        "spend": "Float64",
        "active": "boolean",
        "snapshot_date": "",
    }


def test_order_of_the_later_day_does_not_matter() -> None:
    """Customers are matched by their id, not by their place."""
    outcomes = _outcomes(
        lambda _, later: later["visits"].fillna(0) > 5,
        later={"customer_id": ["e", "d", "b"], "visits": ["9", "6", "1"]},
    )

    assert outcomes.churned.tolist() == [False, False, False, True]


def _raises(then: pd.DataFrame, _: pd.DataFrame) -> "pd.Series[bool]":
    return then["nowhere"].isna()


@pytest.mark.parametrize(
    "churned",
    [
        lambda _, later: later["visits"] > 5,
        lambda then, later: member_has_gone(then, later).head(1),
        lambda then, later: member_has_gone(then, later).reset_index(drop=True),
        lambda then, later: member_has_gone(then, later).to_numpy(),
        lambda *_: None,
        lambda then, _: pd.Series("no", index=then.index),
        _raises,
    ],
    ids=["unsure", "some", "other-index", "array", "nothing", "text", "raises"],
)
def test_rule_without_an_answer_for_each_is_refused(churned: Any) -> None:
    """A rule that fails, or does not say True or False of every customer, is told in a sentence."""
    with pytest.raises(ProfileError, match=r"^profile members: .*churned"):
        _outcomes(churned)


def test_numeric_ids_are_matched() -> None:
    """Ids that are numbers are matched with those quarantined, which are told as numbers too."""

    class Numbered(pandera.DataFrameModel):
        """A schema whose key is a number."""

        customer_id: int
        visits: int

    rule = LabelRule(30, lambda _, later: later["visits"].isna())
    profile = profile_of(Numbered, label=rule)
    then = customers_of(profile, {"customer_id": [1, 2, 10], "visits": [1, 1, 1]})
    later = customers_of(profile, {"customer_id": [10], "visits": [1]})

    outcomes = label_from_later(profile, rule, SNAPSHOT, then, later, pa.array([2]))

    assert outcomes.known.tolist() == [True, False, True]
    assert outcomes.churned[outcomes.known].tolist() == [True, False]


def _labelled(kind: Any, values: list[Any], *, nullable: bool = False) -> Outcomes:
    body = {
        "__annotations__": {"customer_id": str, "left": kind, "visits": int},
        "left": pandera.Field(nullable=nullable),
    }
    label = LabelColumn("left")
    schema = type("Labelled", (pandera.DataFrameModel,), body)
    profile: Profile = profile_of(schema, label=label, feature_columns=("visits",))
    rows = {"customer_id": [f"c{at}" for at in range(len(values))], "left": values, "visits": [1] * len(values)}
    return label_from_column(profile, label, customers_of(profile, rows))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (str, ["Yes", "no", "YES"]),
        (str, [" yes", "No ", "yes"]),
        (str, ["1", "0", "1"]),
        (str, ["true", "False", "TRUE"]),
        (pd.CategoricalDtype, ["Yes", "No", "Yes"]),
        (int, [1, 0, 1]),
        (float, [1.0, 0.0, 1.0]),
        (bool, [True, False, True]),
        (pd.Int64Dtype, [1, 0, 1]),
        (pd.BooleanDtype, [True, False, True]),
    ],
    ids=str,
)
def test_label_is_read_however_it_is_written(kind: Any, values: list[Any]) -> None:
    """Yes and no, 0 and 1, and booleans of any dtype say who left."""
    outcomes = _labelled(kind, values)

    assert outcomes.churned.tolist() == [True, False, True]
    assert outcomes.left_out == 0


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (str, ["yes", None, "no"]),
        (pd.CategoricalDtype, ["Yes", None, "No"]),
        (float, [1.0, None, 0.0]),
        (pd.Int64Dtype, [1, None, 0]),
        (pd.BooleanDtype, [True, None, False]),
    ],
    ids=str,
)
def test_customer_without_a_label_is_left_out(kind: Any, values: list[Any]) -> None:
    """Where the label is missing, the outcome is not known, and counted as such."""
    outcomes = _labelled(kind, values, nullable=True)

    assert outcomes.known.tolist() == [True, False, True]
    assert outcomes.churned.tolist() == [True, False, False]
    assert outcomes.left_out == 1


@pytest.mark.parametrize(
    ("kind", "odd"), [(str, "maybe"), (str, ""), (int, 2), (float, 0.5), (pd.CategoricalDtype, "Left")], ids=str
)
def test_odd_label_is_refused(kind: Any, odd: Any) -> None:
    """A value that is neither yes nor no is counted in the sentence, and never taken for no."""
    with pytest.raises(ProfileError, match="label 'left' holds something else in 1 rows; it must be yes/no"):
        _labelled(kind, [odd])


def test_holdout_is_about_a_fifth() -> None:
    """A stable fifth of the customers is held out, of ids that count up as well as of random ones."""
    counted = pa.array([f"c{number:07d}" for number in range(20_000)])
    random = pa.array(np.random.default_rng(1).integers(0, 2**60, 20_000))

    shares = [held_out(ids).mean() for ids in (counted, random)]

    assert all(0.19 < share < 0.21 for share in shares)


def test_holdout_depends_on_the_id_alone() -> None:
    """Neither order, nor company, nor chunks, nor the id's type change who is held out."""
    numbers = list(range(1000))
    whole = held_out(pa.array(numbers))
    order = np.random.default_rng(2).permutation(1000)

    shuffled = held_out(pa.chunked_array([pa.array(order[:300]), pa.array(order[300:])]))
    as_text = held_out(pa.array([str(number) for number in numbers]))
    alone = [bool(held_out(pa.array([number]))[0]) for number in numbers[:50]]

    assert shuffled.tolist() == whole[order].tolist()
    assert as_text.tolist() == whole.tolist()
    assert alone == whole[:50].tolist()
    assert held_out(pa.array([], pa.string())).tolist() == []


def test_holdout_stays_over_releases() -> None:
    """Who is held out is pinned: a release that changes it would judge a model on what it was trained on."""
    held = held_out(pa.array([f"c{number}" for number in range(40)]))

    assert np.flatnonzero(held).tolist() == [1, 9, 16, 20, 29, 35, 38]
