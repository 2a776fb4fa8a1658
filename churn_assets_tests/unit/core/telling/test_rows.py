"""Contributions into rows of `churn_reasons`: ranked, bounded, in words."""

import math
from typing import Any

import numpy as np
import pyarrow as pa

from churn_assets.core.table_schemas import REASONS
from churn_assets.core.telling.counts import ReasonCounts
from churn_assets.core.telling.families import Family, ReasonFamily
from churn_assets.core.telling.ranking import MOST, rank
from churn_assets.core.telling.rows import reason_rows
from churn_assets_tests.factories import Members, profile_of

COLUMNS = ("plan", "visits", "spend", "active")


def families(slices: tuple[str, ...] = (), **reasons: ReasonFamily) -> tuple[Family, ...]:
    """The families of a profile of these features."""
    return profile_of(Members, feature_columns=COLUMNS, reasons=reasons, slices=slices).families(COLUMNS)


def customers(**columns: list[Any]) -> pa.Table:
    """What a model is given of two customers."""
    given = {
        "plan": pa.array(["basic", None]).dictionary_encode(),
        "visits": pa.array([3.0, 4.5]),
        "spend": pa.array([19.9, None]),
        "active": pa.array([True, False]),
    }
    return pa.table(given | columns)


def rows_of(contributions: list[list[float]], told: tuple[Family, ...], floor: float = 0.0) -> list[dict[str, Any]]:
    """The reasons of customers a, b, with these contributions of each feature."""
    ranked = rank(np.array(contributions), COLUMNS, told, floor)
    rows = reason_rows(
        pa.array(["a", "b"][: len(contributions)]),
        customers().slice(0, len(contributions)),
        columns=COLUMNS,
        families=told,
        ranked=ranked,
        base_values=np.full(len(contributions), -1.0),
    )
    return list(rows.cast(REASONS).to_pylist())


def test_a_family_is_summed_before_it_is_ranked() -> None:
    """Two features that pull apart are less of a reason than one alone; the strongest of a family stands for it."""
    told = families(use=ReasonFamily(("visits", "active"), up="comes {visits} times", down="stays away"))

    rows = rows_of([[0.1, 0.9, 0.3, -0.8]], told)

    assert [(row["rank"], row["family"], row["feature"], row["direction"]) for row in rows] == [
        (1, "spend", "spend", "up"),
        (2, "plan", "plan", "up"),
        (3, "use", "visits", "up"),
    ]
    assert rows[2]["contribution"] == 0.9 + -0.8
    assert (rows[2]["sentence"], rows[2]["value"]) == ("comes {} times", "3")


def test_words_tell_values_as_they_are_formatted_and_gaps_as_unknown() -> None:
    """The hole holds everything between the first value and the last; a missing value is no number."""
    told = families(
        price=ReasonFamily(
            ("spend",),
            up="pays {spend:.2f} on {plan}, active: {active}, twice {visits:d}, for now",
            down="saves {visits:.1f}",
            shown={"visits": lambda value: 2 * value},
        ),
    )

    up = rows_of([[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0]], told)
    down = rows_of([[0.0, 0.0, -1.0, 0.0], [0.0, 0.0, -1.0, 0.0]], told)

    assert {row["sentence"] for row in up} == {"pays {}, for now"}
    assert [row["value"] for row in up] == [
        "19.90 on basic, active: yes, twice 6",
        "unknown on unknown, active: no, twice 9",
    ]
    assert [row["value"] for row in down] == ["6.0", "9.0"]
    assert {row["direction"] for row in down} == {"down"}


def test_equal_contributions_stand_in_the_order_of_the_families() -> None:
    """Whichever way they point, the first of the list goes first, always."""
    rows = rows_of([[0.5, -0.5, 0.5, -0.5], [-0.5, 0.5, -0.5, 0.5]], families())

    assert [row["family"] for row in rows] == 2 * list(COLUMNS)
    assert [row["direction"] for row in rows[4:]] == ["down", "up", "down", "up"]


def test_nothing_above_the_floor_is_close_to_average() -> None:
    """One row says so and holds the sum; at the floor is not above it, and no number is lost."""
    rows = rows_of([[0.1, 0.1, -0.05, 0.0], [0.1, 0.2, 0.0, 0.0]], families(), floor=0.1)

    assert [(row["customer_id"], row["rank"], row["family"], row["feature"]) for row in rows] == [
        ("a", 1, "average", ""),
        ("b", 1, "visits", "visits"),
    ]
    assert math.isclose(rows[0]["contribution"], 0.15)
    assert rows[0]["sentence"] == "is close to the average customer"
    assert rows[0]["other"] == 0.0
    assert math.isclose(rows[1]["other"], 0.1)


def test_a_hidden_family_goes_into_other_and_tells_its_share() -> None:
    """However strong it is, it is no reason; what all of it adds up to is told, and how much that is."""
    rows = rows_of([[3.0, 0.0, 1.0, 0.0]], families(slices=("plan",)))

    assert [row["family"] for row in rows] == ["spend"]
    assert rows[0]["other"] == 3.0
    assert rows[0]["hidden_share"] == 0.75


def test_no_more_than_four_reasons_and_every_number_adds_up() -> None:
    """Of random contributions the four largest sums are kept, in order; base, reasons and other make the margin."""
    seed = 20261127
    rng = np.random.default_rng(seed)
    names = tuple(f"f{number}" for number in range(9))
    told = tuple(
        Family(name, (name,), family.up, family.down, {}, is_hidden=name == "f4")
        for name, family in zip(names, 9 * families()[:1], strict=True)
    )
    contributions = rng.normal(size=(200, 9)).round(1)

    ranked = rank(contributions, names, told, 0.2)
    counts = ReasonCounts()
    counts.count(ranked, told, np.arange(200) < 50)

    shown = np.delete(contributions, 4, axis=1)
    expected = np.where(np.abs(shown) > 0.2, np.abs(shown), 0.0)
    assert np.allclose(np.abs(ranked.values), -np.sort(-expected, axis=1)[:, :MOST]), seed
    assert np.allclose(ranked.values.sum(axis=1) + ranked.other, contributions.sum(axis=1)), seed
    assert counts.explained == sum(counts.first.values()) == 200
    assert sum(counts.first_of_high.values()) == 50
    assert "f4" not in counts.first
