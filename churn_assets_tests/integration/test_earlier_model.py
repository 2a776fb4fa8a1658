"""A model folder that an earlier revision made goes on here; the README of `churn_assets_tests/data` has its making."""

import json
import shutil
from importlib.metadata import version as installed
from pathlib import Path

import pytest

from churn_assets.storage.models.store import ModelStore
from churn_assets_tests.integration.installation import LAST_DAY, Installation

pytestmark = pytest.mark.integration

MODELS = Path(__file__).parents[1] / "data" / "models"
[FOLDER] = MODELS.iterdir()
VERSION = FOLDER.name
SCIKIT_LEARN = json.loads((FOLDER / "card.json").read_text())["libraries"]["scikit-learn"]


@pytest.fixture
def with_earlier_model(installation: Installation) -> Installation:
    """An installation with scores, which also has the earlier model."""
    shutil.copytree(FOLDER, installation.data / "models" / VERSION)
    return installation


def test_an_earlier_model_is_listed_and_its_card_is_shown(with_earlier_model: Installation) -> None:
    """It stands among the others, and its card reads as it was written."""
    rows = with_earlier_model.run("models", "--json").json
    card = with_earlier_model.run("models", "--card", VERSION).stdout

    assert VERSION in {row["model_version"] for row in rows}
    assert (FOLDER / "card.md").read_text().strip() in card


def test_an_earlier_model_is_what_its_card_names() -> None:
    """Every file of its folder is the one it was made with, its kernel of the earlier form too."""
    card = ModelStore(MODELS).verify(VERSION)

    assert {"model.joblib", "kernel.joblib", "golden.parquet", "reference.json", "card.md"} <= card.files.keys()


@pytest.mark.skipif(
    installed("scikit-learn") != SCIKIT_LEARN,
    reason=f"its pickle is of scikit-learn {SCIKIT_LEARN}: make it again as churn_assets_tests/data/README.md says",
)
def test_an_earlier_model_scores(with_earlier_model: Installation) -> None:
    """It gives its golden rows, and scores a night as fast as ever: nothing is left to warn of."""
    promoted = with_earlier_model.run("promote", VERSION, "--reason", "it was good", "--force", "--json")

    night = with_earlier_model.run("run", "--date", str(LAST_DAY), "--json")

    assert promoted.exit_code == night.exit_code == 0, promoted.stderr + night.stderr
    assert night.json[0]["models"] == {VERSION: night.json[0]["valid"]}
    assert "warning" not in night.stderr.lower()
