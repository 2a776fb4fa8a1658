"""Golden rows: customers frozen with a model, and what it gave them."""

import datetime as dt
from dataclasses import replace
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.hashing import hashed_id
from churn_assets.core.errors import ModelFault
from churn_assets.core.features import compute_features
from churn_assets.core.models.golden import GOLDEN, check_golden, freeze_golden, golden_sample
from churn_assets.core.models.model import Model
from churn_assets.core.options import Recipe
from churn_assets.core.profile import Profile
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets_tests.factories import (
    MEMBERS,
    SNAPSHOT,
    customers_of,
    made_up_card,
    member_columns,
    member_features,
)

LIBRARIES = {"numpy": "2.1", "pandas": "3.0"}


def _rules(customers: pd.DataFrame) -> "pd.Series[float]":
    return 0.1 + 0.05 * customers["visits"]


RULED = replace(MEMBERS, rules=_rules)


@cache
def _customers(rows: int = 60) -> pa.Table:
    since = [f"2025-{1 + number % 5:02d}-15" for number in range(rows)]
    return customers_of(MEMBERS, member_columns(rows, since=since))


@cache
def _model() -> Model:
    """A logistic regression on the members' features, in which each counts for something."""
    customers = _customers(300)
    features = compute_features(customers, MEMBERS, {"few_visits": 3}, SNAPSHOT)
    risk = np.asarray(customers.column("visits").to_pylist()) / 7
    churned = np.random.default_rng(1).random(300) < 0.8 - 0.6 * risk
    rows = LabelledRows(features, churned, np.full(300, np.datetime64(SNAPSHOT)))
    recipe = Recipe(estimator="logistic_regression")
    card = made_up_card(
        feature_columns=MEMBERS.feature_columns,
        feature_parameters={"few_visits": 3},
        profile_digest=MEMBERS.source_digest,
        libraries=LIBRARIES,
        chosen=recipe,
    )
    return Model(fit(rows, recipe, MEMBERS.feature_columns), card)


def _ruling() -> Model:
    card = made_up_card(
        chosen=Recipe(estimator="rules"), libraries=LIBRARIES, profile_digest=MEMBERS.source_digest, feature_columns=()
    )
    return Model(None, card)


@cache
def _golden() -> pa.Table:
    return freeze_golden(_model(), MEMBERS, _customers(), SNAPSHOT)


def _changed_features(customers: pd.DataFrame, *, few_visits: int = 3) -> pd.DataFrame:
    """`member_features` with one changed line: a visit more still counts as seldom."""
    features = member_features(customers, few_visits=few_visits)
    return features.assign(seldom=customers["visits"] <= few_visits)


def _moved(golden: pa.Table, by: NDArray[np.float64]) -> pa.Table:
    """Golden rows that were given other scores when they were frozen."""
    at = golden.column_names.index(GOLDEN)
    return golden.set_column(at, GOLDEN, pa.array(golden.column(at).to_numpy() + by))


def _fault(model: Model, profile: Profile, golden: pa.Table, libraries: dict[str, str] | None = None) -> str:
    with pytest.raises(ModelFault) as raised:
        check_golden(model, profile, golden, libraries or LIBRARIES)
    return str(raised.value)


def test_frozen_rows_are_given_again() -> None:
    """A model gives its golden rows again, which hold the customers as they are and what it gave them."""
    golden = _golden()

    check_golden(_model(), MEMBERS, golden, LIBRARIES)

    assert golden.drop_columns([GOLDEN]).equals(_customers())
    given = _model().score_customers(MEMBERS, _customers(), SNAPSHOT)
    assert golden.column(GOLDEN).to_pylist() == given.tolist()
    assert given.std() > 0.05


def test_golden_rows_survive_being_written() -> None:
    """Written to a file and read again, they still know their day."""
    file = BytesIO()
    pq.write_table(_golden(), file)

    read = pq.read_table(file)

    check_golden(_model(), MEMBERS, read, LIBRARIES)


def test_day_is_that_of_the_customers() -> None:
    """Features that count from the snapshot's day are those of the frozen day, not of today."""
    other_day = freeze_golden(_model(), MEMBERS, _customers(), SNAPSHOT + dt.timedelta(days=200))

    check_golden(_model(), MEMBERS, other_day, LIBRARIES)

    assert other_day.column(GOLDEN).to_pylist() != _golden().column(GOLDEN).to_pylist()


