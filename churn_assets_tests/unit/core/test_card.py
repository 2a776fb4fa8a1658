"""A model's card and its name."""

import datetime as dt
import re
from typing import Any

import pytest
from pydantic import ValidationError

from churn_assets.core.card import Gate, InputVersion, Metrics, ModelCard, model_version
from churn_assets.core.options import Recipe
from churn_assets_tests.factories import made_up_card

DAY = dt.date(2026, 11, 1)
ENTRY = InputVersion(table="customers", snapshot_date=DAY, version="abc")


def _name(as_of: dt.date = DAY, **changes: Any) -> str:
    given: dict[str, Any] = {
        "profile_digest": "p",
        "feature_digest": "f",
        "label": "rule over 30 days",
        "recipe": Recipe(),
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
    assert _name() == "20261101-e7a92419"


@pytest.mark.parametrize(
    "change",
    [
        {"as_of": DAY + dt.timedelta(days=1)},
        {"profile_digest": "q"},
        {"feature_digest": "g"},
        {"label": "column churned"},
        {"recipe": Recipe(seed=43)},
        {"recipe": Recipe(estimator="ada_boost")},
        {"recipe": Recipe(parameters={"max_iter": 50})},
        {"recipe": Recipe(window_days=30)},
        {"recipe": Recipe(balance="weights")},
        {"inputs": [ENTRY.model_copy(update={"version": "abd"})]},
        {"inputs": [ENTRY.model_copy(update={"table": "customer_features"})]},
        {"inputs": [ENTRY, ENTRY]},
        {"libraries": {"numpy": "2.1", "pandas": "3.0"}},
    ],
    ids=str,
)
def test_whatever_makes_another_model_gives_another_name(change: dict[str, Any]) -> None:
    """Day, code, label, recipe, inputs and libraries are all in the digest."""
    other = _name(**change)

    assert other[9:] != _name()[9:]


def test_base_rate_and_its_brier_score() -> None:
    """The base rate is the share of churners; giving it to everybody costs p(1 - p)."""
    metrics = Metrics(rows=200, churners=20, roc_auc=0.7, average_precision=0.3, brier=0.08)

    assert metrics.base_rate == 0.1
    assert metrics.base_rate_brier == pytest.approx(0.09)


def test_missed_gates_are_told_in_words() -> None:
    """`missed` holds the findings of the gates that were not met, and of no others."""
    gates = (Gate(name="a", passed=True, finding="fine"), Gate(name="b", passed=False, finding="too low"))

    card = made_up_card(gates=gates)

    assert card.missed == ["too low"]


def test_card_survives_being_written() -> None:
    """A card read back from its JSON is the same card."""
    card = made_up_card(skipped_dates=(DAY,), gates=(Gate(name="b", passed=False, finding="too low"),))

    assert ModelCard.model_validate_json(card.model_dump_json()) == card


def test_card_is_frozen() -> None:
    """What a model version is cannot be changed afterwards."""
    card = made_up_card()

    with pytest.raises(ValidationError, match="frozen"):
        card.train_rows = 3
