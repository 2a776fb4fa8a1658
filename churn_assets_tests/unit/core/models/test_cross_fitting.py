"""Customers who taught a model are scored by one that did not learn from them."""

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.models.cross_fitting import FOLDS, CrossFitted, fold_of, known_hashes
from churn_assets.core.training.labels import held_out

IDS = pa.array([f"c{number:04d}" for number in range(500)])


def _places(rows: pa.Table, learnt: pa.Array) -> list[int]:
    """By which of the scorers each row is scored: each gives its own number."""
    scorers = CrossFitted(0, tuple(range(1, FOLDS + 1)), known_hashes(learnt))
    given: list[int] = (
        scorers.score(rows, lambda scorer, part: np.full(part.num_rows, float(scorer))).astype(int).tolist()
    )
    return given


def test_customer_is_scored_by_the_fold_that_left_it_out() -> None:
    """Everybody who was learnt from is scored by the model without their fold, whatever else is in the batch."""
    rows = pa.table({"customer_id": IDS})

    assert _places(rows, IDS) == (1 + fold_of(IDS)).tolist()
    assert _places(rows.slice(17, 1), IDS) == [1 + fold_of(IDS)[17]]


def test_customer_who_taught_nothing_is_scored_by_the_final_model() -> None:
    """Without a label, or new: nobody learnt from them, so the model that learnt from everybody scores."""
    places = np.array(_places(pa.table({"customer_id": IDS}), IDS[:200]))

    assert (places[:200] > 0).all()
    assert (places[200:] == 0).all()


def test_no_rows_get_no_scores() -> None:
    """An empty batch is scored to nothing."""
    assert _places(pa.table({"customer_id": IDS[:0]}), IDS) == []


def test_first_fold_is_the_hold_out() -> None:
    """Who is held out for the card's figures is scored by the very model that was judged on them."""
    assert ((fold_of(IDS) == 0) == held_out(IDS)).all()


def test_folds_are_of_a_size() -> None:
    """Each fold is about a fifth of the customers."""
    shares = np.bincount(fold_of(pa.array(np.arange(10_000))), minlength=FOLDS) / 10_000

    assert shares == pytest.approx(np.full(FOLDS, 1 / FOLDS), abs=0.02)


def test_chunks_do_not_matter() -> None:
    """Customers in chunks are scored as in one piece."""
    whole = pa.table({"customer_id": IDS})
    parted = pa.concat_tables([whole.slice(0, 77), whole.slice(77)])

    assert _places(parted, IDS) == _places(whole, IDS)
