"""A model version is kept whole and once, and nothing is read of it that its card does not vouch for."""

import datetime as dt
import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import pytest

from churn_assets.core.errors import ModelFault, UnknownVersion
from churn_assets.core.models.card import InputVersion, ModelCard, sealed
from churn_assets.core.options import Candidate, Recipe
from churn_assets.storage.models.store import ModelStore
from churn_assets_tests.storage_factories import make_card, make_kept

CARD = make_card(dt.date(2026, 10, 1))
VERSION = CARD.model_version
LATER, EARLIER = make_card(dt.date(2026, 11, 1)), make_card(dt.date(2025, 1, 1))
RULES = make_card(dt.date(2026, 10, 1), recipe=Recipe(estimator="rules"), chosen=Recipe(estimator="rules"))
READ = InputVersion(table="customers", snapshot_date=CARD.trained_as_of, version="abc")
PIPELINE = {"trees": [1, 2, 3], "bias": 0.25}
KEPT = make_kept()
VOUCHED_FOR = ["model.joblib", "golden.parquet", "reference.json"]


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
    store.save(PIPELINE, CARD, KEPT)
    return store


def kept_file(store: ModelStore, name: str = "model.joblib") -> Path:
    """A file of the version in the store."""
    return store.root / VERSION / name


def read(store: ModelStore, name: str) -> object:
    """What the store gives of a file that its card vouches for."""
    card = store.card(VERSION)
    readers: dict[str, Callable[[], object]] = {
        "model.joblib": lambda: store.load(VERSION),
        "golden.parquet": lambda: store.golden(card),
        "reference.json": lambda: store.reference(card),
    }
    return readers[name]()


