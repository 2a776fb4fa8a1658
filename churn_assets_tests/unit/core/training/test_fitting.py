"""Which days a model may learn from, and the fit itself."""

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from churn_assets.core.errors import SettingsError, TrainingImpossible
from churn_assets.core.models.model import predict
from churn_assets.core.options import Estimator, Recipe
from churn_assets.core.training.dataset import LabelledRows, training_days
from churn_assets.core.training.fitting import fit, folded_words
from churn_assets_tests.factories import labelled_rows

COLUMNS = ("spend", "active", "plan")
SMALL: dict[Estimator, dict[str, Any]] = {
    "hist_gradient_boosting": {"max_iter": 15},
    "logistic_regression": {},
    "random_forest": {"n_estimators": 10},
}


@settings(deadline=None, max_examples=200)
@given(
    as_of=st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)),
    horizon=st.integers(1, 400),
    window=st.integers(1, 800),
)
def test_nothing_from_the_future(as_of: dt.date, horizon: int, window: int) -> None:
    """Every label that is served was known on the day, and every one of the backtest on the backtest's day."""
    ahead = dt.timedelta(days=horizon)

    days = training_days(as_of, horizon, window)

    assert days.backtest + ahead == as_of
    assert all(day + ahead <= as_of for day in days.served)
    assert all(day + ahead <= days.backtest for day in days.judged)
    assert days.served[0] + ahead == as_of
    assert days.judged[0] + ahead == days.backtest


@settings(deadline=None, max_examples=100)
@given(as_of=st.dates(dt.date(2000, 1, 1)), horizon=st.integers(1, 400), window=st.integers(1, 800))
def test_days_count_back_in_weeks(as_of: dt.date, horizon: int, window: int) -> None:
    """Days lie a week apart, newest first, as far back as the window reaches and no further."""
    days = training_days(as_of, horizon, window)

    for listed in (days.served, days.judged):
        back = [(listed[0] - day).days for day in listed]
        assert back == list(range(0, window + 1, 7))
        assert window - 7 < back[-1] <= window


def test_days_of_an_example() -> None:
    """As of 1 November with 30 days of horizon and two weeks of window."""
    days = training_days(dt.date(2026, 11, 1), horizon_days=30, window_days=14)

    assert days.backtest == dt.date(2026, 10, 2)
    assert days.served == (dt.date(2026, 10, 2), dt.date(2026, 9, 25), dt.date(2026, 9, 18))
    assert days.judged == (dt.date(2026, 9, 2), dt.date(2026, 8, 26), dt.date(2026, 8, 19))


@pytest.mark.parametrize("estimator", list(SMALL))
@pytest.mark.parametrize("balance", ["none", "weights", "undersample"])
def test_same_data_gives_the_same_model(estimator: Estimator, balance: Any) -> None:
    """Fitted twice on the same rows by the same recipe, the predictions are the same to the last bit."""
    rows = labelled_rows(400, seed=1)
    recipe = Recipe(estimator=estimator, parameters=SMALL[estimator], balance=balance)

    with threadpool_limits(1):
        once, again = (predict(fit(rows, recipe, COLUMNS), rows.features, COLUMNS) for _ in range(2))

    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize("estimator", list(SMALL))
@pytest.mark.parametrize("calibration", ["none", "sigmoid"])
def test_order_of_rows_does_not_matter(estimator: Estimator, calibration: Any) -> None:
    """The same rows, newest or oldest first or shuffled, give the same model to the bit."""
    rows = dataclasses.replace(
        labelled_rows(600, seed=1), days=np.resize(np.array(["2026-01-08", "2026-01-01"], "M8[D]"), 600)
    )
    recipe = Recipe(estimator=estimator, parameters=SMALL[estimator], calibration=calibration)
    shuffled = np.random.default_rng(5).permutation(len(rows.churned))
    other = LabelledRows(rows.features.take(pa.array(shuffled)), rows.churned[shuffled], rows.days[shuffled])

    one, two = (predict(fit(each, recipe, COLUMNS), rows.features, COLUMNS) for each in (rows, other))

    assert one.tobytes() == two.tobytes()


def test_boosting_does_not_stop_early() -> None:
    """Of more than ten thousand rows, too, every tree is grown: no random rows say when to stop."""
    model = fit(
        labelled_rows(10_500, seed=1), Recipe(estimator="hist_gradient_boosting", parameters={"max_iter": 30}), COLUMNS
    )

    assert model["estimator"].n_iter_ == 30


def _cities(words: int, rows: int = 6000) -> LabelledRows:
    """Rows whose plan is one of so many words, the first of them the most frequent."""
    rows_of = labelled_rows(rows, seed=3)
    plans = np.minimum(np.random.default_rng(4).geometric(0.004, rows), words) - 1
    plan = pa.array([f"city {number:04d}" for number in plans]).dictionary_encode()
    return dataclasses.replace(
        rows_of, features=rows_of.features.set_column(rows_of.features.column_names.index("plan"), "plan", plan)
    )


@pytest.mark.parametrize("estimator", list(SMALL))
def test_category_of_a_thousand_words_is_learnt(estimator: Estimator) -> None:
    """Words beyond what can be learnt apart are folded, and any word at all is scored."""
    rows = _cities(1100)
    recipe = Recipe(estimator=estimator, parameters=SMALL[estimator])

    model = fit(rows, recipe, COLUMNS)

    assert np.isfinite(predict(model, rows.features, COLUMNS)).all()
    unseen = rows.features.slice(0, 3).set_column(
        rows.features.column_names.index("plan"), "plan", pa.array(["nowhere", None, "city 0001"]).dictionary_encode()
    )
    assert np.isfinite(predict(model, unseen, COLUMNS)).all()
    assert folded_words(rows, recipe, COLUMNS).keys() == {"plan"}


