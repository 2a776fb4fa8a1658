"""Profiles are found by their module's name, and what cannot be used is said in one sentence."""

from pathlib import Path

import pytest

from churn_assets.core.errors import ProfileError
from churn_assets.profiles.loading import load_profile

OWN_PROFILE = """
import pandas as pd
import pandera.pandas as pa

from churn_assets.profiles import LabelColumn, Profile


class Customers(pa.DataFrameModel):
    customer_id: str = pa.Field(unique=True)
    visits: int = pa.Field(ge=0)
    left: bool


def add_features(customers: pd.DataFrame) -> pd.DataFrame:
    return customers


PROFILE = Profile(Customers, add_features, ("visits",), LabelColumn({label!r}))
"""


def write_module(folder: Path, name: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a module of that source on the import path."""
    (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(folder)


@pytest.mark.parametrize("name", ["subscription", "kkbox", "telco", "retail"])
def test_shipped_profiles_load(name: str) -> None:
    """Each shipped profile is found by its module's name and carries it."""
    profile = load_profile(f"churn_assets.profiles.{name}")

    assert profile.name == f"churn_assets.profiles.{name}"
    assert len(profile.source_digest) == 64


def test_shipped_profiles_differ_in_digest() -> None:
    """The source digest tells one profile from another."""
    names = ("subscription", "kkbox", "telco", "retail")

    digests = {load_profile(f"churn_assets.profiles.{name}").source_digest for name in names}

    assert len(digests) == len(names)


def test_a_company_brings_its_own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module on the import path serves as well as a shipped one."""
    write_module(tmp_path, "own_profile", OWN_PROFILE.format(label="left"), monkeypatch)

    profile = load_profile("own_profile")

    assert profile.name == "own_profile"
    assert profile.feature_columns == ("visits",)


def test_a_missing_module_is_an_error_that_says_what_to_name() -> None:
    """A name that cannot be imported is refused with the name and a way out."""
    with pytest.raises(ProfileError, match=r"'no_such_profile' cannot be imported.*PYTHONPATH"):
        load_profile("no_such_profile")


def test_a_broken_module_is_an_error_that_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that fails while it is imported is refused with the reason."""
    write_module(tmp_path, "broken_profile", "1 / 0\n", monkeypatch)

    with pytest.raises(ProfileError, match=r"broken_profile.*ZeroDivisionError"):
        load_profile("broken_profile")


@pytest.mark.parametrize("source", ["", "PROFILE = 'subscription'\n"])
def test_a_module_without_a_profile_is_an_error(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that defines no PROFILE, or something else by that name, is refused."""
    name = f"empty_profile_{len(source)}"
    write_module(tmp_path, name, source, monkeypatch)

    with pytest.raises(ProfileError, match=rf"'{name}' defines no PROFILE"):
        load_profile(name)


def test_an_inconsistent_profile_is_an_error_that_names_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label that the schema does not have is found when the profile is loaded."""
    write_module(tmp_path, "inconsistent_profile", OWN_PROFILE.format(label="gone"), monkeypatch)

    with pytest.raises(ProfileError, match=r"inconsistent_profile: .*lacks the column\(s\) gone"):
        load_profile("inconsistent_profile")
