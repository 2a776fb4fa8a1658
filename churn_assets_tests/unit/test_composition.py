"""Settings become a chain, or a sentence before anything runs."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from churn_assets.composition import build_chain
from churn_assets.core.alerting.options import AlertOptions
from churn_assets.core.errors import SettingsError
from churn_assets.core.options import Recipe
from churn_assets.pipeline.execution.dask_engine import DaskEngine
from churn_assets.pipeline.execution.engine import LocalEngine
from churn_assets.settings import ScoringSettings, Settings

ADDRESS = "tcp://dask-scheduler:8786"


def settings_with(folder: Path, **scoring: Any) -> Settings:
    """Settings of an installation below `folder`."""
    return Settings(data_dir=folder, scoring=ScoringSettings(**scoring))


def test_one_machine_scores_unless_a_cluster_is_asked_for(tmp_path: Path) -> None:
    """Without a word of it the cores of this machine score, also where an address is left in the settings."""
    chain = build_chain(settings_with(tmp_path, scheduler=ADDRESS))

    assert isinstance(chain.engine, LocalEngine)


def test_cluster_is_the_one_that_is_named(tmp_path: Path) -> None:
    """The engine knows the scheduler, the models, and the libraries that decide on a score."""
    chain = build_chain(settings_with(tmp_path, engine="dask", scheduler=ADDRESS))

    assert isinstance(chain.engine, DaskEngine)
    assert (chain.engine.address, chain.engine.models) == (ADDRESS, tmp_path / "models")
    assert {"numpy", "pandas", "pyarrow", "scikit-learn"} <= set(chain.engine.libraries)
    assert "python" not in chain.engine.libraries


def test_cluster_without_an_address_is_refused(tmp_path: Path) -> None:
    """`engine: dask` alone is a fault of the settings."""
    settings = settings_with(tmp_path, engine="dask")

    with pytest.raises(SettingsError, match=r"scoring\.scheduler is empty: name the scheduler's address"):
        build_chain(settings)


def test_cluster_without_its_library_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed the sentence names it."""
    settings = settings_with(tmp_path, engine="dask", scheduler=ADDRESS)
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "distributed" else there(name))

    with pytest.raises(SettingsError, match=r"install churn-assets\[dask\]"):
        build_chain(settings)


PROFILE = """
import dataclasses
from sklearn.linear_model import LogisticRegression
from churn_assets.profiles.subscription import PROFILE as SHIPPED

def build(parameters, seed):
    return LogisticRegression(random_state=seed, **parameters)

PROFILE = dataclasses.replace(SHIPPED, build_estimator=build)
"""


def test_the_estimator_of_a_profile_has_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`profile` becomes the name by which a fit, and a card, finds it; parameters are tried before anything runs."""
    (tmp_path / "acme_profile.py").write_text(PROFILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_profile", raising=False)

    def build(**training: Any) -> Recipe:
        return build_chain(Settings(data_dir=tmp_path, profile="acme_profile", training=Recipe(**training))).recipe

    path = "acme_profile:PROFILE.build_estimator"
    assert build(estimator="profile", parameters={"C": 0.5}).estimators == (path,)
    assert build(candidates=[{"estimator": "profile"}, {"estimator": "ada_boost"}]).estimators == (path, "ada_boost")
    with pytest.raises(SettingsError, match=r"^training\.estimator: .* cannot be built with training\.parameters"):
        build(estimator="profile", parameters={"depth": 5})


def test_a_profile_without_an_estimator_is_told(tmp_path: Path) -> None:
    """Asking for what the profile does not build is a fault of the settings."""
    with pytest.raises(SettingsError, match="builds none: give it `build_estimator=`, or change the key"):
        build_chain(Settings(data_dir=tmp_path, training=Recipe(estimator="profile")))


def test_a_mail_server_without_addresses_is_refused(tmp_path: Path) -> None:
    """Whoever names the server names from whom and to whom, before anything runs."""
    alerts = AlertOptions.model_validate({"smtp": {"host": "mail.example.com", "sender": "churn@example.com"}})

    with pytest.raises(SettingsError, match=r"name alerts\.smtp\.sender and alerts\.smtp\.to as well"):
        build_chain(Settings(data_dir=tmp_path, alerts=alerts))
