"""The simulated business: reproducible, alive, a little dirty, and worth learning from."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from churn_assets.profiles.subscription import PROFILE
from churn_assets.samples.simulation import simulate

UNTIL = date(2026, 10, 31)
HORIZON = timedelta(days=30)


@pytest.fixture(scope="module")
def days() -> dict[date, pd.DataFrame]:
    """110 days of about 2,500 customers."""
    return dict(simulate(2500, 110, UNTIL, seed=7))


def is_dirty(customers: pd.DataFrame, day: date) -> "pd.Series[bool]":
    """Rows that break the profile's schema, its past columns or its key."""
    return (
        (customers["spend"] < 0)
        | ~customers["plan"].isin(["basic", "standard", "premium"])
        | customers["days_since_login"].isna()
        | (customers["signup_date"] > pd.Timestamp(day))
        | customers["customer_id"].duplicated(keep=False)
    )


def clean(customers: pd.DataFrame, day: date) -> pd.DataFrame:
    """The valid rows, as `add_features` gets them."""
    valid = customers[~is_dirty(customers, day)]
    return valid.astype({"days_since_login": "int64"}).assign(snapshot_date=pd.Timestamp(day).as_unit("us"))


def examples(days: dict[date, pd.DataFrame], day: date) -> tuple[pd.DataFrame, "pd.Series[bool]"]:
    """Features of a day's customers, and whether they were gone when the horizon had passed."""
    customers = clean(days[day], day)
    churned = ~customers["customer_id"].isin(days[day + HORIZON]["customer_id"])
    return PROFILE.add_features(customers)[list(PROFILE.feature_columns)], churned


def test_same_arguments_give_the_same_days() -> None:
    """Two simulations with equal arguments are equal in every cell."""
    first = dict(simulate(300, 5, UNTIL, seed=1))

    second = dict(simulate(300, 5, UNTIL, seed=1))

    assert first.keys() == second.keys()
    for day, customers in first.items():
        pd.testing.assert_frame_equal(second[day], customers)


def test_another_seed_gives_other_customers() -> None:
    """The seed decides what happens."""
    _, first = next(simulate(300, 1, UNTIL, seed=1))

    _, second = next(simulate(300, 1, UNTIL, seed=2))

    assert not first["spend"].equals(second["spend"])


def test_days_follow_each_other_up_to_the_last() -> None:
    """There is one snapshot for each of the days that end with `until`."""
    dates = [day for day, _ in simulate(50, 4, date(2026, 3, 1), seed=1)]

    assert dates == [date(2026, 2, 26), date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]


def test_about_as_many_customers_as_asked_every_day(days: dict[date, pd.DataFrame]) -> None:
    """New customers make up for those who leave."""
    sizes = [len(customers) for customers in days.values()]

    assert min(sizes) > 0.95 * 2500
    assert max(sizes) < 1.05 * 2500


@pytest.mark.parametrize("customers", [0, 1, 20])
def test_a_tiny_business_works_too(customers: int) -> None:
    """Few customers, or none, are simulated without a special case, and no id is given twice."""
    frames = [frame for _, frame in simulate(customers, 200, UNTIL, seed=3)]

    ids = [set(frame["customer_id"]) for frame in frames]

    seen: set[str] = set()
    for yesterday, today in pairwise(ids):
        seen |= yesterday
        assert not (today - yesterday) & seen


def test_rows_are_in_order_of_the_key(days: dict[date, pd.DataFrame]) -> None:
    """Rows are sorted by customer_id; a repeated id stands next to the first."""
    assert all(customers["customer_id"].is_monotonic_increasing for customers in days.values())


def test_columns_are_those_of_the_profile(days: dict[date, pd.DataFrame]) -> None:
    """A snapshot has the profile's columns, in its order, and no snapshot_date."""
    columns = [list(customers) for customers in days.values()]

    assert all(names == list(PROFILE.checks.columns) for names in columns)


def test_types_do_not_change_from_day_to_day(days: dict[date, pd.DataFrame]) -> None:
    """Written as Parquet, every day has the same plain Arrow types, dirty cells or not."""
    schemas = [pa.Table.from_pandas(customers, preserve_index=False).schema for customers in days.values()]

    assert all(schema.equals(schemas[0]) for schema in schemas)
    assert schemas[0].field("days_since_login").type == pa.int64()
    assert schemas[0].field("signup_date").type == pa.timestamp("us")


def test_clean_rows_pass_the_schema(days: dict[date, pd.DataFrame]) -> None:
    """Whatever is not dirty on purpose is valid."""
    customers = clean(days[UNTIL], UNTIL)

    checked = PROFILE.checks.validate(customers, lazy=True)

    assert len(checked) > 0.99 * len(days[UNTIL])


def test_a_few_rows_in_a_thousand_are_dirty(days: dict[date, pd.DataFrame]) -> None:
    """Every day has something for the quarantine, far from the limit at which a day is refused."""
    shares = [is_dirty(customers, day).mean() for day, customers in days.items()]

    assert min(shares) > 0
    assert max(shares) <= 0.005


def test_every_kind_of_mistake_occurs(days: dict[date, pd.DataFrame]) -> None:
    """Negative spend, an unknown plan, a missing login, a future sign-up and a repeated id are all met."""
    everything = pd.concat([customers.assign(day=pd.Timestamp(day)) for day, customers in days.items()])

    kinds = {
        "negative spend": everything["spend"] < 0,
        "unknown plan": everything["plan"] == "unknown",
        "missing login": everything["days_since_login"].isna(),
        "future sign-up": everything["signup_date"] > everything["day"],
        "repeated id": everything.duplicated(["day", "customer_id"]),
    }

    assert [kind for kind, rows in kinds.items() if not rows.any()] == []


def test_who_has_left_does_not_return(days: dict[date, pd.DataFrame]) -> None:
    """A customer's days are without a gap."""
    dates = pd.concat([customers[["customer_id"]].assign(day=pd.Timestamp(day)) for day, customers in days.items()])

    lives = dates.drop_duplicates().groupby("customer_id")["day"].agg(["min", "max", "size"])

    assert ((lives["max"] - lives["min"]).dt.days + 1 == lives["size"]).all()


def test_some_percent_leave_within_thirty_days(days: dict[date, pd.DataFrame]) -> None:
    """The share of churners lies where a subscription business has it, between 4 and 9 percent."""
    shares = [examples(days, day)[1].mean() for day in list(days)[::10] if day + HORIZON in days]

    assert 0.04 < np.mean(shares) < 0.09


def test_no_single_column_gives_the_answer_away(days: dict[date, pd.DataFrame]) -> None:
    """Each feature alone ranks worse than a model should: none is the label in disguise."""
    features, churned = examples(days, UNTIL - HORIZON)
    numbers = features.select_dtypes(["number", "bool"]).astype("float64")

    areas = {name: roc_auc_score(churned, numbers[name].fillna(-1)) for name in numbers}

    assert {name: area for name, area in areas.items() if not 0.25 < area < 0.75} == {}
