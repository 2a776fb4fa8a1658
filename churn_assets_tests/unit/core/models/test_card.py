"""A model's card and its name."""

import datetime as dt
import hashlib
import json
import re
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from churn_assets.core.evaluation.results import Interval
from churn_assets.core.models.card import (
    EXACT,
    CandidateResult,
    InputVersion,
    ModelCard,
    digest_of_version,
    model_version,
    sealed,
)
from churn_assets.core.options import Candidate, Estimator, Prior, Recipe
from churn_assets_tests.factories import made_up_card, made_up_metrics, made_up_slice

DAY = dt.date(2026, 11, 1)
ENTRY = InputVersion(table="customers", snapshot_date=DAY, version="abc")


def _name(as_of: dt.date = DAY, **changes: Any) -> str:
    given: dict[str, Any] = {
        "profile_digest": "p",
        "feature_digest": "f",
        "label": "rule over 30 days",
        "recipe": Recipe(estimator="hist_gradient_boosting", metric="roc_auc", prior="none"),
        "inputs": [ENTRY],
        "libraries": {"numpy": "2.0", "pandas": "3.0"},
    }
    return model_version(as_of, **(given | changes))


def test_name_is_the_day_and_a_digest() -> None:
    """A model version is named by the day it was trained as of and eight hexadecimal digits."""
    assert re.fullmatch(r"20261101-[0-9a-f]{8}", _name())


def test_same_model_has_the_same_name() -> None:
    """The order in which libraries or parameters are listed makes no other model."""
    one = _name(recipe=Recipe(parameters={"max_iter": 50, "max_depth": 3}))

    other = _name(
        recipe=Recipe(parameters={"max_depth": 3, "max_iter": 50}), libraries={"pandas": "3.0", "numpy": "2.0"}
    )

    assert one == other


def test_name_stays_the_same_over_releases() -> None:
    """The name of a given model is pinned: a release that changes it would train every model anew."""
    assert _name() == "20261101-47036868"


@pytest.mark.parametrize(
    "change",
    [
        {"as_of": DAY + dt.timedelta(days=1)},
        {"profile_digest": "q"},
        {"feature_digest": "g"},
        {"label": "column churned"},
        {"recipe": Recipe()},
        {"recipe": Recipe(seed=43)},
        {"recipe": Recipe(estimator="ada_boost")},
        {"recipe": Recipe(parameters={"max_iter": 50})},
        {"recipe": Recipe(window_days=30)},
        {"recipe": Recipe(balance="weights")},
        {"recipe": Recipe(calibration="isotonic")},
        {"recipe": Recipe(metric="brier")},
        {"recipe": Recipe(candidates=(Candidate(estimator="ada_boost"),))},
        {"recipe": Recipe(estimator="rules")},
        {"inputs": [ENTRY.model_copy(update={"version": "abd"})]},
        {"inputs": [ENTRY.model_copy(update={"table": "customer_features"})]},
        {"inputs": [ENTRY, ENTRY]},
        {"libraries": {"numpy": "2.1", "pandas": "3.0"}},
        {"sample_rate": 0.2},
    ],
    ids=str,
)
def test_whatever_makes_another_model_gives_another_name(change: dict[str, Any]) -> None:
    """Day, code, label, recipe, inputs and libraries are all in the digest."""
    other = _name(**change)

    assert other[9:] != _name()[9:]


def test_a_bound_that_leaves_nobody_out_makes_no_other_model() -> None:
    """How many rows were allowed is no part of a model; what came of it, the rate of its sample, is."""
    assert _name(recipe=Recipe(max_rows=5), sample_rate=1.0) == _name(recipe=Recipe())


@pytest.mark.parametrize("prior", get_args(Prior))
def test_a_card_keeps_its_prior(prior: Prior) -> None:
    """Whatever correction was asked for, and none at all, is read back: the card is the one that was written."""
    card = made_up_card(recipe=Recipe(prior=prior), chosen=Recipe(estimator="ada_boost", prior=prior))

    kept = ModelCard.model_validate_json(sealed(card).model_dump_json())

    assert (kept.recipe.prior, kept.chosen.prior) == (prior, prior)
    assert digest_of_version(kept) == digest_of_version(card)
    assert sealed(kept) == kept


def test_a_card_tells_its_sample_and_not_the_bound() -> None:
    """The rate is in the name and under the seal; the bound stands in no card."""
    card = made_up_card(sample_rate=0.2, recipe=Recipe(max_rows=5))

    kept = ModelCard.model_validate_json(sealed(card).model_dump_json())

    assert kept.sample_rate == 0.2
    assert digest_of_version(kept) == digest_of_version(card) != digest_of_version(made_up_card())
    assert sealed(kept) == kept != sealed(kept.model_copy(update={"sample_rate": 0.3}))
    assert "max_rows" not in card.model_dump_json()


