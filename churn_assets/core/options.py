"""What `config.yaml` may set for each stage: frozen values that are handed down, never looked up."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Decisions", "GateBounds", "Recipe", "Validation"]

Share = Annotated[float, Field(ge=0, le=1)]
Estimator = Literal[
    "hist_gradient_boosting",
    "logistic_regression",
    "gradient_boosting",
    "random_forest",
    "ada_boost",
    "soft_voting",
]


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Validation(_Options):
    """How much of a snapshot may be quarantined before the day is refused."""

    max_quarantined_share: Share = 0.05


class Recipe(_Options):
    """How a model is made: estimator, its parameters, seed, window and treatment of imbalance."""

    estimator: Estimator = "hist_gradient_boosting"
    parameters: dict[str, Any] = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 42
    window_days: Annotated[int, Field(ge=1)] = 365
    balance: Literal["none", "weights", "undersample"] = "none"


class GateBounds(_Options):
    """What a model must reach in its backtest before it may be promoted."""

    min_roc_auc: Share = 0.6
    brier_below_base_rate: bool = True


class Decisions(_Options):
    """Thresholds that turn a probability into a tier and an action."""

    medium_above: Share = 0.3
    high_above: Share = 0.6
    review_band: tuple[Share, Share] = (0.55, 0.65)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.medium_above > self.high_above:
            message = f"medium_above {self.medium_above} lies above high_above {self.high_above}"
            raise ValueError(message)
        if self.review_band[0] > self.review_band[1]:
            message = f"review_band starts at {self.review_band[0]}, after its end {self.review_band[1]}"
            raise ValueError(message)
        return self
