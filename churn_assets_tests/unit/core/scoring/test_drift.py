"""How far one distribution lies from another, told by histograms."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from churn_assets.core.evaluation.results import Histogram
from churn_assets.core.scoring.drift import (
    chance_kolmogorov_smirnov,
    chance_psi,
    feature_histograms,
    histogram_of_categories,
    histogram_of_numbers,
    kolmogorov_smirnov,
    population_stability_index,
)

numbers = st.floats(-5, 5) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0])
ascending = st.lists(st.floats(-5, 5), max_size=6, unique=True).map(lambda edges: tuple(sorted(edges)))
counts = st.lists(st.integers(0, 1000), min_size=1, max_size=12).filter(any)


def _binned(*there: int, missing: int = 0) -> Histogram:
    edges = tuple(float(edge) for edge in range(1, len(there)))
    return Histogram(edges=edges, counts=there, missing=missing)


def _drawn(kind: str, rows: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A population of each kind that a feature or a score may come from."""
    values: NDArray[np.float64]
    match kind:
        case "normal":
            values = rng.normal(size=rows)
        case "rounded scores":
            values = rng.beta(1, 6, rows).round(2)
        case "few values":
            values = rng.choice([0.0, 1.0, 2.0, 3.0], rows, p=[0.4, 0.3, 0.2, 0.1])
        case _:
            values = np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows))
    return values


KINDS = ["normal", "rounded scores", "few values", "a third missing"]


@settings(deadline=None, max_examples=100)
@given(values=st.lists(numbers, max_size=30), edges=ascending)
def test_numbers_are_counted_between_the_edges(values: list[float], edges: tuple[float, ...]) -> None:
    """A number counts where its bin begins at or below it and ends above it; what is no number is missing."""
    bounds = [-math.inf, *edges, math.inf]

    counted = histogram_of_numbers(np.array(values, dtype=float), edges)

    assert counted.edges == edges
    assert counted.counts[:-1] == tuple(
        sum(low <= value < high for value in values) for low, high in pairwise(bounds[:-1])
    )
    assert counted.counts[-1] == sum(value >= bounds[-2] for value in values)
    assert counted.missing == sum(math.isnan(value) for value in values)
    assert counted.rows == len(values)


def test_own_deciles_hold_a_tenth_each() -> None:
    """Without edges, ten bins of equally many rows are cut."""
    values = np.random.default_rng(1).normal(size=1000)

    counted = histogram_of_numbers(values)

    assert len(counted.edges) == 9
    assert counted.counts == (100,) * 10
    assert counted == histogram_of_numbers(values, counted.edges)


def test_repeated_deciles_are_one_edge() -> None:
    """A value that many rows share makes fewer bins, and has one to itself."""
    counted = histogram_of_numbers(np.array([1.0] * 65 + [2.0] * 35))

    assert counted.edges == (1.0, math.nextafter(1, 2), 2.0, math.nextafter(2, 3))
    assert counted.counts == (0, 65, 0, 35, 0)


@pytest.mark.parametrize(
    ("values", "there", "missing"),
    [([], (0,), 0), ([math.nan, math.nan], (0,), 2), ([math.inf, -math.inf, math.nan], (2,), 1)],
    ids=str,
)
def test_no_finite_number_makes_one_bin(values: list[float], there: tuple[int, ...], missing: int) -> None:
    """Where there is nothing to cut, what is there counts in one bin."""
    counted = histogram_of_numbers(np.array(values, dtype=float))

    assert counted == Histogram(counts=there, missing=missing)


def test_infinities_do_not_move_the_deciles() -> None:
    """Infinite values are counted at the ends and bend no edge."""
    values = np.random.default_rng(2).normal(size=200)

    counted = histogram_of_numbers(np.concatenate([values, [math.inf, -math.inf]]))

    assert counted.edges == histogram_of_numbers(values).edges
    assert (counted.counts[0], counted.counts[-1]) == (21, 21)


def test_categories_are_counted_by_name() -> None:
    """Categories stand in the order of their names; those that nobody has are not listed, nulls are missing."""
    values = pd.Series(pd.Categorical(["b", "a", "b", None], categories=["c", "b", "a"]))

    counted = histogram_of_categories(values)

    assert counted == Histogram(categories=("a", "b"), counts=(1, 2, 0), missing=1)
    assert counted.rows == 4


def test_rare_categories_are_all_others() -> None:
    """Of sixty categories the fifty most frequent are listed; the rows of the ten rarest are the others."""
    names = [f"k{number:02d}" for number in range(60) for _ in range(number + 1)]

    counted = histogram_of_categories(pd.Series(pd.Categorical(names)))

    assert counted.categories == tuple(f"k{number:02d}" for number in range(10, 60))
    assert counted.counts == (*range(11, 61), sum(range(1, 11)))


