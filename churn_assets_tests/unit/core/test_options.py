"""What `config.yaml` may say for each stage."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from churn_assets.core.options import Decisions, GateBounds, Recipe, Validation

ALL = [Validation, Recipe, GateBounds, Decisions]


def test_defaults_are_the_documented_ones() -> None:
    """Without configuration, the values are those of the design."""
    assert Validation().max_quarantined_share == 0.05
    assert Recipe().model_dump() == {
        "estimator": "hist_gradient_boosting",
        "parameters": {},
        "seed": 42,
        "window_days": 365,
        "balance": "none",
    }
    assert GateBounds().model_dump() == {"min_roc_auc": 0.6, "brier_below_base_rate": True}
    assert Decisions().model_dump() == {"medium_above": 0.3, "high_above": 0.6, "review_band": (0.55, 0.65)}


@pytest.mark.parametrize("options", ALL)
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
        (GateBounds, "min_roc_auc", 1.5),
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
