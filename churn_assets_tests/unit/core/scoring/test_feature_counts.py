"""Features counted as they are scored: as a histogram counts them, and how many rows are alike."""

import math
import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from churn_assets.core.evaluation.results import FeatureSummary, Histogram
from churn_assets.core.features import to_model_frame
from churn_assets.core.scoring.drift import feature_histograms
from churn_assets.core.scoring.feature_counts import FeatureCounts

COLUMNS = ("spend", "visits", "active", "plan")
PLANS = ("basic", "premium", "trial", None)


def _rows(rows: int, seed: int, **changes: Any) -> pa.Table:
    """Feature rows with gaps: doubles, whole numbers, booleans and a categorical."""
    rng = np.random.default_rng(seed)
    columns = {
        "customer_id": [f"c{number:06d}" for number in range(rows)],
        "spend": pa.array(np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)), from_pandas=True),
        "visits": pa.array(rng.integers(0, 5, rows), pa.int64()),
        "active": pa.array(rng.random(rows) < 0.4),
        "plan": pa.array([PLANS[at] for at in rng.integers(0, 4, rows)], pa.string()).dictionary_encode(),
    }
    return pa.table(columns | changes)


def _bins(rows: pa.Table) -> dict[str, Histogram]:
    """What a training keeps of these rows."""
    return feature_histograms(to_model_frame(rows, COLUMNS))


def _counted(bins: dict[str, Histogram], *batches: pa.Table, rows: int = 1000) -> FeatureSummary:
    counts = FeatureCounts(bins, rows)
    for batch in batches:
        counts.count(batch)
    return counts.summary()


def test_rows_of_a_training_count_as_in_its_reference() -> None:
    """The rows that bins were made of are counted as they were then: numbers, gaps, booleans and words."""
    rows = _rows(5000, seed=1)
    bins = _bins(rows)

    counted = _counted(bins, rows)

    assert counted.features == bins
    assert counted.rows == 5000


def test_other_rows_fall_into_the_same_bins() -> None:
    """What lies on an edge, beyond all of them, or is no number has its place."""
    bins = {"spend": Histogram(edges=(0.0, 1.0), counts=(1, 1, 1)), "visits": Histogram(counts=(9,))}
    given = [-math.inf, -0.5, -0.0, 0.5, 1.0, math.inf, math.nan, None]
    rows = pa.table({"spend": pa.array(given, pa.float64()), "visits": pa.array([1.0] * 7 + [None], pa.float64())})

    counted = _counted(bins, rows)

    assert counted.features["spend"] == Histogram(edges=(0.0, 1.0), counts=(2, 2, 2), missing=2)
    assert counted.features["visits"] == Histogram(counts=(7,), missing=1)


@pytest.mark.parametrize("coded", [True, False])
def test_words_are_counted_by_what_they_say(coded: bool) -> None:  # noqa: FBT001
    """Dictionaries in any order, or none, give the same counts; a word that is not listed is among the others."""
    bins = {"plan": Histogram(categories=("basic", "premium"), counts=(1, 1, 0)), "none": Histogram(counts=(0,))}
    texts = [["premium", "basic", "gold", None], ["gold", "silver", "basic", "basic"]]
    batches = []
    for each in texts:
        plan = pa.array(each, pa.string())
        given = plan.dictionary_encode() if coded else plan
        batches.append(pa.table({"plan": given, "none": pa.array([None] * 4, pa.string()).dictionary_encode()}))

    counted = _counted(bins, *batches)

    assert counted.features["plan"] == Histogram(categories=("basic", "premium"), counts=(3, 1, 3), missing=1)
    assert counted.features["none"] == Histogram(counts=(0,), missing=8)


