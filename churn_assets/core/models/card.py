"""What a model version is, as its card holds it, and how its name is made."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, field_serializer, model_validator

from churn_assets.core.evaluation.results import DayRate, Interval, Metrics, PriorChoice, Slice
from churn_assets.core.options import Estimator, Recipe

__all__ = [
    "CARD_FORM",
    "EXACT",
    "CandidateResult",
    "ImportedModel",
    "InputVersion",
    "ModelCard",
    "card_json",
    "digest_of_version",
    "model_version",
    "sealed",
]

EXACT = "exact"
CARD_FORM = 4  # what `train` writes; one more wherever a field of the card comes, goes or means something else


class CandidateResult(BaseModel):
    """An estimator with its parameters, by its mean quality over the folds of a cross-validation.

    `backtest` is its quality on the backtest's day, for the best parameters of each candidate.
    """

    model_config = ConfigDict(frozen=True)

    estimator: Estimator
    parameters: dict[str, Any]
    folds: int
    roc_auc: float
    average_precision: float
    brier: float
    backtest: Metrics | None = None
    chosen: bool = False


class InputVersion(BaseModel):
    """One partition version a model was trained or judged on."""

    model_config = ConfigDict(frozen=True)

    table: str
    snapshot_date: dt.date
    version: str


class ImportedModel(BaseModel):
    """A model that was made elsewhere: the `kind` and name of its `file`, its SHA-256, and why it was brought."""

    model_config = ConfigDict(frozen=True)

    file: str
    kind: str
    sha256: str
    reason: str


class ModelCard(BaseModel):
    """What a model version is.

    No clock, champion or gate stands in it: those are records beside it. Only the digests of its page,
    in `files` and `seal`, know what it was compared with when it was made.

    `recipe` is what was configured, `chosen` the one estimator that it came to; `files` are the
    SHA-256 digests of what lies beside the card, `seal` is that of everything else in it. `sample_rate`
    is the share of the customers whose rows it learnt from and was judged on. `kernel` is `EXACT` where a
    compiled kernel was proven to give its bits, else why the library itself scores. A model of rules
    has no training days and no rows, and no `metrics` as long as no outcome is known. `form` is the
    `CARD_FORM` it was written in; cards of form 1 do not name it, and may lack fields that came later.

    `out_of_fold` says that customers who were learnt from are scored by a model that did not learn from them,
    `in_sample` that they are not (a labelled export up to form 2). `duplicates` counts rows of the hold-out whose
    features are exactly those of a row that was learnt from. `folded` counts the words of a category that are too
    rare to be learnt apart. `day_rates` are the churn rates of the training days, by which `prior` sets the season's
    level. `stability` is the 99th percentile of how far a probability of the hold-out moves where the model learns
    from one half of the customers, and where it learns from the other.
    `reasons` is `EXACT` where Shapley values of its margin were proven to add up, else why there are none, and empty up
    to form 3. `contributions` are their mean absolute ones, log-odds, over a sample of the rows that were learnt from,
    largest first.
    `reproducible` says whether a second fit of the same rows gave the same probabilities; None where that is known
    without one. `imported` is set for a model that was made elsewhere: of what it learnt from only `trained_as_of` is
    said, and it is judged on a day that is not before that one.
    """

    model_config = ConfigDict(frozen=True)

    model_version: str
    trained_as_of: dt.date
    profile: str
    profile_digest: str
    recipe: Recipe
    chosen: Recipe
    selection: str
    leaderboard: tuple[CandidateResult, ...]
    feature_columns: tuple[str, ...]
    feature_parameters: dict[str, Any]
    feature_digest: str
    label: str
    training_dates: tuple[dt.date, ...]
    backtest_date: dt.date | None
    backtest_training_dates: tuple[dt.date, ...]
    skipped_dates: tuple[dt.date, ...]
    inputs: tuple[InputVersion, ...]
    libraries: dict[str, str]
    code_revision: str
    train_rows: int
    train_churners: int
    left_out_rows: int
    metrics: Metrics | None
    intervals: dict[str, Interval]
    slices: tuple[Slice, ...]
    importance: dict[str, float]
    in_sample: bool
    limitations: tuple[str, ...]
    kernel: str = ""
    files: dict[str, str]
    sample_rate: float = 1.0
    seal: str = ""
    form: int = 1
    out_of_fold: bool = False
    duplicates: int = 0
    folded: dict[str, int] = {}
    day_rates: tuple[DayRate, ...] = ()
    prior: PriorChoice = PriorChoice()
    stability: float | None = None
    reproducible: bool | None = None
    imported: ImportedModel | None = None
    reasons: str = ""
    contributions: dict[str, float] = {}

    @model_validator(mode="before")
    @classmethod
    def _without_prior(cls, given: Any) -> Any:
        """A recipe that names no prior has none: those of cards up to form 2, and those that name `none`."""
        if not isinstance(given, dict):
            return given
        recipes = {name: given[name] for name in ("recipe", "chosen") if isinstance(given.get(name), dict)}
        return given | {name: {"prior": "none"} | recipe for name, recipe in recipes.items()}

    @field_serializer("recipe", "chosen")
    def _making(self, recipe: Recipe) -> dict[str, Any]:
        """The bound on the rows is left out: `sample_rate` says what came of it."""
        return recipe.making

    @property
    def is_rules(self) -> bool:
        """Whether these are a profile's rules, which were not trained."""
        return self.chosen.is_rules


def model_version(  # noqa: PLR0913  # all that a model is made of
    as_of: dt.date,
    *,
    profile_digest: str,
    feature_digest: str,
    label: str,
    recipe: Recipe,
    inputs: Iterable[InputVersion],
    libraries: Mapping[str, str],
    sample_rate: float = 1.0,
) -> str:
    """The name of the model that these make: the day, and a digest of what it is; no clock in it."""
    content = [
        as_of.isoformat(),
        profile_digest,
        feature_digest,
        label,
        recipe.making,
        [entry.model_dump(mode="json") for entry in inputs],
        sorted(libraries.items()),
        *([sample_rate] if sample_rate < 1 else []),
    ]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{as_of:%Y%m%d}-{digest[:8]}"


def card_json(card: ModelCard) -> str:
    """The text of a card's file, in the form that the card has."""
    return card.model_dump_json(indent=2, exclude=_outside_the_seal(card)) + "\n"


def sealed(card: ModelCard) -> ModelCard:
    """The card with the digest of its own content, by which a changed one is told."""
    content = card.model_copy(update={"seal": ""}).model_dump_json(exclude=_outside_the_seal(card))
    return card.model_copy(update={"seal": hashlib.sha256(content.encode()).hexdigest()})


def _outside_the_seal(card: ModelCard) -> set[str]:
    """Fields that a card of an earlier form was sealed without: later ones, and of form 1 the rate of no sample."""
    if card.form == CARD_FORM:
        return set()
    later = ModelCard.model_fields.keys() - card.model_fields_set
    return later | ({"sample_rate"} if card.form == 1 and card.sample_rate == 1 else set())


def digest_of_version(card: ModelCard) -> str:
    """The name that the content of a card gives: another one than it bears where the card was changed."""
    return model_version(
        card.trained_as_of,
        profile_digest=f"{card.profile} {card.profile_digest}",
        feature_digest=card.feature_digest,
        label=card.label,
        recipe=card.recipe,
        inputs=card.inputs,
        libraries=card.libraries,
        sample_rate=card.sample_rate,
    )
