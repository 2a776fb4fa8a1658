"""What changed from one model version to the next, in words."""

import datetime as dt
from typing import Any

import pytest

from churn_assets.core.models.changelog import changes_between
from churn_assets.core.options import Candidate, Recipe
from churn_assets_tests.factories import SNAPSHOT, made_up_card, made_up_metrics

LATER = SNAPSHOT + dt.timedelta(days=7)


def _changes(before: dict[str, Any] | None = None, **after: Any) -> list[str]:
    """The sentences but the first and the last, which tell the days and the backtest of every model."""
    sentences = changes_between(made_up_card(**(before or {})), made_up_card(trained_as_of=LATER, **after))
    assert sentences[0] == "Trained as of 2026-02-07, before as of 2026-01-31."
    return sentences[1:-1] if sentences[-1].startswith("Backtest") else sentences[1:]


def test_only_the_days_differ() -> None:
    """Of the same recipe a week later, only the days and the figures of the backtest are told."""
    after = made_up_card(
        trained_as_of=LATER, backtest_date=dt.date(2026, 1, 8), metrics=made_up_metrics(roc_auc=0.81239)
    )

    sentences = changes_between(made_up_card(), after)

    assert sentences == [
        "Trained as of 2026-02-07, before as of 2026-01-31.",
        "Backtest ROC-AUC 0.8124 on 2026-01-08, before 0.8000 on 2026-01-01.",
    ]


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ({}, {"feature_columns": ("spend", "active", "plan", "age")}, "Features added: age."),
        ({}, {"feature_columns": ("spend",)}, "Features removed: active, plan."),
        (
            {},
            {"chosen": Recipe(estimator="random_forest")},
            "Recipe: estimator hist_gradient_boosting -> random_forest.",
        ),
        ({}, {"chosen": Recipe(parameters={"max_iter": 50})}, "Recipe: parameters {} -> {'max_iter': 50}."),
        (
            {"chosen": Recipe(estimator="hist_gradient_boosting", seed=1)},
            {"chosen": Recipe(estimator="hist_gradient_boosting", seed=2, calibration="sigmoid")},
            "Recipe: seed 1 -> 2, calibration none -> sigmoid.",
        ),
        (
            {"feature_parameters": {"few_visits": 3}},
            {"feature_parameters": {"few_visits": 4}},
            "Feature parameters: few_visits 3 -> 4.",
        ),
        ({"feature_parameters": {"few": 3}}, {}, "Feature parameters: few 3 -> absent."),
        ({}, {"feature_parameters": {"few": 3}}, "Feature parameters: few absent -> 3."),
        ({}, {"profile_digest": "1" * 64}, "The code of the profile members has changed."),
        ({}, {"libraries": {"numpy": "2.1", "scipy": "1"}}, "Libraries: numpy 2 -> 2.1, scipy absent -> 1."),
        (
            {},
            {"train_rows": 12345, "train_churners": 678},
            "Learnt from 12,345 rows with 678 churners, before from 10 with 2.",
        ),
        ({}, {"train_churners": 3}, "Learnt from 10 rows with 3 churners, before from 10 with 2."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_difference_has_its_sentence(before: dict[str, Any], after: dict[str, Any], sentence: str) -> None:
    """What differs is told with both values, and nothing else is."""
    assert _changes(before, **after) == [sentence]


def test_added_and_removed_features_are_two_sentences() -> None:
    """A feature that takes another's place is told as added, and the other as removed."""
    sentences = _changes(feature_columns=("spend", "plan", "age", "city"))

    assert sentences == ["Features added: age, city.", "Features removed: active."]


def test_another_outcome_is_told() -> None:
    """A model of another label predicts something else: nothing about it matters more."""
    sentences = _changes(label="rule over 60 days")

    assert len(sentences) == 1
    assert "rule over 30 days" in sentences[0]
    assert "rule over 60 days" in sentences[0]


def test_parameter_set_to_nothing_is_told() -> None:
    """A parameter that is new and null is not the same as one that is not there."""
    sentences = _changes(feature_parameters={"cap": None})

    assert sentences == ["Feature parameters: cap absent -> None."]


def test_candidates_are_told_by_what_they_came_to() -> None:
    """More candidates with the same choice are no other model; the configured recipe is not what is served."""
    candidates = (Candidate(estimator="random_forest"), Candidate(estimator="hist_gradient_boosting"))

    assert _changes(chosen=Recipe(estimator="hist_gradient_boosting"), recipe=Recipe(candidates=candidates)) == []


@pytest.mark.parametrize("judged", ["before", "after", "neither"])
def test_model_without_a_backtest_is_beside_none(judged: str) -> None:
    """Where either model has no figures, none are compared."""
    nothing = {"metrics": None, "backtest_date": None}
    before = made_up_card(**({} if judged == "before" else nothing))
    after = made_up_card(trained_as_of=LATER, **({} if judged == "after" else nothing))

    assert changes_between(before, after) == ["Trained as of 2026-02-07, before as of 2026-01-31."]


def test_several_differences_are_told_together() -> None:
    """Each thing has its own sentence, features before recipe before libraries."""
    sentences = _changes(
        chosen=Recipe(estimator="hist_gradient_boosting", seed=43),
        feature_columns=("spend", "active"),
        libraries={"numpy": "3"},
        profile_digest="1" * 64,
    )

    assert sentences == [
        "Features removed: plan.",
        "Recipe: seed 42 -> 43.",
        "The code of the profile members has changed.",
        "Libraries: numpy 2 -> 3.",
    ]
