"""The model folders that earlier revisions made go on here; `churn_assets_tests/data/README.md` has their making."""

import json
import shutil
from importlib.metadata import version as installed
from pathlib import Path

import pytest

from churn_assets.storage.models.store import ModelStore
from churn_assets_tests.integration.installation import LAST_DAY, Installation

pytestmark = [pytest.mark.integration, pytest.mark.fault("data of an earlier revision")]

MODELS = Path(__file__).parents[1] / "data" / "models"
BEFORE_KERNELS, BEFORE_NPZ, BEFORE_REASONS = "20250630-56cb098b", "20250630-d2adc0dd", "20250630-8d0626e3"


@pytest.fixture(params=[BEFORE_KERNELS, BEFORE_NPZ, BEFORE_REASONS])
def version(request: pytest.FixtureRequest) -> str:
    """An earlier model, one after the other."""
    return str(request.param)


@pytest.fixture
def with_earlier_model(installation: Installation, version: str) -> Installation:
    """An installation with scores, which also has the earlier model."""
    shutil.copytree(MODELS / version, installation.data / "models" / version)
    return installation


def test_an_earlier_model_is_listed_and_its_card_is_shown(with_earlier_model: Installation, version: str) -> None:
    """It stands among the others, and its card reads as it was written."""
    rows = with_earlier_model.run("models", "--json").json
    card = with_earlier_model.run("models", "--card", version).stdout

    assert version in {row["model_version"] for row in rows}
    assert (MODELS / version / "card.md").read_text().strip() in card


def test_an_earlier_model_is_what_its_card_names(version: str) -> None:
    """Every file of its folder is the one it was made with, its kernel of the earlier form too."""
    card = ModelStore(MODELS).verify(version)

    assert {path.name for path in (MODELS / version).iterdir()} == card.files.keys() | {"card.json"}


def test_an_earlier_model_scores(with_earlier_model: Installation, version: str) -> None:
    """It gives its golden rows, and scores a night as fast as ever: nothing is left to warn of."""
    made_with = json.loads((MODELS / version / "card.json").read_text())["libraries"]["scikit-learn"]
    if installed("scikit-learn") != made_with:
        pytest.skip(f"its pickle is of scikit-learn {made_with}: make one as churn_assets_tests/data/README.md says")
    promoted = with_earlier_model.run("promote", version, "--reason", "it was good", "--force", "--json")

    night = with_earlier_model.run("run", "--date", str(LAST_DAY), "--json")

    assert promoted.exit_code == night.exit_code == 0, promoted.stderr + night.stderr
    assert night.json[0]["models"] == {version: night.json[0]["valid"]}
    assert "warning" not in night.stderr.lower()
