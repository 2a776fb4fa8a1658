"""A model version is kept whole and once, and nothing is unpickled that its card does not vouch for."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import pytest

from churn_assets.core.card import ModelCard
from churn_assets.core.errors import ModelFault, UnknownVersion
from churn_assets.storage.models import ModelStore
from churn_assets_tests.storage_factories import make_card

VERSION = "20261001-3f9a1c2b"
PIPELINE = {"trees": [1, 2, 3], "bias": 0.25}


class Trap:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A store that holds one version."""
    store = ModelStore(tmp_path / "models")
    store.save(PIPELINE, make_card(VERSION))
    return store


def artefact(store: ModelStore) -> Path:
    """The artefact of the version in the store."""
    return store.root / VERSION / "model.joblib"


def test_a_store_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """Before the first model there are no versions, and looking makes no folder."""
    versions = ModelStore(tmp_path / "models").versions()

    assert versions == []
    assert not (tmp_path / "models").exists()


def test_a_saved_model_is_loaded_as_it_was(store: ModelStore) -> None:
    """Pipeline and card come back, the card with the digest of its artefact."""
    pipeline, card = store.load(VERSION)

    assert pipeline == PIPELINE
    assert card == make_card(VERSION).model_copy(update={"artefact_sha256": card.artefact_sha256})
    assert len(card.artefact_sha256) == 64


def test_saving_gives_the_card_as_it_is_kept(tmp_path: Path) -> None:
    """What `save` gives back is what a reader finds."""
    store = ModelStore(tmp_path / "models")

    kept = store.save(PIPELINE, make_card(VERSION))

    assert kept == store.card(VERSION)


def test_a_version_is_a_folder_of_artefact_and_card(store: ModelStore) -> None:
    """Exactly an artefact and a readable card lie in the folder, and nothing is left where it was written."""
    names = sorted(path.name for path in (store.root / VERSION).iterdir())

    assert names == ["card.json", "model.joblib"]
    assert list((store.root / "_staging").iterdir()) == []
    assert ModelCard.model_validate_json((store.root / VERSION / "card.json").read_text()).model_version == VERSION


def test_versions_are_told_by_training_day(store: ModelStore) -> None:
    """Versions stand oldest training day first, whatever the order of saving."""
    store.save(PIPELINE, make_card("20261101-00000000"))
    store.save(PIPELINE, make_card("20250101-ffffffff"))

    assert store.versions() == ["20250101-ffffffff", VERSION, "20261101-00000000"]


def test_what_a_killed_writer_left_is_no_version(store: ModelStore) -> None:
    """A folder under `_staging`, or one without a card, is not listed and cannot be loaded."""
    (store.root / "_staging" / "abc").mkdir()
    (store.root / "_staging" / "abc" / "card.json").write_text("{")
    (store.root / "20261101-00000000").mkdir()

    assert store.versions() == [VERSION]
    with pytest.raises(UnknownVersion):
        store.load("20261101-00000000")


def test_a_version_saved_twice_stays_as_it_is(store: ModelStore) -> None:
    """Saving a version again, even with another pipeline, changes no byte and gives the card that is kept."""
    before = {path.name: (path.read_bytes(), path.stat().st_ino) for path in (store.root / VERSION).iterdir()}
    first = store.card(VERSION)

    kept = store.save({"trees": []}, make_card(VERSION, missed="too bad"))

    after = {path.name: (path.read_bytes(), path.stat().st_ino) for path in (store.root / VERSION).iterdir()}
    assert after == before
    assert kept == first


def test_who_saves_a_version_at_once_agrees(tmp_path: Path) -> None:
    """Several that trained the same version at the same time are all given the one card that is kept."""
    store = ModelStore(tmp_path / "models")

    with ThreadPoolExecutor(4) as pool:
        cards = list(pool.map(lambda bias: store.save({"bias": bias}, make_card(VERSION)), range(4)))

    assert {card.artefact_sha256 for card in cards} == {store.card(VERSION).artefact_sha256}
    assert store.load(VERSION)[0]["bias"] in range(4)
    assert list((store.root / "_staging").iterdir()) == []


@pytest.mark.parametrize("version", ["20270101-00000000", "", "..", "no/such"])
def test_an_unknown_version_is_an_error_that_says_how_to_list_them(store: ModelStore, version: str) -> None:
    """A version that is not there is named, with the command that lists those that are."""
    with pytest.raises(UnknownVersion, match=r"no model .*churn-assets models"):
        store.load(version)


@pytest.mark.parametrize("position", [0, 10, -1])
def test_an_artefact_with_one_byte_changed_is_refused(store: ModelStore, position: int) -> None:
    """One changed byte anywhere keeps the model from being loaded, in a sentence with both digests."""
    data = bytearray(artefact(store).read_bytes())
    data[position] ^= 1
    artefact(store).write_bytes(data)

    with pytest.raises(ModelFault, match=r"model\.joblib has SHA-256 .* its card says .*not loaded"):
        store.load(VERSION)


@pytest.mark.parametrize("kept", [0, 1, -1])
def test_a_truncated_artefact_is_refused(store: ModelStore, kept: int) -> None:
    """An artefact that was cut short, down to nothing, is not loaded."""
    artefact(store).write_bytes(artefact(store).read_bytes()[:kept])

    with pytest.raises(ModelFault, match="not loaded"):
        store.load(VERSION)


def test_a_missing_artefact_is_refused(store: ModelStore) -> None:
    """A card without its artefact is an error that names the file."""
    artefact(store).unlink()

    with pytest.raises(ModelFault, match=r"model\.joblib is missing"):
        store.load(VERSION)


def test_the_trap_snaps(store: ModelStore, tmp_path: Path) -> None:
    """The pickle of the test below does act when it is loaded, so that the test proves something."""
    joblib.dump(Trap(tmp_path / "sprung"), artefact(store))

    joblib.load(artefact(store))

    assert (tmp_path / "sprung").exists()


def test_a_planted_artefact_is_never_unpickled(store: ModelStore, tmp_path: Path) -> None:
    """An artefact put in place of the real one is refused before a byte of it can act."""
    joblib.dump(Trap(tmp_path / "sprung"), artefact(store))

    with pytest.raises(ModelFault):
        store.load(VERSION)

    assert not (tmp_path / "sprung").exists()


def test_a_card_of_another_version_is_refused(store: ModelStore) -> None:
    """A folder that holds another version's files is an error that names that version."""
    store.save(PIPELINE, make_card("20261101-00000000"))
    (store.root / "20261101-00000000" / "card.json").replace(store.root / VERSION / "card.json")

    with pytest.raises(ModelFault, match="is the card of 20261101-00000000"):
        store.load(VERSION)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"{}", b'{"model_version": "x"}', b"\xff\xfe\x00"])
def test_a_card_that_is_none_is_refused(store: ModelStore, content: bytes) -> None:
    """A card that is not JSON, or JSON of something else, is an error that names the file."""
    (store.root / VERSION / "card.json").write_bytes(content)

    with pytest.raises(ModelFault, match=r"card\.json is not a model card"):
        store.card(VERSION)
    with pytest.raises(ModelFault, match=r"card\.json is not a model card"):
        store.load(VERSION)
