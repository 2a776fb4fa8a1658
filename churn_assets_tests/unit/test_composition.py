"""Settings become a chain, or a sentence before anything runs."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from churn_assets.composition import build_chain
from churn_assets.core.errors import SettingsError
from churn_assets.core.monitoring.options import AlertOptions
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


def test_a_mail_server_without_addresses_is_refused(tmp_path: Path) -> None:
    """Whoever names the server names from whom and to whom, before anything runs."""
    alerts = AlertOptions.model_validate({"smtp": {"host": "mail.example.com", "sender": "churn@example.com"}})

    with pytest.raises(SettingsError, match=r"name alerts\.smtp\.sender and alerts\.smtp\.to as well"):
        build_chain(Settings(data_dir=tmp_path, alerts=alerts))
