"""What explains a model is kept with it, and nothing is read of it that its card does not vouch for."""

import datetime as dt
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from churn_assets.core.errors import ModelFault
from churn_assets.core.models.card import EXACT, ModelCard, sealed
from churn_assets.core.reasons.explainer import Unexplainable
from churn_assets.core.reasons.linear import LinearExplainer, NumberTerm
from churn_assets.core.reasons.serialization import explainer_to_npz
from churn_assets.storage.models.store import ModelStore
from churn_assets_tests.storage_factories import make_card, make_kept

CARD = make_card(dt.date(2026, 10, 1))
LATER = make_card(dt.date(2026, 11, 1))
VERSION = CARD.model_version
PIPELINE = {"trees": [1, 2, 3], "bias": 0.25}
KEPT = make_kept()
EXPLAINER = LinearExplainer(("spend",), {"spend": NumberTerm(0.5, 10.0, 0.1, -0.2)}, -1.5)


def _file(store: ModelStore) -> Path:
    """The tables of the version in the store."""
    return store.root / VERSION / "reasons.npz"


def _explained_store(tmp_path: Path, **changes: Any) -> tuple[ModelStore, ModelCard]:
    """A store of one version with tables of reasons, and its card."""
    store = ModelStore(tmp_path / "models")
    card = CARD.model_copy(update={"reasons": EXACT} | changes)
    return store, store.save(PIPELINE, card, replace(KEPT, explainer=EXPLAINER))


def test_what_explains_a_model_is_kept_with_it(tmp_path: Path) -> None:
    """Its tables lie beside the artefact, are vouched for by the card, and come back."""
    store, card = _explained_store(tmp_path)

    explainer = store.explainer(card)

    assert explainer == EXPLAINER
    assert "reasons.npz" in card.files
    assert store.verify(VERSION) == card


@pytest.mark.parametrize(
    ("reasons", "clause"),
    [
        ("", "it was made by a release that gave no reasons"),
        ("random_forest has log-odds that are no sum", "random_forest has log-odds that are no sum"),
    ],
)
def test_a_model_without_reasons_says_why(tmp_path: Path, reasons: str, clause: str) -> None:
    """Models of earlier releases, and those that cannot be explained, have a clause and no file."""
    store = ModelStore(tmp_path / "models")
    card = store.save(PIPELINE, CARD.model_copy(update={"reasons": reasons}), KEPT)

    assert store.explainer(card) == Unexplainable(clause)
    assert "reasons.npz" not in card.files


@pytest.mark.parametrize("kept", [-1, 0])
def test_damaged_reasons_are_refused(tmp_path: Path, kept: int) -> None:
    """Tables of which a byte is gone are not opened; the model itself loads."""
    store, card = _explained_store(tmp_path)
    path = _file(store)
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(ModelFault, match=r"reasons\.npz has SHA-256 .* it was not loaded"):
        store.explainer(card)

    assert store.load(VERSION)[0] == PIPELINE


def test_reasons_that_are_gone_are_told(tmp_path: Path) -> None:
    """Tables that the card names and that are not there are a fault of the folder."""
    store, card = _explained_store(tmp_path)
    _file(store).unlink()

    with pytest.raises(ModelFault, match=r"reasons\.npz is missing"):
        store.explainer(card)


def test_reasons_of_another_model_are_refused(tmp_path: Path) -> None:
    """Not even a card that was sealed anew makes one model's tables explain another."""
    store, card = _explained_store(tmp_path)
    other = explainer_to_npz(EXPLAINER, LATER.model_version)
    _file(store).write_bytes(other)
    files = card.files | {"reasons.npz": hashlib.sha256(other).hexdigest()}

    with pytest.raises(ModelFault, match=f"no reasons of model {VERSION}: they are those of {LATER.model_version}"):
        store.explainer(sealed(card.model_copy(update={"files": files})))
