"""A night by tier and group, and who moved."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from churn_assets.core.monitoring.summary import NOBODY, TierSummary

TIERS = np.array([0, 1, 2, 2, 0], np.uint8)  # low, medium, high
BEFORE = np.array([0, 0, 1, NOBODY, 2], np.uint8)
PLANS = ["a", None, "a", "b", "a"]


def _coded(words: Sequence[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(words, pa.string()).dictionary_encode()])


def test_customers_are_counted_by_tier_and_group_with_those_who_moved() -> None:
    """Whoever was not there before has not moved; a missing value is a group; each group has every tier."""
    summary = TierSummary(("plan",))

    summary.count(TIERS, np.array([0.1, 0.4, 0.7, 0.9, 0.2]), BEFORE, {"plan": _coded(PLANS)})

    rows = {(row["slice_column"], row["slice_value"], row["risk_tier"]): row for row in summary.rows(has_before=True)}
    told = {key: (row["customers"], row["risen"], row["fallen"]) for key, row in rows.items()}
    assert told["", "", "low"] == (2, 0, 1)
    assert told["", "", "medium"] == (1, 1, 0)
    assert told["", "", "high"] == (2, 1, 0)
    assert told["plan", "(missing)", "medium"] == (1, 1, 0)
    assert told["plan", "b", "low"] == (0, 0, 0)
    assert len(rows) == 3 * 4
    assert rows["plan", "a", "low"]["share"] == 2 / 3
    assert rows["", "", "high"]["mean_probability"] == 0.8
    assert rows["plan", "b", "low"]["mean_probability"] is None


def test_parts_make_the_whole_and_without_a_day_before_nobody_has_moved() -> None:
    """Chunks with dictionaries of their own are counted alike; moves are null where there was nothing to move from."""
    whole, first, second = TierSummary(("plan",)), TierSummary(("plan",)), TierSummary(("plan",))
    tiers, probability, unknown = TIERS, np.linspace(0, 1, 5), np.full(5, NOBODY, np.uint8)
    whole.count(
        tiers, probability, unknown, {"plan": pa.chunked_array([*_coded(PLANS[:2]).chunks, *_coded(PLANS[2:]).chunks])}
    )

    first.count(tiers[:2], probability[:2], unknown[:2], {"plan": _coded(PLANS[:2])})
    second.count(tiers[2:], probability[2:], unknown[2:], {"plan": _coded(PLANS[2:])})
    first.join(second)

    assert first.rows(has_before=False) == whole.rows(has_before=False)
    assert {row["risen"] for row in whole.rows(has_before=False)} == {None}


def test_only_the_largest_groups_of_a_column_are_listed() -> None:
    """Of a column of many values the table holds twenty."""
    words = [f"w{number:02d}" for number in range(30)] + ["w29"]
    summary = TierSummary(("city",))

    summary.count(np.zeros(31, np.uint8), np.zeros(31), np.full(31, NOBODY, np.uint8), {"city": _coded(words)})

    listed = {row["slice_value"] for row in summary.rows(has_before=False) if row["slice_column"]}
    assert len(listed) == 20
    assert "w29" in listed


def test_everybody_is_counted_also_without_slices() -> None:
    """A profile need not compare groups."""
    summary = TierSummary(())

    summary.count(TIERS, np.linspace(0, 1, 5), BEFORE, {})

    assert [row["customers"] for row in summary.rows(has_before=True)] == [2, 1, 2]
