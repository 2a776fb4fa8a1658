"""What `config.yaml` may say for each stage."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from churn_assets.core.options import (
    AuditBounds,
    Candidate,
    Decisions,
    GateBounds,
    MonitoringBounds,
    Recipe,
    Validation,
)

ALL = [Validation, Recipe, GateBounds, AuditBounds, MonitoringBounds, Decisions]


def test_defaults_are_the_documented_ones() -> None:
    """Without configuration, the values are those of the design."""
    assert Validation().max_quarantined_share == 0.05
    assert Recipe().model_dump() == {
        "estimator": "auto",
        "parameters": {},
        "candidates": (),
        "metric": "brier",
        "seed": 42,
        "window_days": 365,
        "max_rows": 2_000_000,
        "balance": "none",
        "calibration": "none",
        "prior": "auto",
    }
    assert GateBounds().model_dump() == {
        "min_rows": 100,
        "min_churners": 10,
        "min_roc_auc": 0.6,
        "min_average_precision": 0.0,
        "brier_below_base_rate": True,
        "max_calibration_error": 0.5,
        "max_feature_roc_auc": 0.97,
        "max_roc_auc": 0.995,
        "max_roc_auc_loss": 0.02,
        "min_slice_roc_auc": None,
        "min_disparate_impact": None,
        "reproducible": True,
        "max_hidden_share": None,
        "fallback": "none",
    }
    assert AuditBounds().model_dump() == {
        "refuse_repeated_export": True,
        "min_common_ids": 0.5,
        "max_feature_psi": 0.2,
        "max_unseen_share": 0.01,
        "max_rows_change": 0.5,
        "max_tier_change": 0.2,
        "max_mean_change": 0.1,
        "max_psi": 0.25,
        "max_reference_psi": 0.5,
    }
    assert MonitoringBounds().model_dump() == {
        "psi_warning": 0.1,
        "psi_error": 0.2,
        "times_usual": 3.0,
        "ks_warning": 0.1,
        "max_unseen_share": 0.01,
        "max_null_share_rise": 0.05,
        "fresh_by": "08:00",
        "min_outcomes": 100,
        "max_outcomes": 250_000,
        "calibration_gap_warning": 0.1,
        "calibration_gap_error": 0.25,
    }
    assert Decisions().model_dump() == {
        "medium_above": 0.3,
        "high_above": 0.6,
        "review_band": (0.55, 0.65),
        "held_out_share": 0.0,
    }


@pytest.mark.parametrize("options", [*ALL, Candidate])
def test_misspelt_key_is_refused(options: type[BaseModel]) -> None:
    """A key that does not exist is an error that names it, never ignored."""
    with pytest.raises(ValidationError, match="misspelt"):
        options.model_validate({"misspelt": 1})


@pytest.mark.parametrize("options", ALL)
def test_values_are_frozen(options: type[BaseModel]) -> None:
    """Nobody below can change a setting that was handed down."""
    values = options()
    name = next(iter(type(values).model_fields))

    with pytest.raises(ValidationError, match="frozen"):
        setattr(values, name, 0.5)


@pytest.mark.parametrize(
    ("options", "key", "value"),
    [
        (Validation, "max_quarantined_share", -0.01),
        (Validation, "max_quarantined_share", 1.01),
        (Validation, "max_quarantined_share", float("nan")),
        (Recipe, "estimator", "neural_network"),
        (Recipe, "balance", "oversample"),
        (Recipe, "seed", -1),
        (Recipe, "seed", 2**32),
        (Recipe, "window_days", 0),
        (Recipe, "max_rows", 0),
        (Recipe, "calibration", "platt"),
        (Recipe, "metric", "accuracy"),
        (Recipe, "candidates", [{"estimator": "neural_network"}]),
        (Recipe, "candidates", [{"parameters": {"max_iter": 5}}]),
        (Recipe, "candidates", [{"estimator": "ada_boost", "search": {"n_estimators": []}}]),
        (Recipe, "candidates", [{"estimator": "ada_boost", "search": {"n_estimators": 5}}]),
        (Recipe, "candidates", [{"estimator": "ada_boost", "seed": 5}]),
        (GateBounds, "min_roc_auc", 1.5),
        (GateBounds, "min_rows", -1),
        (GateBounds, "min_churners", 0.5),
        (GateBounds, "min_average_precision", 1.01),
        (GateBounds, "max_calibration_error", 0),
        (GateBounds, "max_feature_roc_auc", 1.01),
        (GateBounds, "max_roc_auc", 1.01),
        (GateBounds, "max_roc_auc_loss", -0.01),
        (GateBounds, "min_slice_roc_auc", 1.5),
        (GateBounds, "min_disparate_impact", -0.8),
        (GateBounds, "fallback", "previous"),
        (AuditBounds, "refuse_repeated_export", None),
        (AuditBounds, "min_common_ids", 1.01),
        (AuditBounds, "max_feature_psi", 0),
        (AuditBounds, "max_rows_change", 0),
        (AuditBounds, "max_tier_change", 1.01),
        (AuditBounds, "max_mean_change", -0.1),
        (AuditBounds, "max_psi", 0),
        (AuditBounds, "max_reference_psi", float("nan")),
        (Decisions, "medium_above", -0.1),
        (Decisions, "high_above", 1.1),
        (Decisions, "review_band", (0.5, 1.5)),
        (Decisions, "review_band", (0.5,)),
    ],
)
def test_value_out_of_range_is_refused(options: type[BaseModel], key: str, value: Any) -> None:
    """A value that makes no sense is refused by the name of its key."""
    with pytest.raises(ValidationError, match=key):
        options.model_validate({key: value})


@pytest.mark.parametrize(
    ("options", "key"),
    [
        *[(GateBounds, key) for key in ("max_calibration_error", "max_feature_roc_auc", "max_roc_auc_loss")],
        *[(GateBounds, key) for key in ("max_roc_auc", "min_slice_roc_auc", "min_disparate_impact")],
        *[(AuditBounds, key) for key in AuditBounds.model_fields if key != "refuse_repeated_export"],
    ],
)
def test_bound_may_be_left_out(options: type[BaseModel], key: str) -> None:
    """Null says that nothing is held to this bound."""
    assert getattr(options.model_validate({key: None}), key) is None


@pytest.mark.parametrize("key", ["min_rows", "min_churners", "min_roc_auc", "min_average_precision"])
def test_least_that_is_wanted_of_every_model_cannot_be_left_out(key: str) -> None:
    """The bounds that hold for every model have a number."""
    with pytest.raises(ValidationError, match=key):
        GateBounds.model_validate({key: None})


def test_rules_do_not_compete() -> None:
    """Rules among the candidates are refused with the reason; alone they are a recipe."""
    with pytest.raises(ValidationError, match="rules are not trained and do not compete"):
        Recipe.model_validate({"candidates": [{"estimator": "ada_boost"}, {"estimator": "rules"}]})

    assert Recipe(estimator="rules").estimator == "rules"


def test_chosen_recipe_has_one_estimator() -> None:
    """What came of the candidates is one estimator with its parameters; all else stays as it was configured."""
    recipe = Recipe(
        candidates=(Candidate(estimator="ada_boost"), Candidate(estimator="random_forest")),
        metric="brier",
        seed=7,
        window_days=90,
        balance="weights",
        calibration="sigmoid",
    )

    chosen = recipe.chosen("ada_boost", {"n_estimators": 5})

    assert chosen.model_dump() == recipe.model_dump() | {
        "estimator": "ada_boost",
        "parameters": {"n_estimators": 5},
        "candidates": (),
    }
    assert len(recipe.candidates) == 2


@pytest.mark.parametrize("share", [0, 1])
def test_bounds_of_shares_are_allowed(share: int) -> None:
    """A share of nothing or of everything is a share."""
    assert Validation(max_quarantined_share=share).max_quarantined_share == share


def test_medium_above_high_is_refused() -> None:
    """Tiers in the wrong order are refused with both numbers."""
    with pytest.raises(ValidationError, match=r"medium_above 0\.7 lies above high_above 0\.6"):
        Decisions(medium_above=0.7, high_above=0.6)


def test_band_that_ends_before_it_starts_is_refused() -> None:
    """A review band in the wrong order is refused with both numbers."""
    with pytest.raises(ValidationError, match=r"review_band starts at 0\.7, after its end 0\.6"):
        Decisions(review_band=(0.7, 0.6))


def test_equal_bounds_are_allowed() -> None:
    """No medium tier, and a band of one point, are choices."""
    decisions = Decisions(medium_above=0.5, high_above=0.5, review_band=(0.5, 0.5))

    assert decisions.review_band == (0.5, 0.5)


def test_auto_is_three_recipes() -> None:
    """By default a gentle boosting, a line and the usual boosting compete; a named estimator competes with nobody."""
    competing = [candidate.estimator for candidate in Recipe().competing]

    assert competing == ["hist_gradient_boosting", "logistic_regression", "hist_gradient_boosting"]
    assert Recipe(estimator="random_forest").competing == ()
    assert Recipe(candidates=(Candidate(estimator="ada_boost"),)).competing == (Candidate(estimator="ada_boost"),)


def test_parameters_alone_are_of_boosted_histograms() -> None:
    """Whoever sets parameters and names no estimator means the one that was the default once."""
    assert Recipe(parameters={"max_iter": 20}).estimator == "hist_gradient_boosting"
    assert Recipe(estimator="auto", parameters={"max_iter": 20}).estimator == "hist_gradient_boosting"
    assert Recipe(estimator="ada_boost", parameters={"n_estimators": 20}).estimator == "ada_boost"


def test_recipe_without_prior_is_what_it_was() -> None:
    """No correction of the prior is no part of what makes a model, so that models of before keep their names."""
    assert "prior" not in Recipe(prior="none").making
    assert Recipe(prior="seasonal").making["prior"] == "seasonal"
