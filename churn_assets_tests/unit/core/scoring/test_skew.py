"""Features held beside those that were stored, cell by cell."""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.scoring.skew import FeatureSkew, compare_features


def _rows(values: Any, kind: pa.DataType | None = None) -> pa.Table:
    """Features of as many customers: one column."""
    column = pa.chunked_array([pa.array(values, kind)])
    return pa.table({"customer_id": [f"c{number:05d}" for number in range(len(column))], "feature": column})


def _words(codes: list[int | None], words: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(words))


def _skew(then: pa.Table, now: pa.Table) -> FeatureSkew:
    return compare_features(then, now, "customer_id", ["feature"])


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ([1.5, None, -2.0], [1.5, None, -2.0]),
        ([1.5, float("nan"), None], [1.5, float("nan"), float("nan")]),
        ([0.1 + 0.2, 1e9 / 3], [0.3, 1e9 * (1 / 3)]),
        ([0.0, 0.0], [-0.0, 1e-17]),
        ([True, False, None], [True, False, None]),
        ([True, False, None], [1.0, 0.0, None]),
        (["a", "b", None], _words([1, 0, None], ["b", "a"])),
        (_words([0, 1, None], ["a", "b"]), _words([2, 1, None], ["c", "b", "a"])),
        ([], []),
    ],
    ids=["numbers", "gaps", "last digits", "zeros", "flags", "flags as numbers", "words", "codes", "nobody"],
)
def test_equal_features_are_equal(then: Any, now: Any) -> None:
    """What a model is given alike is alike: gaps, categories by their words, sums but for the last digits."""
    kind = pa.float64() if then == [] else None

    skew = _skew(_rows(then, kind), _rows(now, kind))

    assert skew == FeatureSkew(rows=len(then))


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.00001, 3.0]),
        ([1.0, 2.0, 3.0], [1.0, None, 3.0]),
        ([1.0, None, 3.0], [1.0, 0.0, 3.0]),
        ([True, True, None], [True, False, None]),
        (["a", "a", None], _words([0, 1, None], ["a", "b"])),
        (["a", None, None], _words([0, 0, None], ["a", "b"])),
        (["1", "2", None], [1.0, 3.0, None]),
    ],
    ids=["number", "new gap", "filled gap", "flag", "word", "filled word", "number and word"],
)
def test_another_feature_is_told(then: Any, now: Any) -> None:
    """The one row that differs is counted, by its feature, and its customer is named by a hash alone."""
    if then == ["1", "2", None]:
        now = pa.array(now).cast(pa.int64())

    skew = _skew(_rows(then), _rows(now))

    hashed = hashlib.sha256(b"c00001").hexdigest()[:12]
    assert skew == FeatureSkew(rows=3, differing=1, columns=skew.columns, examples=[hashed])
    assert skew.columns == {"feature": 1}


def test_few_of_many_rows_are_found_over_all_parts() -> None:
    """Twenty-four of ten thousand rows, in several blocks, are all found; three customers stand for them."""
    stored = np.arange(10_000.0)
    computed = stored.copy()
    moved = np.arange(7, 10_000, 417)
    computed[moved] += 1
    then, now = (_rows(values).append_column("same", pa.array(stored)) for values in (stored, computed))

    whole = FeatureSkew()
    for start in range(0, 10_000, 1024):
        block = then.slice(start, 1024), now.slice(start, 1024)
        whole.join(compare_features(block[0], block[1], "customer_id", ["same", "feature"]))

    assert (whole.rows, whole.differing, whole.columns) == (10_000, 24, {"feature": 24})
    assert whole.examples == [hashlib.sha256(f"c{at:05d}".encode()).hexdigest()[:12] for at in moved[:3]]


def test_a_row_counts_once_however_many_features_differ() -> None:
    """Rows are counted, not cells; the features each have their own count."""
    then = pa.table({"customer_id": [1, 2], "a": [1.0, 1.0], "b": ["x", "x"]})
    now = pa.table({"customer_id": [1, 2], "a": [2.0, 2.0], "b": ["x", "y"]})

    skew = compare_features(then, now, "customer_id", ["a", "b"])

    assert (skew.differing, skew.columns) == (2, {"a": 2, "b": 1})
    assert skew.examples[0] == hashlib.sha256(b"1").hexdigest()[:12]