def test_rare_word_scores_as_one_never_seen() -> None:
    """A word that was folded says no more than one that training never met."""
    rows = _cities(1100)
    model = fit(rows, Recipe(estimator="hist_gradient_boosting", parameters={"max_iter": 15}), COLUMNS)
    place = rows.features.column_names.index("plan")
    one = rows.features.slice(0, 1)

    rare, unseen = (
        one.set_column(place, "plan", pa.array([word]).dictionary_encode()) for word in ("city 0500", "new")
    )

    assert predict(model, rare, COLUMNS)[0] == predict(model, unseen, COLUMNS)[0]


def test_few_words_are_all_learnt() -> None:
    """A category that fits is not folded."""
    assert folded_words(_cities(40), Recipe(estimator="logistic_regression"), COLUMNS) == {}


def test_seed_is_used() -> None:
    """Another seed gives another forest."""
    rows = labelled_rows(400, seed=2)
    recipes = [Recipe(estimator="random_forest", parameters={"n_estimators": 5}, seed=seed) for seed in (1, 2)]

    one, other = (predict(fit(rows, recipe, COLUMNS), rows.features, COLUMNS) for recipe in recipes)

    assert not np.array_equal(one, other)


def test_only_the_feature_columns_are_learnt_from() -> None:
    """The id and any other column of the table are not looked at."""
    rows = labelled_rows(400, seed=3)
    outcome = pa.array(rows.churned.astype(np.float64))
    leaking = dataclasses.replace(rows, features=rows.features.append_column("outcome", outcome))
    recipe = Recipe(estimator="logistic_regression")

    one, other = (predict(fit(each, recipe, COLUMNS), rows.features, COLUMNS) for each in (rows, leaking))

    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("churners", [0, 1, 19, 20])
def test_missing_class_is_told(churners: int) -> None:
    """Without two of each kind there is nothing to learn; the sentence says how many there are."""
    rows = dataclasses.replace(labelled_rows(20, seed=4), churned=np.arange(20) < churners)

    with pytest.raises(TrainingImpossible, match=f"training has 20 rows, of which {churners} churned: at least 2"):
        fit(rows, Recipe(estimator="hist_gradient_boosting"), COLUMNS)


def test_no_rows_are_told() -> None:
    """No rows at all are told in the same sentence."""
    rows = labelled_rows(20, seed=4).keep(np.zeros(20, dtype=bool))

    with pytest.raises(TrainingImpossible, match="training has 0 rows"):
        fit(rows, Recipe(estimator="hist_gradient_boosting"), COLUMNS)


@pytest.mark.parametrize(
    ("estimator", "parameters"),
    [
        ("hist_gradient_boosting", {"max_iter": "many"}),
        ("hist_gradient_boosting", {"learning_rate": -1}),
        ("hist_gradient_boosting", {"categorical_features": ["nowhere"]}),
        ("logistic_regression", {"C": -1}),
        ("gradient_boosting", {"n_estimators": 0}),
        ("random_forest", {"max_features": [1]}),
        ("ada_boost", {"estimator": "tree"}),
        ("soft_voting", {"weights": [1, 2]}),
        ("soft_voting", {"voting": "hard"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("balance", ["none", "weights"])
def test_refused_parameters_are_told(estimator: Estimator, parameters: dict[str, Any], balance: Any) -> None:
    """A parameter whose value gives no probabilities is an error of the settings, before anything is scored."""
    rows = labelled_rows(100, seed=5)

    with pytest.raises(SettingsError, match=rf"^training.*{next(iter(parameters))}"):
        fit(rows, Recipe(estimator=estimator, parameters=parameters, balance=balance), COLUMNS)


def test_model_that_has_not_converged_is_left_to_the_gates() -> None:
    """An optimizer that stops early does not stop the training: the backtest judges its result."""
    rows = labelled_rows(400, seed=6)
    recipe = Recipe(estimator="logistic_regression", parameters={"max_iter": 1})

    pipeline = fit(rows, recipe, COLUMNS)

    assert np.isfinite(predict(pipeline, rows.features, COLUMNS)).all()


def _on(rows: LabelledRows, *days: str) -> LabelledRows:
    """The rows as those of certain days."""
    return dataclasses.replace(rows, days=np.array(days, dtype="datetime64[D]"))


def test_parts_are_joined_in_order() -> None:
    """Rows of several days stand behind each other with their outcomes and their days."""
    parts = [_on(labelled_rows(3, seed=7), *["2026-01-08"] * 3), _on(labelled_rows(2, seed=8), *["2026-01-01"] * 2)]

    joined = LabelledRows.join(parts)

    assert joined.features.to_pylist() == parts[0].features.to_pylist() + parts[1].features.to_pylist()
    assert joined.churned.tolist() == parts[0].churned.tolist() + parts[1].churned.tolist()
    assert joined.days.astype(str).tolist() == ["2026-01-08"] * 3 + ["2026-01-01"] * 2


def test_kept_rows_keep_their_outcomes() -> None:
    """The marked rows stay, each with its own outcome and day."""
    rows = _on(labelled_rows(4, seed=9), "2026-01-01", "2026-01-08", "2026-01-15", "2026-01-22")

    kept = rows.keep(np.array([True, False, False, True]))

    assert kept.features.to_pylist() == [rows.features.to_pylist()[at] for at in (0, 3)]
    assert kept.churned.tolist() == [rows.churned[at] for at in (0, 3)]
    assert kept.days.astype(str).tolist() == ["2026-01-01", "2026-01-22"]


def test_ids_are_the_customers_of_the_rows() -> None:
    """The customers are told in the order of their rows."""
    rows = labelled_rows(3, seed=10)

    assert rows.ids.to_pylist() == rows.features["customer_id"].to_pylist()
