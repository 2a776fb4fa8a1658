"""What `config.yaml` may set for each stage: frozen values that are handed down, never looked up."""

import hashlib
import re
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

__all__ = [
    "IMPORTED",
    "OF_PROFILE",
    "AppOptions",
    "AuditBounds",
    "BoostingLibrary",
    "BuiltIn",
    "Candidate",
    "Decisions",
    "Estimator",
    "GateBounds",
    "MonitoringBounds",
    "OpenLineage",
    "ReasonOptions",
    "Recipe",
    "Retention",
    "RunHistory",
    "Schedule",
    "SinkOptions",
    "Validation",
]

CRON_FIELDS = 5
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
BuiltIn = Literal[
    "rules",
    "hist_gradient_boosting",
    "logistic_regression",
    "gradient_boosting",
    "random_forest",
    "ada_boost",
    "soft_voting",
]
BoostingLibrary = Literal["lightgbm", "xgboost", "catboost"]
OF_PROFILE = "profile"  # what the profile's `build_estimator` builds
IMPORTED = "imported"  # a model that was made elsewhere: no recipe of ours fits it
_SHORT = (*get_args(BuiltIn), *get_args(BoostingLibrary), OF_PROFILE)
_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def _known_estimator(name: str) -> str:
    if name in {*_SHORT, IMPORTED} or _PATH.fullmatch(name):
        return name
    message = f"{name!r} is no estimator: name one of {', '.join(_SHORT)}, or one as package.module:ClassOrFactory"
    raise ValueError(message)


Estimator = Annotated[str, AfterValidator(_known_estimator)]


Prior = Literal["none", "saerens", "seasonal", "auto"]


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AppOptions(_Options):
    """How the score service answers: to whom, what it calls too old, how often it looks for new scores.

    `keys` maps a name to the SHA-256 of an API key, in hexadecimal. Scores are too old once those of the next day are
    wanted (`MonitoringBounds.fresh_by`), or `fresh_hours` after the end of their day where that is given.
    """

    keys: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(default_factory=dict)
    fresh_hours: Annotated[float, Field(gt=0, le=87_600)] | None = None
    refuse_stale: bool = False
    poll_seconds: Annotated[float, Field(gt=0, le=60)] = 0.1

    @field_validator("keys")
    @classmethod
    def _no_empty_key(cls, keys: dict[str, str]) -> dict[str, str]:
        if empty := [name for name, digest in keys.items() if digest == hashlib.sha256(b"").hexdigest()]:
            message = (
                f"{', '.join(empty)} is the digest of an empty key, which everybody has; docs/serving.md makes one"
            )
            raise ValueError(message)
        return keys


class Validation(_Options):
    """How much of a snapshot may be quarantined before the day is refused."""

    max_quarantined_share: Share = 0.05


class Candidate(_Options):
    """One estimator that competes for a recipe; each combination of `search` is tried."""

    estimator: Estimator
    parameters: dict[str, Any] = Field(default_factory=dict)
    search: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)


COMPETING = (  # what `training.estimator: auto` tries; among equals the first one wins
    Candidate(
        estimator="hist_gradient_boosting",
        parameters={"learning_rate": 0.05, "max_leaf_nodes": 4, "min_samples_leaf": 50, "max_iter": 200},
    ),
    Candidate(estimator="logistic_regression"),
    Candidate(estimator="hist_gradient_boosting"),
)