@pytest.mark.parametrize("cuts", [(), (1,), (100, 101, 2500), (0, 3000)])
def test_how_rows_are_cut_leaves_no_trace(cuts: tuple[int, ...]) -> None:
    """Parts that are counted anywhere and joined, through a pickle too, give what one pass gives."""
    rows = _rows(3000, seed=2)
    whole = _counted(_bins(rows), rows)
    total = FeatureCounts(_bins(rows), 1000)

    for start, end in pairwise((0, *cuts, rows.num_rows)):
        part = total.empty_copy()
        part.count(rows.slice(start, end - start))
        total.join(pickle.loads(pickle.dumps(part)))  # noqa: S301  # our own

    assert total.summary().model_dump_json() == whole.model_dump_json()


@pytest.mark.parametrize("times", [1, 2, 3])
def test_rows_that_repeat_others_are_told(times: int) -> None:
    """The share of rows that another one repeats in every feature, wherever it lies; the id is no feature."""
    rows = _rows(20_000, seed=3, active=pa.array([True] * 20_000))
    bins = _bins(rows)

    counted = _counted(bins, *[rows] * times, rows=times * rows.num_rows)

    gaps = rows.filter(pa.compute.is_null(rows.column("spend")))
    alike = gaps.num_rows - len(gaps.select(COLUMNS).to_pandas().drop_duplicates())
    assert counted.duplicate_share == pytest.approx(1 - (20_000 - alike) / (times * 20_000), abs=0.002)


def test_rows_that_differ_anywhere_are_no_duplicates() -> None:
    """A gap in one feature, another word, or the same values in other columns make another row; -0.0 is 0.0."""
    one = {"a": [1.0, 2.0, None, 1.0, 0.0, -0.0], "b": [2.0, 1.0, 1.0, None, 5.0, 5.0], "c": ["x"] * 6}
    rows = pa.table(one | {"c": pa.array(["x", "x", "x", "x", "y", "y"])})
    bins = feature_histograms(to_model_frame(rows, ("a", "b", "c")))

    counted = _counted(bins, rows)

    assert counted.duplicate_share == pytest.approx(1 / 6, abs=1e-3)


def test_too_many_rows_are_not_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hardly a bit of the table stays unset, no share is given."""
    monkeypatch.setattr("churn_assets.core.scoring.feature_counts.LEAST_BITS", 6)
    rows = _rows(5000, seed=4)

    counted = _counted(_bins(rows), rows, rows=10)

    assert counted.duplicate_share is None
    assert counted.rows == 5000


def test_without_bins_nothing_is_counted() -> None:
    """Rules are given customers, of which nothing is looked at."""
    counts = FeatureCounts({}, 10)
    counts.count(pa.table({"customer_id": ["c1"]}))
    counts.join(counts.empty_copy())

    assert counts.summary() == FeatureSummary(rows=0, duplicate_share=None, features={})


def test_a_word_of_a_frame_counts_as_one_of_a_table() -> None:
    """The histogram that a training makes of a categorical is the one that is counted from codes."""
    words = pd.Series(pd.Categorical([f"w{number % 60:02d}" for number in range(900)]))
    bins = feature_histograms(pd.DataFrame({"plan": words}))
    rows = pa.table({"plan": pa.array(words.astype("object").tolist()).dictionary_encode()})

    counted = _counted(bins, rows)

    assert counted.features == bins
    assert bins["plan"].counts[-1] == 150


def test_words_that_training_never_met_are_counted() -> None:
    """A new word is unseen, one of training and a gap are not, whatever the parts and their dictionaries."""
    rows = _rows(1000, seed=1)
    plans = pa.array(["basic", "new", None, "other", "new"]).dictionary_encode()
    few = _rows(5, seed=2, plan=plans)
    counts, more = (FeatureCounts(_bins(rows), 1000, {"plan": ("basic", "premium", "trial")}) for _ in range(2))

    counts.count(rows)
    more.count(few)
    counts.join(more)

    assert counts.summary().unseen == {"plan": 3}


def test_words_that_are_not_known_are_not_counted() -> None:
    """A model from before words were kept says nothing of them."""
    assert _counted(_bins(_rows(100, seed=1)), _rows(100, seed=1)).unseen == {}
