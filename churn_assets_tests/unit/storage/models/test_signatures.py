"""Who may write the folder of the models cannot slip one in: a model is refused before a byte of it is opened."""

import base64
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest
from pydantic import SecretStr

from churn_assets.core.errors import ModelFault
from churn_assets.core.models.card import ModelCard, sealed
from churn_assets.core.models.options import ModelOptions
from churn_assets.core.models.signing import Signing
from churn_assets.storage.models.store import ModelStore
from churn_assets_tests.storage_factories import make_card, make_kept
from churn_assets_tests.unit.storage.models.test_store import Trap

CARD = make_card()
VERSION = CARD.model_version
NOT_SIGNED = "is not signed"
NOT_OF_IT = "its signature is not of what lies in the folder"


def signing(secret: int = 1) -> Signing:
    """A key in force, and the demand for signatures."""
    key = SecretStr(f"hmac-sha256:{base64.b64encode(bytes([secret]) * 32).decode()}")
    return Signing.of(ModelOptions(require_signature=True, signing_key=key))


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A store with one signed model."""
    store = ModelStore(tmp_path / "models", signing())
    store.save({"bias": 0.25}, CARD, make_kept())
    return store


def write_and_name(folder: Path, name: str, content: bytes) -> None:
    """Replace a file as one does who knows the whole format: digest, seal and all are made anew."""
    (folder / name).write_bytes(content)
    card = ModelCard.model_validate_json((folder / "card.json").read_bytes())
    files = card.files | {name: hashlib.sha256(content).hexdigest()}
    (folder / "card.json").write_text(sealed(card.model_copy(update={"files": files})).model_dump_json(indent=2) + "\n")


def slip_in_an_artefact(folder: Path) -> None:
    """Put a pickle that makes a folder in the place of the model."""
    joblib.dump(Trap(folder.parent / "trapped"), folder / "model.joblib")
    write_and_name(folder, "model.joblib", (folder / "model.joblib").read_bytes())


def slip_in_golden_rows(folder: Path) -> None:
    """Let other probabilities be what the model is proven by."""
    write_and_name(folder, "golden.parquet", (folder / "golden.parquet").read_bytes() + b" ")


def edit_the_card(folder: Path) -> None:
    """Let the card tell of more rows, sealed anew."""
    card = ModelCard.model_validate_json((folder / "card.json").read_bytes())
    (folder / "card.json").write_text(sealed(card.model_copy(update={"train_rows": 10**6})).model_dump_json(indent=2))


def take_the_signature_away(folder: Path) -> None:
    """Leave the model as it was, without its signature."""
    (folder / "card.sig").unlink()


def sign_by_another_key(folder: Path) -> None:
    """Vouch for it by a key that nobody accepts."""
    ModelStore(folder.parent, signing(2)).sign(VERSION)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (slip_in_an_artefact, NOT_OF_IT),
        (slip_in_golden_rows, NOT_OF_IT),
        (edit_the_card, NOT_OF_IT),
        (take_the_signature_away, NOT_SIGNED),
        (sign_by_another_key, "signed by a key that is not accepted here"),
    ],
)
def test_a_model_that_was_slipped_in_is_refused_before_it_is_opened(
    store: ModelStore, change: Callable[[Path], None], says: str
) -> None:
    """Every way to it, its card first, gives the sentence, and no code of it runs; without the demand it is opened."""
    change(store.root / VERSION)

    for open_it in (store.card, store.load, store.verify, store.page, store.figure):
        with pytest.raises(ModelFault, match=says):
            open_it(VERSION)

    assert not (store.root / "trapped").exists()
    ModelStore(store.root).load(VERSION)


def test_a_signature_of_one_model_is_none_of_another(store: ModelStore) -> None:
    """The name of the model is signed with its files."""
    other = make_card(train_rows=7, libraries={"scikit-learn": "1.9"})
    store.save({"bias": 0.5}, other, make_kept())
    shutil.copyfile(store.root / VERSION / "card.sig", store.root / other.model_version / "card.sig")

    with pytest.raises(ModelFault, match=NOT_OF_IT):
        store.load(other.model_version)


def test_a_signature_is_beside_the_version(store: ModelStore, tmp_path: Path) -> None:
    """With a key or without: the same name and the same files but for `card.sig`, which is the same each time too."""
    again, without = ModelStore(tmp_path / "again", signing()), ModelStore(tmp_path / "without")

    cards = [each.save({"bias": 0.25}, CARD, make_kept()) for each in (again, without)]

    assert cards == [store.card(VERSION)] * 2
    contents = [
        {path.name: path.read_bytes() for path in (each.root / VERSION).iterdir()} for each in (store, again, without)
    ]
    assert contents[0] == contents[1]
    assert contents[0].keys() - contents[2].keys() == {"card.sig"}
    assert {name: contents[0][name] for name in contents[2]} == contents[2]


def test_a_model_from_before_the_key_is_signed_and_opened(tmp_path: Path) -> None:
    """`sign` vouches for what lies there, and again by another key; what its card does not name it refuses."""
    old = ModelStore(tmp_path / "models")
    old.save({"bias": 0.25}, CARD, make_kept())
    store = ModelStore(old.root, signing())

    store.sign(VERSION)
    first = store.load(VERSION)[0]
    ModelStore(old.root, signing(2)).sign(VERSION)
    second = ModelStore(old.root, signing(2)).load(VERSION)[0]
    with (old.root / VERSION / "model.joblib").open("ab") as file:
        file.write(b" ")

    assert first == second == {"bias": 0.25}
    with pytest.raises(ModelFault, match="SHA-256"):
        store.sign(VERSION)
    assert sorted(path.name for path in (old.root / VERSION).iterdir() if path.name.startswith(".")) == []


def test_what_is_opened_is_what_was_checked(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who writes the folder between the check and the opening has nothing of it: the bytes are read once."""
    folder, opened = store.root / VERSION, joblib.load

    def after_a_change(content: object) -> object:
        slip_in_an_artefact(folder)
        return opened(content)

    monkeypatch.setattr(joblib, "load", after_a_change)

    assert store.load(VERSION)[0] == {"bias": 0.25}
    assert not (store.root / "trapped").exists()