class Recipe(_Options):
    """How a model is made: estimator, its parameters, seed, window, bound, treatment of imbalance, calibration, prior.

    Where `estimator` is `auto`, or there are `candidates`, the best of several by `metric` is taken. `parameters`
    without an estimator are those of a hist_gradient_boosting. `prior` says how the level of the probabilities
    follows the season.
    """

    estimator: Literal["auto"] | Estimator = "auto"
    parameters: dict[str, Any] = Field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    metric: Literal["roc_auc", "average_precision", "brier"] = "brier"
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 42
    window_days: Annotated[int, Field(ge=1)] = 365
    max_rows: Annotated[int, Field(ge=1)] | None = 2_000_000
    balance: Literal["none", "weights", "undersample"] = "none"
    calibration: Literal["none", "sigmoid", "isotonic"] = "none"
    prior: Prior = "auto"

    @model_validator(mode="before")
    @classmethod
    def _estimator_of_parameters(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("parameters") and given.get("estimator", "auto") == "auto":
            return given | {"estimator": "hist_gradient_boosting"}
        return given

    @model_validator(mode="after")
    def _rules_do_not_compete(self) -> Self:
        if any(candidate.estimator == "rules" for candidate in self.candidates):
            message = "candidates: rules are not trained and do not compete; every trained model must beat them anyway"
            raise ValueError(message)
        return self

    @property
    def competing(self) -> tuple[Candidate, ...]:
        """Who competes; empty where one estimator was named."""
        return self.candidates or (COMPETING if self.estimator == "auto" else ())

    @property
    def estimators(self) -> tuple[str, ...]:
        """The name of each estimator that it may come to."""
        return tuple(dict.fromkeys(each.estimator for each in self.competing)) or (self.estimator,)

    @property
    def is_rules(self) -> bool:
        """Whether nothing is trained: the profile's rules are asked for."""
        return self.estimator == "rules" and not self.candidates

    @property
    def undersamples(self) -> bool:
        """Whether a model learns from rows that were thinned out."""
        return self.balance == "undersample" and not self.is_rules

    @property
    def making(self) -> dict[str, Any]:
        """What makes a model another one; a bound on the rows does so only where it bites, by the sample's rate.

        No correction of the prior is left out: recipes had none once, and models of that time keep their names.
        """
        return self.model_dump(mode="json", exclude={"max_rows"} | ({"prior"} if self.prior == "none" else set()))

    def chosen(self, estimator: Estimator, parameters: dict[str, Any]) -> "Recipe":
        """This recipe with one estimator and no more candidates."""
        return self.model_copy(update={"estimator": estimator, "parameters": parameters, "candidates": ()})


class GateBounds(_Options):
    """What a model must reach in its backtest before it may be promoted; null leaves a gate out.

    `fallback` says what serves where no trained model passes.
    """

    min_rows: Count = 100
    min_churners: Count = 10
    min_roc_auc: Share = 0.6
    min_average_precision: Share = 0.0
    brier_below_base_rate: bool = True
    max_calibration_error: Positive | None = 0.5
    max_feature_roc_auc: Share | None = 0.97
    max_roc_auc: Share | None = 0.995
    max_roc_auc_loss: Share | None = 0.02
    min_slice_roc_auc: Share | None = None
    min_disparate_impact: Share | None = None
    reproducible: bool = True
    max_hidden_share: Share | None = None
    fallback: Literal["none", "rules"] = "none"


class AuditBounds(_Options):
    """What a night's customers must look like, and how far its scores may lie from the last day's and the reference's.

    Null, and false, leave one out.
    """

    refuse_repeated_export: bool = True
    min_common_ids: Share | None = 0.5
    max_feature_psi: Positive | None = 0.2
    max_unseen_share: Share | None = 0.01
    max_rows_change: Positive | None = 0.5
    max_tier_change: Share | None = 0.2
    max_mean_change: Share | None = 0.1
    max_psi: Positive | None = 0.25
    max_reference_psi: Positive | None = 0.5


class MonitoringBounds(_Options):
    """What is watched once scores are published, and beyond which bounds it is told.

    A distance of distributions is a finding only above what chance gives and above `times_usual` times what the same
    weekday usually has. By `fresh_by` of a day, in the configured time zone, yesterday's scores are wanted. A gap
    of calibration is the distance of a month's mean probability from its churn rate, as a share of that rate.
    """

    psi_warning: Positive = 0.1
    psi_error: Positive = 0.2
    times_usual: Positive = 3.0
    ks_warning: Positive = 0.1
    max_unseen_share: Share = 0.01
    max_null_share_rise: Share = 0.05
    fresh_by: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "08:00"
    min_outcomes: Annotated[int, Field(ge=1)] = 100
    max_outcomes: Annotated[int, Field(ge=1)] | None = 250_000
    calibration_gap_warning: Positive = 0.1
    calibration_gap_error: Positive = 0.25

    @model_validator(mode="after")
    def _warned_before_an_error(self) -> Self:
        if self.psi_warning > self.psi_error:
            message = f"psi_warning {self.psi_warning} lies above psi_error {self.psi_error}"
            raise ValueError(message)
        if self.calibration_gap_warning > self.calibration_gap_error:
            message = (
                f"calibration_gap_warning {self.calibration_gap_warning} lies above calibration_gap_error "
                f"{self.calibration_gap_error}"
            )
            raise ValueError(message)
        return self


class OpenLineage(_Options):
    """Where an event of each run is posted; an empty `url` posts none. All of it is secret: it may hold a key."""

    url: SecretStr = SecretStr("")

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value() and not url.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("an address begins with https:// or http://")
        return url


class Decisions(_Options):
    """Thresholds that turn a probability into a tier and an action, and the share of the offers that is held out."""

    medium_above: Share = 0.3
    high_above: Share = 0.6
    review_band: tuple[Share, Share] = (0.55, 0.65)
    held_out_share: Share = 0.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.medium_above > self.high_above:
            message = f"medium_above {self.medium_above} lies above high_above {self.high_above}"
            raise ValueError(message)
        if self.review_band[0] > self.review_band[1]:
            message = f"review_band starts at {self.review_band[0]}, after its end {self.review_band[1]}"
            raise ValueError(message)
        return self


class ReasonOptions(_Options):
    """Whose scores are explained: customers of the `high` tier, of `medium` and above, `all`, or `none`.

    What contributes no more than `min_contribution`, in log-odds, is no reason. Where reasons are `required`, scores
    that cannot be explained are not published.
    """

    customers: Literal["none", "high", "medium", "all"] = "medium"
    min_contribution: Annotated[float, Field(ge=0)] = 0.05
    required: bool = False


def _cron(expression: str) -> str:
    if len(expression.split()) != CRON_FIELDS:
        message = f"{expression!r} is no cron expression of five fields, such as '0 2 * * *'"
        raise ValueError(message)
    return expression


Cron = Annotated[str, AfterValidator(_cron)]


class Schedule(BaseModel):
    """When the jobs run, as cron expressions in the configured time zone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nightly: Cron = "0 2 * * *"
    training: Cron = "0 4 * * 1"
    maintenance: Cron = "0 5 * * 0"


class RunHistory(BaseModel):
    """How long Dagster's record of a run is kept after its end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_days: Annotated[int, Field(ge=1)] = 90


class SinkOptions(_Options):
    """The table of a database that published scores are written to as well; without a `uri` none is.

    `uri` is an address, or `env:NAME` for one that stands in an environment variable, since it holds a password.
    """

    uri: SecretStr = SecretStr("")
    driver: Annotated[str, Field(pattern=r"^[a-z0-9_]*$")] = ""
    table: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$")] = "churn_scores"

    @property
    def is_configured(self) -> bool:
        """Whether scores go to a database as well."""
        return bool(self.uri.get_secret_value())


class Retention(_Options):
    """For how many days what is no longer current is kept; what is current stays.

    `versions_days` count from when a version was replaced, `lookups_days` likewise of its lookup, `quarantine_days`
    from when rows were set aside, and `models_days` from when a model was made that nothing names.
    """

    versions_days: Annotated[int, Field(ge=1)] = 90
    lookups_days: Annotated[int, Field(ge=1)] = 30
    quarantine_days: Annotated[int, Field(ge=1)] = 30
    models_days: Annotated[int, Field(ge=1)] = 365
