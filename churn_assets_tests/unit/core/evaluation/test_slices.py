"""Quality and selection compared between groups of customers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from churn_assets.core.evaluation.slices import slice_quality


def _groups(*sizes: int) -> pd.DataFrame:
    """So many customers of group a, of group b, and so on."""
    return pd.DataFrame({"group": np.repeat(list("abcdefgh")[: len(sizes)], sizes)})


def test_figures_of_a_small_example() -> None:
    """Each group has its rows, churn rate, mean score and share above the bound, which is not above itself."""
    groups = pd.DataFrame({"region": ["north", "south", "north", "north", "south"]})
    churned = np.array([True, False, False, True, False])
    probability = np.array([0.9, 0.7, 0.6, 0.3, 0.2])

    north, south = slice_quality(groups, churned, probability, high_above=0.6)

    assert (north.column, north.value, north.rows) == ("region", "north", 3)
    assert north.base_rate == pytest.approx(2 / 3)
    assert north.mean_score == pytest.approx(0.6)
    assert north.selection_rate == pytest.approx(1 / 3)
    assert (south.value, south.rows, south.base_rate) == ("south", 2, 0)
    assert south.mean_score == pytest.approx(0.45)
    assert south.selection_rate == pytest.approx(1 / 2)


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), st.booleans(), st.integers(0, 10)), min_size=1),
    data=st.data(),
)
def test_every_customer_is_in_one_group(rows: list[tuple[str | None, bool, int]], data: st.DataObject) -> None:
    """Over the groups of a column rows, churners and scores add up to those of all, in any order of the customers."""
    order = data.draw(st.permutations(range(len(rows))), "order")
    groups = pd.DataFrame({"group": pd.Series([group for group, _, _ in rows], dtype="str")})
    churned = np.array([left for _, left, _ in rows])
    probability = np.array([score / 10 for _, _, score in rows])

    slices = slice_quality(groups, churned, probability, 0.5)

    assert sum(each.rows for each in slices) == len(rows)
    assert sum(each.rows * each.base_rate for each in slices) == pytest.approx(churned.sum())
    assert sum(each.rows * each.mean_score for each in slices) == pytest.approx(probability.sum())
    assert sum(each.rows * each.selection_rate for each in slices) == pytest.approx((probability > 0.5).sum())
    again = slice_quality(groups.iloc[order], churned[order], probability[order], 0.5)
    assert [(each.value, each.rows) for each in again] == [(each.value, each.rows) for each in slices]


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(pd.Categorical(["x", None, "x", "y"], categories=["y", "x", "nobody"])),
        pd.Series(["x", None, "x", "y"], dtype="str"),
        pd.Series([1.5, np.nan, 1.5, 2.0]),
        pd.Series(pd.array([1, None, 1, 2], dtype="Int64")),
        pd.Series(pd.array([True, None, True, False], dtype="boolean")),
    ],
    ids=["categories", "text", "numbers", "whole numbers", "booleans"],
)
def test_missing_values_are_a_group_of_their_own(values: "pd.Series[str]") -> None:
    """Whatever the type, those without a value are told as a group, and nobody's category is not."""
    slices = slice_quality(values.to_frame("column"), np.zeros(4, dtype=bool), np.full(4, 0.1), 0.5)

    rows = {each.value: each.rows for each in slices}
    assert rows.pop("(missing)") == 1
    assert sorted(rows.values()) == [1, 2]


@pytest.mark.parametrize("kind", [True, False])
def test_ranking_is_told_where_there_is_enough(kind: bool) -> None:  # noqa: FBT001
    """With ten churners and ten others a group has scikit-learn's ROC-AUC; with nine of either it has none."""
    churned = np.r_[np.arange(300) < 10, np.arange(300) < 9] == kind
    probability = np.random.default_rng(1).random(600).round(1)

    enough, too_few = slice_quality(_groups(300, 300), churned, probability, 0.5)

    assert enough.roc_auc == pytest.approx(roc_auc_score(churned[:300], probability[:300]))
    assert too_few.roc_auc is None


def test_only_the_largest_groups_are_told() -> None:
    """Of thirty groups the twenty with the most customers are told, in the order of their names."""
    sizes = np.random.default_rng(2).permutation(np.arange(1, 31))
    names = [f"g{number:02d}" for number in range(30)]
    groups = pd.DataFrame({"group": np.repeat(names, sizes)})
    rows = len(groups)

    slices = slice_quality(groups, np.zeros(rows, dtype=bool), np.full(rows, 0.1), 0.5)

    assert [each.value for each in slices] == [name for name, size in zip(names, sizes, strict=True) if size > 10]
    assert {each.value: each.rows for each in slices} == {
        name: size for name, size in zip(names, sizes, strict=True) if size > 10
    }


def test_impact_is_the_rate_over_the_highest() -> None:
    """A group selected half as often as the one selected most has a disparate impact of a half."""
    probability = np.r_[np.arange(200) < 100, np.arange(200) < 50, np.zeros(200)].astype(float)

    slices = slice_quality(_groups(200, 200, 200), np.zeros(600, dtype=bool), probability, 0.5)

    assert [each.selection_rate for each in slices] == [0.5, 0.25, 0]
    assert [each.disparate_impact for each in slices] == [1, 0.5, 0]


def test_a_small_group_sets_no_measure() -> None:
    """99 customers who are all selected do not make a hundred others look left out; they are told, too."""
    probability = np.r_[np.ones(99), np.arange(100) < 50, np.arange(100) < 25].astype(float)

    small, most, less = slice_quality(_groups(99, 100, 100), np.zeros(299, dtype=bool), probability, 0.5)

    assert (small.is_large, most.is_large, less.is_large) == (False, True, True)
    assert (most.disparate_impact, less.disparate_impact) == (1, 0.5)
    assert small.selection_rate == 1


def test_nobody_selected_has_no_impact() -> None:
    """Where no group has anybody in the high tier there is no rate to compare."""
    slices = slice_quality(_groups(150, 150), np.zeros(300, dtype=bool), np.full(300, 0.1), 0.5)

    assert [each.disparate_impact for each in slices] == [None, None]


def test_columns_are_told_one_after_the_other() -> None:
    """Each column's groups stand together, measured among themselves; without columns there is nothing."""
    groups = pd.DataFrame({"second": np.repeat(["x", "y"], 200), "first": np.tile(["u", "v"], 200)})
    probability = np.r_[np.ones(200), np.zeros(200)]

    slices = slice_quality(groups, np.zeros(400, dtype=bool), probability, 0.5)

    assert [(each.column, each.value) for each in slices] == [
        ("second", "x"),
        ("second", "y"),
        ("first", "u"),
        ("first", "v"),
    ]
    assert [each.disparate_impact for each in slices] == [1, 0, 1, 1]
    assert slice_quality(groups[[]], np.zeros(400, dtype=bool), probability, 0.5) == ()
