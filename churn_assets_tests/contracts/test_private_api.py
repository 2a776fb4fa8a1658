"""What the product leans on inside its libraries: an upgrade that moves it fails here, and not by becoming slow."""

from collections.abc import Set as AbstractSet
from typing import Any

import pandas as pd
import pandera.pandas as pandera
import pytest

from churn_assets.core.customers.fast_checks import LOCAL, _arguments, _name, check_plan
from churn_assets.core.profile import LabelRule, Profile
from churn_assets.profiles import kkbox, retail, subscription, telco

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "in_range": (0, 1),
    "isin": ([1, 2],),
    "notin": ([1, 2],),
    "str_length": (1, 2),
    "str_matches": ("a",),
    "str_contains": ("a",),
    "str_startswith": ("a",),
    "str_endswith": ("a",),
}


@pytest.mark.parametrize("name", sorted(LOCAL))
def test_a_check_of_pandera_is_known_by_its_function(name: str) -> None:
    """Each built-in check that is judged by a few values is recognised, with its arguments, under a name of its own."""
    given = ARGUMENTS.get(name, (1,))

    check = getattr(pandera.Check, name)(*given, name="the author's")

    assert _name(check) == name
    arguments = [list(each) if isinstance(each, AbstractSet | list) else each for each in _arguments(check).values()]
    assert arguments[: len(given)] == list(given)


@pytest.mark.parametrize("profile", [kkbox.PROFILE, retail.PROFILE, subscription.PROFILE, telco.PROFILE])
def test_shipped_profiles_are_judged_by_a_few_values(profile: Profile) -> None:
    """Every column of every shipped profile takes the fast way; only rules over several columns see frames."""
    plan = check_plan(profile)

    assert plan.local.keys() == profile.checks.columns.keys()
    assert (plan.residual is None) == (not profile.checks.checks)


def test_a_check_of_the_author_takes_the_slow_way() -> None:
    """The two ways are told apart: what is not built in is left to pandera."""

    class Members(pandera.DataFrameModel):
        customer_id: str
        visits: int = pandera.Field(ge=0)

        @pandera.check("visits")
        def even(cls, visits: "pd.Series[int]") -> "pd.Series[bool]":  # noqa: N805  # pandera makes it a class method
            return visits % 2 == 0

    profile = Profile(
        schema=Members,
        add_features=lambda members: members,
        feature_columns=("visits",),
        label=LabelRule(30, lambda _, later: later["visits"].isna()),
    )

    plan = check_plan(profile)

    assert "visits" not in plan.local
    assert plan.residual is not None