def test_every_column_of_a_frame_has_its_histogram() -> None:
    """Categoricals are counted by name, everything else by number, under the names of the columns."""
    frame = pd.DataFrame(
        {
            "plan": pd.Categorical(["a", None, "a"]),
            "spend": [0.5, math.nan, 0.5],
            "visits": pd.array([1, None, 2], dtype="Int64"),
        }
    )

    counted = feature_histograms(frame)

    assert list(counted) == ["plan", "spend", "visits"]
    assert counted["plan"] == Histogram(categories=("a",), counts=(2, 0), missing=1)
    assert (counted["spend"].rows, counted["spend"].missing) == (3, 1)
    assert (counted["visits"].rows, counted["visits"].missing) == (3, 1)


@settings(deadline=None, max_examples=100)
@given(there=counts, missing=st.integers(0, 500), times=st.integers(1, 9))
def test_equal_shares_are_no_distance(there: list[int], missing: int, times: int) -> None:
    """The index of a histogram and itself is 0, also where every count is so many times as large."""
    before = _binned(*there, missing=missing)
    now = _binned(*(count * times for count in there), missing=missing * times)

    assert population_stability_index(before, before) == 0
    assert population_stability_index(before, now) == pytest.approx(0, abs=1e-12)


@settings(deadline=None, max_examples=100)
@given(data=st.data(), there=counts)
def test_index_is_never_negative_and_always_a_number(data: st.DataObject, there: list[int]) -> None:
    """Whatever lies in the bins, also nothing, the index is a finite number from 0 on."""
    now = data.draw(st.lists(st.integers(0, 1000), min_size=len(there), max_size=len(there)), "now")

    index = population_stability_index(_binned(*there), _binned(*now))

    assert index >= 0
    assert math.isfinite(index)


def test_index_of_an_example() -> None:
    """Two halves that become 60 % and 40 % lie 0.1 ln(1.5) apart."""
    index = population_stability_index(_binned(500, 500), _binned(60, 40))

    assert index == pytest.approx(0.1 * math.log(1.5))


def test_bin_of_a_few_rows_does_not_decide() -> None:
    """Two of a hundred rows that leave their bin for its neighbour are a small change, wherever the bin stands."""
    assert population_stability_index(_binned(2, 48, 50), _binned(0, 50, 50)) < 0.03
    assert population_stability_index(_binned(48, 2, 50), _binned(48, 0, 52)) < 0.03
    assert population_stability_index(_binned(50, 48, 2), _binned(50, 50, 0)) < 0.03


@pytest.mark.parametrize("now", [_binned(50, 40, 10), _binned(50, 50), Histogram(categories=("a",), counts=(50, 50))])
def test_other_bins_are_refused(now: Histogram) -> None:
    """Histograms with other edges, other categories, or of the other kind say nothing about each other."""
    before = Histogram(edges=(1.5,), counts=(50, 50))

    for compared in (population_stability_index, chance_psi):
        with pytest.raises(ValueError, match="different bins"):
            compared(before, now)


def test_other_categories_are_refused() -> None:
    """Counts of other names are not compared place by place."""
    before, now = (histogram_of_categories(pd.Series([name] * 9, dtype="category")) for name in "ab")

    with pytest.raises(ValueError, match="different bins"):
        population_stability_index(before, now)


@pytest.mark.parametrize(("rows_before", "rows_now"), [(500, 500), (3000, 300), (300, 3000)])
@pytest.mark.parametrize("kind", KINDS)
def test_draws_of_one_population_stay_below_chance(kind: str, rows_before: int, rows_now: int) -> None:
    """Where nothing has changed, the index stays below what chance gives, in nearly all cases; yet not far below."""
    rng = np.random.default_rng(3)
    shares = []
    for _ in range(150):
        before = histogram_of_numbers(_drawn(kind, rows_before, rng))
        now = histogram_of_numbers(_drawn(kind, rows_now, rng), before.edges)
        shares.append(population_stability_index(before, now) / chance_psi(before, now))

    assert np.mean(np.array(shares) < 1) > 0.98
    assert max(shares) > 0.5


@pytest.mark.parametrize(("rows_before", "rows_now"), [(40, 40), (5000, 40)])
def test_chance_holds_for_few_rows(rows_before: int, rows_now: int) -> None:
    """Also of forty rows, the index of draws of one population stays below what chance gives in nearly all cases."""
    rng = np.random.default_rng(4)
    below = []
    for _ in range(300):
        before = histogram_of_numbers(rng.normal(size=rows_before))
        now = histogram_of_numbers(rng.normal(size=rows_now), before.edges)
        below.append(population_stability_index(before, now) < chance_psi(before, now))

    assert np.mean(below) > 0.98


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", KINDS)
def test_shifted_population_exceeds_chance(kind: str, seed: int) -> None:
    """A population that moved by a fifth of its spread and more lies further than chance goes."""
    rng = np.random.default_rng(seed)
    before = histogram_of_numbers(_drawn(kind, 4000, rng))
    values = _drawn(kind, 4000, rng)
    moved = values + 0.3 * float(np.nanstd(values)) if kind != "few values" else np.minimum(values + 1, 3)

    now = histogram_of_numbers(moved, before.edges)

    assert population_stability_index(before, now) > chance_psi(before, now)


