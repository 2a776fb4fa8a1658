"""How much a model owes to the customers it happened to learn from."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from churn_assets.core.options import Recipe
from churn_assets.core.training.stability import duplicate_rows, stability
from churn_assets_tests.factories import labelled_rows

COLUMNS = ("spend", "active", "plan")
STEADY = Recipe(estimator="logistic_regression")
WILD = Recipe(estimator="hist_gradient_boosting", parameters={"min_samples_leaf": 2, "max_iter": 60})


def test_wild_model_moves_more_than_a_steady_one() -> None:
    """A model that fits every row moves further from half to half than a line through all."""
    rows, holdout = labelled_rows(1500, seed=1), labelled_rows(400, seed=2)

    steady, wild = (stability(rows, holdout, recipe, COLUMNS) for recipe in (STEADY, WILD))

    assert steady is not None
    assert wild is not None
    assert 0 < steady < wild < 1


def test_half_that_cannot_be_learnt_from_says_nothing() -> None:
    """Where one half of the customers holds no two churners, there is no figure and no failure."""
    rows = labelled_rows(40, seed=1)
    few = replace(rows, churned=np.arange(40) < 2)

    assert stability(few, rows, STEADY, COLUMNS) is None


def test_equal_feature_rows_are_counted() -> None:
    """Rows of the hold-out whose features are those of a row that was learnt from; the id is no feature."""
    train, test = labelled_rows(300, seed=1), labelled_rows(100, seed=2)
    ids = pa.array([f"other {number}" for number in range(300)])
    again = replace(train, features=train.features.set_column(0, "customer_id", ids))

    assert duplicate_rows(train, again, COLUMNS) == 300
    assert duplicate_rows(train, test, ("spend",)) == test.features.column("spend").null_count


def test_dictionaries_in_another_order_are_the_same_words() -> None:
    """A category is compared by its word, whatever its code is in a file."""
    rows = labelled_rows(50, seed=1)
    place = rows.features.column_names.index("plan")
    words = pa.array(["b"] * 25 + ["a"] * 25)
    turned = pa.array(["a"] * 1 + ["b"] * 24 + ["a"] * 25)
    one = replace(rows, features=rows.features.set_column(place, "plan", words.dictionary_encode()))
    other = replace(rows, features=rows.features.set_column(place, "plan", turned.dictionary_encode()))

    assert duplicate_rows(one, other, COLUMNS) == 49