def test_rules_give_their_rows_again() -> None:
    """A model of rules is held to its golden rows as a trained one is; changed rules are caught."""
    golden = freeze_golden(_ruling(), RULED, _customers(), SNAPSHOT)
    changed = replace(MEMBERS, rules=lambda customers: _rules(customers) + 0.01 * (customers["visits"] == 6))

    check_golden(_ruling(), RULED, golden, LIBRARIES)

    assert golden.column(GOLDEN).to_numpy() == pytest.approx(0.1 + 0.05 * _customers().column("visits").to_numpy())
    assert f"gives other scores to 8 of its 60 golden rows ({hashed_id('c00006')} 0.400000 -> 0.410000" in _fault(
        _ruling(), changed, golden
    )


def test_changed_line_of_the_features_is_caught() -> None:
    """One line that changes names the rows that differ by the hash of their ids, with both scores, and what to do."""
    profile = replace(MEMBERS, add_features=_changed_features, source_digest="1" * 64)
    differing = [f"c{number:05d}" for number in range(60) if number % 7 == 3]
    before, after = (_model().score_customers(each, _customers(), SNAPSHOT) for each in (MEMBERS, profile))

    message = _fault(_model(), profile, _golden())

    assert f"gives other scores to {len(differing)} of its 60 golden rows" in message
    named = [name for name in differing if hashed_id(name) in message]
    assert len(named) == 5
    for name in named:
        assert f"{hashed_id(name)} {before[int(name[1:])]:.6f} -> {after[int(name[1:])]:.6f}" in message
    assert ", ...); the code of members has changed since it was trained" in message
    assert message.endswith("undo the change, or train and promote again; nothing was scored")


def test_rows_that_do_not_differ_are_not_named() -> None:
    """A single row that differs is the only one named, and there is no more to come."""
    golden = _moved(_golden(), np.where(np.arange(60) == 17, 0.25, 0.0))

    message = _fault(_model(), MEMBERS, golden)

    assert f"gives other scores to 1 of its 60 golden rows ({hashed_id('c00017')} " in message
    assert "..." not in message
    assert message.count(" -> ") == 1


def test_furthest_rows_are_named_first() -> None:
    """Of many rows that differ, those that moved most are named, one without a score before all."""
    by = np.zeros(60)
    by[[4, 8, 15, 16, 23, 42]] = [0.01, 0.06, 0.03, -0.05, np.nan, 0.04]

    message = _fault(_model(), MEMBERS, _moved(_golden(), by))

    places = [message.index(f"{hashed_id(f'c{number:05d}')} ") for number in (23, 8, 16, 42, 15)]
    assert places == sorted(places)
    assert hashed_id("c00004") not in message


def test_other_library_is_named() -> None:
    """Where the code is the same and a library is not, both versions are told; the others are not."""
    golden = _moved(_golden(), np.full(60, 0.01))

    message = _fault(_model(), MEMBERS, golden, {"numpy": "2.2", "pandas": "3.0", "scipy": "1.17"})

    assert "numpy is 2.2 and was 2.1 when it was trained: undo" in message
    assert "pandas" not in message
    assert "the code of members has changed" not in message


def test_code_and_library_are_named_together() -> None:
    """Where both have changed, both are told, the code first."""
    profile = replace(MEMBERS, add_features=_changed_features, source_digest="1" * 64)

    message = _fault(_model(), profile, _golden(), {"numpy": "2.2", "pandas": "3.1"})

    assert (
        "the code of members has changed since it was trained and numpy is 2.2 and was 2.1 when it was trained "
        "and pandas is 3.1 and was 3.0 when it was trained" in message
    )


def test_what_is_imported_is_suspected_last() -> None:
    """Where neither the profile nor a library is another, the sentence still says where to look."""
    message = _fault(_model(), replace(MEMBERS, add_features=_changed_features), _golden())

    assert "code that the profile imports, or the machine, has changed since it was trained" in message