@pytest.mark.parametrize("later", [("sample_rate", "kernel", "form"), ("kernel", "form"), ("form",)])
def test_a_card_of_the_first_form_keeps_its_seal(later: tuple[str, ...]) -> None:
    """A card without fields that came later reads as one of all customers, under the seal that it had."""
    written = json.loads(made_up_card().model_dump_json())
    sealed_fields = {name: value for name, value in written.items() if name not in later and name != "sample_rate"}
    content = json.dumps(sealed_fields | {"seal": ""}, separators=(",", ":"), ensure_ascii=False)
    seal = hashlib.sha256(content.encode()).hexdigest()

    card = ModelCard.model_validate({key: value for key, value in written.items() if key not in later} | {"seal": seal})

    assert (card.form, card.sample_rate, card.kernel) == (1, 1, "")
    assert sealed(card) == card != sealed(card.model_copy(update={"train_rows": 11}))


def test_a_card_of_the_third_form_keeps_its_seal() -> None:
    """A card of before there were imported models, and second fits, is read under the seal that it had."""
    written = json.loads(
        made_up_card(form=3).model_dump_json(exclude={"reproducible", "imported", "reasons", "contributions"})
    )
    content = json.dumps(written | {"seal": ""}, separators=(",", ":"), ensure_ascii=False)

    card = ModelCard.model_validate(written | {"seal": hashlib.sha256(content.encode()).hexdigest()})

    assert (card.reproducible, card.imported) == (None, None)
    assert sealed(card) == card != sealed(card.model_copy(update={"train_rows": 11}))


@pytest.mark.parametrize("field", ["kernel", "sample_rate", "form"])
def test_a_field_taken_out_of_a_card_breaks_its_seal(field: str) -> None:
    """What an early card may lack, a later one may not lose."""
    written = json.loads(sealed(made_up_card(kernel=EXACT, sample_rate=0.5)).model_dump_json())
    del written[field]

    card = ModelCard.model_validate(written)

    assert sealed(card) != card


def test_card_s_content_makes_its_name() -> None:
    """A card that was made of the same day, profile, features, label, recipe, inputs and libraries gives its name."""
    name = model_version(
        DAY,
        profile_digest="my_company.churn " + "a" * 64,
        feature_digest="f",
        label="rule over 30 days",
        recipe=Recipe(seed=7),
        inputs=[ENTRY],
        libraries={"numpy": "2.0"},
    )

    card = made_up_card(
        trained_as_of=DAY,
        profile="my_company.churn",
        profile_digest="a" * 64,
        feature_digest="f",
        label="rule over 30 days",
        recipe=Recipe(seed=7),
        inputs=(ENTRY,),
        libraries={"numpy": "2.0"},
    )

    assert digest_of_version(card) == name


@pytest.mark.parametrize(
    "change",
    [
        {"trained_as_of": DAY},
        {"profile": "my_company.churn"},
        {"profile_digest": "1" * 64},
        {"feature_digest": "f"},
        {"label": "column churned"},
        {"recipe": Recipe()},
        {"recipe": Recipe(seed=43)},
        {"inputs": (ENTRY,)},
        {"libraries": {"numpy": "2.1"}},
    ],
    ids=str,
)
def test_changed_card_gives_another_name(change: dict[str, Any]) -> None:
    """A card in which what makes a model was changed no longer gives the name that it had."""
    name = digest_of_version(made_up_card())

    assert digest_of_version(made_up_card(**change)) != name


def test_what_a_model_reached_is_not_in_its_name() -> None:
    """Figures, the code's revision and the digests of files are told of a model, and do not make it another one."""
    reached = {"metrics": None, "intervals": {"brier": Interval(low=0, high=1)}, "code_revision": "def"}

    card = made_up_card(**reached, files={"model.joblib": "0" * 64}, importance={"spend": 0.5})

    assert digest_of_version(card) == digest_of_version(made_up_card())


@pytest.mark.parametrize(("estimator", "ruled"), [("rules", True), ("ada_boost", False)])
def test_rules_are_told_from_trained_models(estimator: Estimator, ruled: bool) -> None:  # noqa: FBT001
    """A model is one of rules by what was chosen, whatever was configured."""
    card = made_up_card(recipe=Recipe(estimator="random_forest"), chosen=Recipe(estimator=estimator))

    assert card.is_rules is ruled


def test_card_survives_being_written() -> None:
    """A card read back from its JSON is the same card."""
    contender = CandidateResult(
        estimator="ada_boost",
        parameters={"n_estimators": 5},
        folds=3,
        roc_auc=0.7,
        average_precision=0.3,
        brier=0.08,
        backtest=made_up_metrics(),
        chosen=True,
    )
    group = made_up_slice()
    card = made_up_card(
        recipe=Recipe(candidates=(Candidate(estimator="ada_boost", search={"n_estimators": [5, 50]}),)),
        leaderboard=(contender,),
        slices=(group,),
        intervals={"roc_auc": Interval(low=0.71, high=0.79)},
        skipped_dates=(DAY,),
        importance={"spend": 0.1 + 0.2},
        files={"model.joblib": "0" * 64},
    )

    assert ModelCard.model_validate_json(card.model_dump_json()) == card


def test_card_of_rules_survives_being_written() -> None:
    """A card without days, rows and figures is read back as it was."""
    rules = Recipe(estimator="rules")
    card = made_up_card(chosen=rules, training_dates=(), backtest_date=None, metrics=None)

    assert ModelCard.model_validate_json(card.model_dump_json()) == card


def test_card_is_frozen() -> None:
    """What a model version is cannot be changed afterwards."""
    card = made_up_card()

    with pytest.raises(ValidationError, match="frozen"):
        card.train_rows = 3
