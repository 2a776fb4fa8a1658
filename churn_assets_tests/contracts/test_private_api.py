"""What the product leans on inside its libraries: an upgrade that moves it fails here, and not by becoming slow."""

from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pandera.pandas as pandera
import pytest
import yaml
from pandera.pandas import Check, Column

from churn_assets.core.customers.fast_checks import LOCAL, _arguments, _name, check_plan, suspect_rows
from churn_assets.core.profile import LabelRule, Profile
from churn_assets.launch.origins import CODE_LOCATION, with_origin
from churn_assets.profiles import kkbox, retail, subscription, telco
from churn_assets_tests.factories import made_up_customers, profile_of, raw_of

ROOT = Path(__file__).parents[2]
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


# Each built-in check that judges value by value: a column's type, the check, a value that keeps it, one that does not.
CHECKS: dict[str, tuple[Any, Check, str, str]] = {
    "equal_to": (int, Check.equal_to(1), "1", "2"),
    "not_equal_to": (int, Check.not_equal_to(1), "2", "1"),
    "greater_than": (int, Check.greater_than(1), "2", "1"),
    "greater_than_or_equal_to": (float, Check.greater_than_or_equal_to(1), "1", "0.5"),
    "less_than": (float, Check.less_than(1), "0.5", "1"),
    "less_than_or_equal_to": (int, Check.less_than_or_equal_to(1), "1", "2"),
    "in_range": (float, Check.in_range(0, 1), "1", "1.5"),
    "isin": (str, Check.isin(["a", "b"]), "b", "c"),
    "notin": (str, Check.notin(["a", "b"]), "c", "a"),
    "str_matches": (str, Check.str_matches("^a+$"), "aa", "ab"),
    "str_contains": (str, Check.str_contains("b"), "abc", "ac"),
    "str_startswith": (str, Check.str_startswith("a"), "ab", "ba"),
    "str_endswith": (str, Check.str_endswith("a"), "ba", "ab"),
    "str_length": (str, Check.str_length(1, 2), "ab", "abc"),
}


@pytest.mark.parametrize("name", sorted(LOCAL))
def test_built_in_check_takes_the_fast_path(name: str) -> None:
    """A few values decide on a column with this check: no frame is left to pandera, and the failing row is found."""
    kind, check, kept, broken = CHECKS[name]
    schema = pandera.DataFrameSchema({"customer_id": Column(str), "cell": Column(kind, check)})
    profile = profile_of(type("Single", (), {"to_schema": lambda: schema}))
    raw = raw_of(profile, {"customer_id": ["a", "b", "c"], "cell": [kept, broken, kept]})

    plan = check_plan(profile)
    suspects = suspect_rows(raw, plan)

    assert plan.local.keys() == {"customer_id", "cell"}
    assert plan.residual is None
    assert suspects is not None
    assert {column: rows.tolist() for column, rows in suspects.items()} == {"cell": [1]}


@pytest.mark.parametrize("profile", [kkbox.PROFILE, retail.PROFILE, subscription.PROFILE, telco.PROFILE])
def test_shipped_profiles_are_judged_by_a_few_values(profile: Profile) -> None:
    """Every column of every shipped profile takes the fast way; only rules over several columns see frames."""
    customers = made_up_customers(profile, rows=200, seed=3)
    raw = raw_of(profile, {name: customers[name].astype("object") for name in profile.checks.columns})

    plan = check_plan(profile)
    suspects = suspect_rows(raw, plan)

    assert suspects == {}
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


def test_a_run_of_our_own_process_belongs_to_the_code_location() -> None:
    """The timeline and the jobs show it: `execute_in_process` makes its run by the call that is given an origin."""

    @dg.job
    def nothing() -> None:
        """A job that has runs."""

    location = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"][0]["python_module"]["location_name"]
    with with_origin(dg.DagsterInstance.ephemeral()) as instance:
        run_id = nothing.execute_in_process(instance=instance).run_id

        stored = instance.get_runs(dg.RunsFilter(tags={".dagster/repository": f"__repository__@{location}"}))

    assert [(run.run_id, run.remote_job_origin and run.remote_job_origin.job_name) for run in stored] == [
        (run_id, "nothing")
    ]
    assert location == CODE_LOCATION