def test_other_library_that_changes_nothing_passes() -> None:
    """Another version, or other code, is no fault as long as the golden rows are given again."""
    reformatted = replace(MEMBERS, source_digest="1" * 64)

    check_golden(_model(), reformatted, _golden(), {"numpy": "9.9"})


@pytest.mark.parametrize(("noise", "passes"), [(1e-12, True), (5e-10, True), (1e-8, False)])
def test_last_digits_may_differ(noise: float, passes: bool) -> None:  # noqa: FBT001
    """What processors differ in passes; what a changed line does, however little, does not."""
    golden = _moved(_golden(), np.random.default_rng(2).choice([-noise, noise], 60))

    if passes:
        check_golden(_model(), MEMBERS, golden, LIBRARIES)
    else:
        assert "60 of its 60 golden rows" in _fault(_model(), MEMBERS, golden)


def _fails(customers: pd.DataFrame, *, few_visits: int = 3) -> pd.DataFrame:
    raise ZeroDivisionError(f"{len(customers)} / {few_visits}")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"add_features": _fails}, "add_features failed"),
        ({"add_features": lambda customers, few_visits: customers.assign(plan=few_visits)}, "tenure_days"),
        ({"feature_columns": ("plan", "visits")}, "the model was trained on tenure_days"),
    ],
    ids=["fails", "lacks a column", "named no more"],
)
def test_features_that_cannot_be_had_are_told(change: dict[str, Any], reason: str) -> None:
    """Where today's code gives the model nothing to score, the sentence says why and what changed."""
    message = _fault(_model(), replace(MEMBERS, source_digest="1" * 64, **change), _golden())

    assert message.startswith("model 20260131-0123abcd cannot score its golden rows any more (")
    assert reason in message
    assert "the code of members has changed since it was trained: undo the change" in message


class _OfAnotherLibrary:
    """A pipeline that was saved by a library whose objects have another attribute today."""

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        raise AttributeError(f"'LogisticRegression' object has no attribute 'multi_class' ({len(frame)} rows)")


def test_pipeline_that_a_library_no_longer_understands_is_told() -> None:
    """An estimator that lacks what today's library looks for is a fault of the model, and the library is named."""
    model = replace(_model(), pipeline=_OfAnotherLibrary())

    message = _fault(model, MEMBERS, _golden(), {"numpy": "2.2", "pandas": "3.0"})

    assert "multi_class" in message
    assert "numpy is 2.2 and was 2.1" in message


def test_sample_is_at_most_200_customers_of_the_whole() -> None:
    """200 of many are taken, as they are and in their order, spread over all; few are taken whole."""
    customers = _customers(2000)

    sample = golden_sample(customers, "customer_id")

    ids = sample.column("customer_id").to_pylist()
    assert len(set(ids)) == 200
    assert ids == sorted(ids)
    by_fifth = np.bincount([int(name[1:]) // 400 for name in ids], minlength=5)
    assert by_fifth.min() > 20
    assert sample.equals(customers.take(pa.array([int(name[1:]) for name in ids])))
    assert golden_sample(_customers(), "customer_id").equals(_customers())


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 900), max_size=5).map(sorted))
def test_sample_is_the_same_however_customers_come(seed: int, cuts: list[int]) -> None:
    """In any order, and batch by batch in any split, the same customers are taken."""
    customers = _customers(900)
    expected = set(golden_sample(customers, "customer_id").column("customer_id").to_pylist())
    shuffled = customers.take(pa.array(np.random.default_rng(seed).permutation(900)))

    kept = customers.slice(0, 0)
    for start, end in zip([0, *cuts], [*cuts, 900], strict=True):
        kept = golden_sample(pa.concat_tables([kept, shuffled.slice(start, end - start)]), "customer_id")

    assert len(expected) == 200
    assert set(kept.column("customer_id").to_pylist()) == expected
    assert kept.equals(golden_sample(shuffled, "customer_id"))


def test_sample_by_numbers_is_that_by_their_text() -> None:
    """Ids that are whole numbers give the customers that the same ids as text give."""
    numbers = pa.table({"key": pa.array(range(1000), pa.int64())})
    texts = pa.table({"key": id_texts(numbers.column("key"))})

    sample = golden_sample(numbers, "key")

    assert id_texts(sample.column("key")).to_pylist() == golden_sample(texts, "key").column("key").to_pylist()
