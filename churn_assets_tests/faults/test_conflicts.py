"""A night and a person, or two nights, at work on the same thing: what was decided stands, words and tables agree."""

import errno
from typing import Any
from unittest.mock import Mock

import pytest

from churn_assets.assets import features as feature_assets
from churn_assets.assets import scoring as score_assets
from churn_assets.launch.launcher import Launcher
from churn_assets.pipeline.features import CustomerFeatures, featurize_customers
from churn_assets.settings import load_settings
from churn_assets_tests.integration.installation import NIGHTS, Installation

pytestmark = [pytest.mark.integration, pytest.mark.fault("a person or another run decides while a night runs")]

NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


def current(installation: Installation) -> dict[str, Any]:
    """The newest entry of the first night's history."""
    newest: dict[str, Any] = installation.run("scores", "history", "--date", str(NIGHTS[0]), "--json").json[0]
    return newest


def test_a_rollback_during_a_night_is_not_published_over(
    rescored: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a person took back after the run began stays back: the run ends with a conflict, and says whose it is."""

    def taken_back_first(*given: Any) -> CustomerFeatures:
        rescored.shell("rollback", "--date", str(NIGHTS[0]), "--reason", "the offers were wrong")
        return featurize_customers(*given)

    monkeypatch.setattr(feature_assets, "featurize_customers", taken_back_first)

    refused = rescored.run("run", "--date", str(NIGHTS[0])).error(1)

    assert "rolled it back" in refused
    assert "the offers were wrong" in refused
    assert current(rescored)["kind"] == "rollback"


def test_a_night_after_a_rollback_is_published(rescored: Installation) -> None:
    """A rollback that was there before the run began is the state that the run starts from."""
    rescored.run("rollback", "--date", str(NIGHTS[0]), "--reason", "the offers were wrong")

    night = rescored.run("run", "--date", str(NIGHTS[0]), "--json")

    assert night.exit_code == 0, night.stderr
    assert (current(rescored)["kind"], current(rescored)["score_version"]) == ("score", night.json[0]["score_version"])


def test_a_run_that_fails_after_its_publish_says_what_is_in_force(
    retrained: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk is full when Dagster is to be told, the run failed and its scores are read: both are said."""
    monkeypatch.setattr(score_assets, "materialized", Mock(side_effect=NO_ROOM))

    failed = retrained.run("run", "--date", str(NIGHTS[0])).error(1)

    assert "No space left on device" in failed
    assert f"version {current(retrained)['score_version']}, had been published before that and are in force" in failed


def test_a_run_that_fails_before_its_publish_claims_nothing(
    retrained: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing was published, nothing is said to be in force."""
    monkeypatch.setattr(score_assets, "score_customers", Mock(side_effect=NO_ROOM))

    failed = retrained.run("run", "--date", str(NIGHTS[0])).error(1)

    assert "the disk is full" in failed
    assert "make room" in failed
    assert "in force" not in failed


def test_a_first_night_goes_on_where_another_one_was_first(installation: Installation) -> None:
    """Of two first nights that both trained the first model, one promotes it, and the other goes on with it."""
    with installation.entered():
        launcher = Launcher(load_settings(), "the second night")

        champion = launcher.first_champion(NIGHTS[0])

    [model] = installation.run("models", "--json").json
    assert (model["model_version"], model["status"]) == (champion, "champion")
    assert installation.table("promotions").to_pyarrow_table().num_rows == 1