def edit_card(store: ModelStore, **changes: Any) -> None:
    """Write other values into the card in the store."""
    path = kept_file(store, "card.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def seal_card(store: ModelStore, **changes: Any) -> None:
    """Write other values into the card, as somebody would who knows of the seal."""
    path = kept_file(store, "card.json")
    card = ModelCard.model_validate_json(path.read_text())
    path.write_text(sealed(card.model_copy(update=changes)).model_dump_json())


def contents(store: ModelStore) -> dict[str, tuple[bytes, int]]:
    """The bytes and the inode of every file of the version in the store."""
    return {path.name: (path.read_bytes(), path.stat().st_ino) for path in (store.root / VERSION).iterdir()}


def test_a_store_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """Before the first model there are no versions, and looking makes no folder."""
    versions = ModelStore(tmp_path / "models").versions()

    assert versions == []
    assert not (tmp_path / "models").exists()


def test_a_saved_model_is_loaded_as_it_was(store: ModelStore) -> None:
    """Pipeline and card come back, the card with the digests of what lies beside it."""
    pipeline, card = store.load(VERSION)

    assert pipeline == PIPELINE
    assert card == sealed(CARD.model_copy(update={"files": card.files}))
    assert {name: len(digest) for name, digest in card.files.items()} == dict.fromkeys(
        [*VOUCHED_FOR, "card.md", "card.png"], 64
    )


def test_what_is_kept_beside_a_model_comes_back(store: ModelStore) -> None:
    """Golden rows with their day, reference, page and picture are those that were saved."""
    card = store.card(VERSION)

    assert store.golden(card).equals(KEPT.golden, check_metadata=True)
    assert store.reference(card) == KEPT.reference
    assert store.page(VERSION) == KEPT.page
    assert store.figure(VERSION) == KEPT.figure


def test_saving_gives_the_card_as_it_is_kept(tmp_path: Path) -> None:
    """What `save` gives back is what a reader finds."""
    store = ModelStore(tmp_path / "models")

    kept = store.save(PIPELINE, CARD, KEPT)

    assert kept == store.card(VERSION)


def test_a_version_is_a_folder_of_everything_that_is_kept(store: ModelStore) -> None:
    """Exactly these files lie in the folder, the card readable, and nothing is left where they were written."""
    names = sorted(path.name for path in (store.root / VERSION).iterdir())

    assert names == ["card.json", "card.md", "card.png", "golden.parquet", "model.joblib", "reference.json"]
    assert list((store.root / "_staging").iterdir()) == []
    assert ModelCard.model_validate_json((store.root / VERSION / "card.json").read_text()).model_version == VERSION


def test_where_there_is_nothing_to_draw_there_is_no_picture(tmp_path: Path) -> None:
    """A model without a picture has no file of one, and an empty one is told."""
    store = ModelStore(tmp_path / "models")

    store.save(PIPELINE, CARD, make_kept(figure=b""))

    assert not kept_file(store, "card.png").exists()
    assert store.figure(VERSION) == b""


def test_versions_are_told_by_training_day(store: ModelStore) -> None:
    """Versions stand oldest training day first, whatever the order of saving."""
    store.save(PIPELINE, LATER, KEPT)
    store.save(PIPELINE, EARLIER, KEPT)

    assert store.versions() == [EARLIER.model_version, VERSION, LATER.model_version]


def test_what_a_killed_writer_left_is_no_version(store: ModelStore) -> None:
    """A folder under `_staging`, or one without a card, is not listed and cannot be loaded."""
    (store.root / "_staging" / "abc").mkdir()
    (store.root / "_staging" / "abc" / "card.json").write_text("{")
    (store.root / LATER.model_version).mkdir()

    assert store.versions() == [VERSION]
    with pytest.raises(UnknownVersion):
        store.load(LATER.model_version)


def test_a_version_saved_twice_stays_as_it_is(store: ModelStore) -> None:
    """Saving a version again, with another pipeline, card and rows, changes no byte and gives the card that is kept."""
    before = contents(store)
    first = store.card(VERSION)

    kept = store.save({"trees": []}, make_card(train_rows=1), make_kept(0.75, "# Another", b"other"))

    assert contents(store) == before
    assert kept == first


def test_who_saves_a_version_at_once_agrees(tmp_path: Path) -> None:
    """Several that trained the same version at the same time are all given the one card that is kept."""
    store = ModelStore(tmp_path / "models")

    with ThreadPoolExecutor(4) as pool:
        cards = list(pool.map(lambda bias: store.save({"bias": bias}, CARD, make_kept(bias / 4)), range(4)))

    assert cards == [store.card(VERSION)] * 4
    assert store.golden(cards[0])["churn_probability"].to_pylist() == [store.load(VERSION)[0]["bias"] / 4]
    assert list((store.root / "_staging").iterdir()) == []


def test_rules_have_no_artefact_and_load(tmp_path: Path) -> None:
    """A model of rules is a card with golden rows and a reference; there is no pickle to make or to open."""
    store = ModelStore(tmp_path / "models")

    kept = store.save(None, RULES, KEPT)

    assert store.load(RULES.model_version) == (None, kept)
    assert sorted(kept.files) == ["card.md", "card.png", "golden.parquet", "reference.json"]
    assert not (store.root / RULES.model_version / "model.joblib").exists()
    assert store.golden(kept).equals(KEPT.golden)
    assert store.reference(kept) == KEPT.reference


@pytest.mark.parametrize("version", ["20270101-00000000", "", "..", "no/such", "x" * 300, "a\0b"])
def test_an_unknown_version_is_an_error_that_says_how_to_list_them(store: ModelStore, version: str) -> None:
    """A version that is not there is named, with the command that lists those that are."""
    with pytest.raises(UnknownVersion, match=r"no model .*churn-assets models"):
        store.load(version)


def test_a_file_where_the_models_should_be_is_named(tmp_path: Path) -> None:
    """It is not taken for a folder without models."""
    (tmp_path / "models").write_text("a file")

    with pytest.raises(ModelFault, match=rf"{tmp_path}/models is a file, and should be a folder"):
        ModelStore(tmp_path / "models").versions()


def test_an_unknown_version_has_no_page(store: ModelStore) -> None:
    """The page of a version that is not there is the same error."""
    with pytest.raises(UnknownVersion, match="no model 20270101-00000000"):
        store.page("20270101-00000000")


@pytest.mark.parametrize("position", [0, 10, -1])
@pytest.mark.parametrize("name", VOUCHED_FOR)
def test_a_file_with_one_byte_changed_is_refused(store: ModelStore, name: str, position: int) -> None:
    """One changed byte anywhere keeps a file from being read, in a sentence with both digests and what to do."""
    data = bytearray(kept_file(store, name).read_bytes())
    data[position] ^= 1
    kept_file(store, name).write_bytes(data)

    with pytest.raises(ModelFault, match=rf"{name} has SHA-256 \w+\.\.\., its card says .*not loaded: restore"):
        read(store, name)


@pytest.mark.parametrize("kept", [0, 1, -1])
@pytest.mark.parametrize("name", VOUCHED_FOR)
def test_a_truncated_file_is_refused(store: ModelStore, name: str, kept: int) -> None:
    """A file that was cut short, down to nothing, is not read."""
    kept_file(store, name).write_bytes(kept_file(store, name).read_bytes()[:kept])

    with pytest.raises(ModelFault, match=f"{name} has SHA-256 .*not loaded"):
        read(store, name)


@pytest.mark.parametrize("name", VOUCHED_FOR)
def test_a_missing_file_is_refused(store: ModelStore, name: str) -> None:
    """A card without one of its files is an error that names the file and what to do."""
    kept_file(store, name).unlink()

    with pytest.raises(ModelFault, match=f"{name} is missing: restore the folder"):
        read(store, name)


@pytest.mark.parametrize("name", VOUCHED_FOR)
def test_a_file_that_its_card_does_not_name_is_refused(store: ModelStore, name: str) -> None:
    """A file for which the card has no digest is not read: nothing vouches for it."""
    seal_card(store, files={})

    with pytest.raises(ModelFault, match=f"{name} has SHA-256 .*its card says nothing.*not loaded"):
        read(store, name)


def test_the_file_of_another_model_is_refused(store: ModelStore) -> None:
    """Whole and sound golden rows of another version are not taken for those of this one."""
    store.save(PIPELINE, LATER, make_kept(0.75))
    (store.root / LATER.model_version / "golden.parquet").replace(kept_file(store, "golden.parquet"))

    with pytest.raises(ModelFault, match="not loaded"):
        store.golden(store.card(VERSION))


def test_a_refusal_is_one_sentence(store: ModelStore) -> None:
    """What is wrong with a file stands on one line, without a second error behind it."""
    kept_file(store, "golden.parquet").write_bytes(b"no parquet")

    with pytest.raises(ModelFault) as refused:
        read(store, "golden.parquet")

    assert "\n" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_trap_snaps(store: ModelStore, tmp_path: Path) -> None:
    """The pickle of the test below does act when it is loaded, so that the test proves something."""
    joblib.dump(Trap(tmp_path / "sprung"), kept_file(store))

    joblib.load(kept_file(store))

    assert (tmp_path / "sprung").exists()


def test_a_planted_artefact_is_never_unpickled(store: ModelStore, tmp_path: Path) -> None:
    """An artefact put in place of the real one is refused before a byte of it can act."""
    joblib.dump(Trap(tmp_path / "sprung"), kept_file(store))

    with pytest.raises(ModelFault):
        store.load(VERSION)

    assert not (tmp_path / "sprung").exists()


def test_an_artefact_that_the_libraries_cannot_open_is_told(store: ModelStore) -> None:
    """An artefact that is the card's own and that cannot be unpickled here is an error that says what to do."""
    path = kept_file(store)
    path.write_bytes(b"a pickle of another age")
    seal_card(store, files={"model.joblib": hashlib.sha256(path.read_bytes()).hexdigest()})

    with pytest.raises(ModelFault, match=r"joblib cannot be opened by the installed libraries .*train the model"):
        store.load(VERSION)


def test_a_card_of_another_version_is_refused(store: ModelStore) -> None:
    """A folder that holds another version's files is an error that names that version."""
    store.save(PIPELINE, LATER, KEPT)
    (store.root / LATER.model_version / "card.json").replace(kept_file(store, "card.json"))

    with pytest.raises(ModelFault, match=f"is the card of {LATER.model_version}"):
        store.load(VERSION)


@pytest.mark.parametrize(
    "changes",
    [
        {"trained_as_of": "2026-10-02"},
        {"profile": "my_company.churn"},
        {"profile_digest": "1" * 64},
        {"feature_digest": "2" * 16},
        {"label": "gone after 60 days"},
        {"recipe": Recipe(seed=43).model_dump()},
        {"recipe": Recipe(estimator="ada_boost").model_dump()},
        {"recipe": Recipe(calibration="sigmoid").model_dump()},
        {"recipe": Recipe(metric="brier").model_dump()},
        {"recipe": Recipe(candidates=(Candidate(estimator="ada_boost"),)).model_dump()},
        {"inputs": [READ.model_dump(mode="json")]},
        {"libraries": {"scikit-learn": "1.9"}},
    ],
    ids=str,
)
def test_a_card_that_was_edited_is_refused(store: ModelStore, changes: dict[str, Any]) -> None:
    """What a card says makes its name: another day, code, label, recipe, data or library belies it, in a sentence."""
    edit_card(store, **changes)

    with pytest.raises(ModelFault, match=rf"card\.json was changed: .* makes \d{{8}}-\w{{8}}, not {VERSION}; restore"):
        store.card(VERSION)
    with pytest.raises(ModelFault, match="was changed"):
        store.load(VERSION)


@pytest.mark.parametrize(
    "changes",
    [
        {"train_rows": 1_000_000},
        {"feature_columns": ["spend", "visits"]},
        {"feature_parameters": {"recent_login_days": 7}},
        {"training_dates": []},
        {"metrics": None},
        {"files": {}},
    ],
    ids=str,
)
def test_a_card_whose_results_were_edited_is_refused(store: ModelStore, changes: dict[str, Any]) -> None:
    """What does not make its name is under its seal: an edited card is told, whatever was edited."""
    edit_card(store, **changes)

    with pytest.raises(ModelFault, match=r"card\.json was changed since it was written"):
        store.card(VERSION)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"{}", b'{"model_version": "x"}', b"\xff\xfe\x00"])
def test_a_card_that_is_none_is_refused(store: ModelStore, content: bytes) -> None:
    """A card that is not JSON, or JSON of something else, is an error that names the file."""
    (store.root / VERSION / "card.json").write_bytes(content)

    with pytest.raises(ModelFault, match=r"card\.json is not a model card"):
        store.card(VERSION)
    with pytest.raises(ModelFault, match=r"card\.json is not a model card"):
        store.load(VERSION)