def test_values_that_go_missing_are_a_shift() -> None:
    """A feature of which half is no longer filled in lies far from what it was; one as empty as before does not."""
    rng = np.random.default_rng(5)
    before, as_before, emptied = (
        histogram_of_numbers(np.where(rng.random(2000) < empty, math.nan, rng.normal(size=2000)), (-1.0, 0.0, 1.0))
        for empty in (0.1, 0.1, 0.5)
    )

    assert population_stability_index(before, as_before) < chance_psi(before, as_before)
    assert population_stability_index(before, emptied) > 0.25


def test_categories_that_change_places_are_a_shift() -> None:
    """The same names with other frequencies lie apart; with the same, they do not."""
    rng = np.random.default_rng(6)
    before, again, other = (
        histogram_of_categories(pd.Series(pd.Categorical(rng.choice(list("abc"), 2000, p=shares))))
        for shares in ([0.6, 0.3, 0.1], [0.6, 0.3, 0.1], [0.3, 0.6, 0.1])
    )

    assert population_stability_index(before, again) < chance_psi(before, again)
    assert population_stability_index(before, other) > 0.25


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param([0.0] * 970 + [1.0] * 30, [0.0] * 100 + [1.0] * 900, id="a rare flag becomes common"),
        pytest.param([7.0] * 1000, [9.0] * 1000, id="a constant becomes another"),
        pytest.param([7.0] * 1000, [7.0] * 100 + [math.nan] * 900, id="a constant goes missing"),
        pytest.param([math.nan] * 1000, [7.0] * 1000, id="an empty feature is filled"),
    ],
)
def test_shift_away_from_one_dominant_value_is_seen(before: list[float], now: list[float]) -> None:
    """Where nearly all rows shared one value, leaving it is as much of a shift as any other."""
    then = histogram_of_numbers(np.array(before))
    later = histogram_of_numbers(np.array(now), then.edges)

    assert population_stability_index(then, later) > 0.25


def test_shift_away_from_one_dominant_category_is_seen() -> None:
    """A category of 4 % that most customers come to have is a shift, also between two rarer ones."""
    before = Histogram(categories=("a", "b", "c"), counts=(20, 940, 40, 0))
    now = Histogram(categories=("a", "b", "c"), counts=(20, 340, 640, 0))

    assert population_stability_index(before, now) > 0.25


@pytest.mark.parametrize(
    ("before", "now"),
    [(_binned(0, 0), _binned(5, 5)), (_binned(5, 5), _binned(0, 0)), (_binned(9), _binned(9))],
    ids=["nothing before", "nothing now", "one bin"],
)
def test_nothing_to_compare_is_no_distance(before: Histogram, now: Histogram) -> None:
    """No rows on one side, or a single bin, are no distance and no chance of one."""
    assert population_stability_index(before, now) == 0
    assert chance_psi(before, now) == 0


def test_chance_shrinks_with_rows_and_grows_with_bins() -> None:
    """Ten times as many rows leave chance a tenth; more bins give it more."""
    few, many = _binned(50, 50), _binned(500, 500)

    assert chance_psi(many, many) == pytest.approx(chance_psi(few, few) / 10)
    assert chance_psi(_binned(25, 25, 25, 25), _binned(25, 25, 25, 25)) > chance_psi(few, few)


def test_histogram_survives_being_written() -> None:
    """A histogram read back from its JSON is the same one, to the last digit of its edges."""
    counted = histogram_of_numbers(np.random.default_rng(7).normal(size=50))

    assert Histogram.model_validate_json(counted.model_dump_json()) == counted


def test_largest_difference_of_cumulative_shares() -> None:
    """The Kolmogorov-Smirnov distance is that of the shares below an edge; missing values are left out."""
    before, now = _binned(50, 30, 20), _binned(100, 0, 100, missing=40)

    assert kolmogorov_smirnov(before, now) == pytest.approx(0.3)
    assert kolmogorov_smirnov(before, before) == 0
    assert kolmogorov_smirnov(now, before) == kolmogorov_smirnov(before, now)


@pytest.mark.parametrize(("before", "now"), [(_binned(0, 0), _binned(1, 2)), (_binned(1, 2), _binned(0, 0, missing=9))])
def test_nobody_lies_nowhere(before: Histogram, now: Histogram) -> None:
    """Where one side has no value at all, there is no distance to tell, and none to expect."""
    assert kolmogorov_smirnov(before, now) == 0
    assert chance_kolmogorov_smirnov(before, now) == 0


def test_distances_refuse_other_bins() -> None:
    """Histograms with different bins are not compared."""
    with pytest.raises(ValueError, match="different bins"):
        kolmogorov_smirnov(_binned(1, 2), _binned(1, 2, 3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rows_before", "rows_now"), [(300, 300), (5000, 400)])
def test_chance_distance_is_hardly_ever_reached(kind: str, rows_before: int, rows_now: int) -> None:
    """Two samples of one population lie closer than chance allows, in nearly all cases."""
    within = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        before = histogram_of_numbers(_drawn(kind, rows_before, rng))
        now = histogram_of_numbers(_drawn(kind, rows_now, rng), before.edges)
        within.append(kolmogorov_smirnov(before, now) < chance_kolmogorov_smirnov(before, now))

    assert np.mean(within) >= 0.995
