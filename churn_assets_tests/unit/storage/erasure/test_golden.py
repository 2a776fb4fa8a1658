"""A customer goes from a model's golden rows, and the model is what it was."""

import logging
from pathlib import Path

import pytest

from churn_assets.core.errors import ModelFault
from churn_assets.storage.erasure.golden import erase_golden, golden_rows_of
from churn_assets.storage.models.store import ModelStore
from churn_assets_tests.storage_factories import make_card, make_kept


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A model whose only golden row is that of `c1`."""
    store = ModelStore(tmp_path / "models")
    store.save({"a": "model"}, make_card(), make_kept())
    return store


def test_a_model_without_a_customer_is_the_same_model(store: ModelStore, caplog: pytest.LogCaptureFixture) -> None:
    """Its name, its other files and its digests hold; who read its card before reads the rows that are left."""
    [version] = store.versions()
    before, loaded = store.card(version), store.load(version)[0]

    counts = [golden_rows_of(store, version, "customer_id", each) for each in ("c1", "c2")]
    removed = [erase_golden(store, version, "customer_id", each) for each in ("c2", "c1", "c1")]

    card = store.verify(version)
    names = sorted(path.name for path in (store.root / version).iterdir())
    assert (counts, removed) == ([1, 0], [0, 1, 0])
    assert store.golden(before).num_rows == store.golden(card).num_rows == 0
    assert store.golden(card).schema.metadata == {b"snapshot_date": b"2026-10-01"}
    assert (store.load(version)[0], card.files.keys() ^ before.files.keys()) == (loaded, {"golden.parquet", names[3]})
    assert names[3].startswith("golden-")
    assert "has no golden rows left" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


def test_what_a_killed_attempt_left_is_removed(store: ModelStore) -> None:
    """Before the card was written the old rows are the model's; after it they are nobody's."""
    [version] = store.versions()
    folder = store.root / version
    old = (folder / "golden.parquet").read_bytes()
    (folder / "golden-new.parquet").write_bytes(old[:50])
    erase_golden(store, version, "customer_id", "c2")
    early = sorted(path.name for path in folder.glob("golden*"))
    erase_golden(store, version, "customer_id", "c1")
    (folder / "golden.parquet").write_bytes(old)

    erase_golden(store, version, "customer_id", "c1")

    assert early == ["golden.parquet"]
    assert not (folder / "golden.parquet").exists()
    assert store.verify(version).model_version == version


def test_golden_rows_that_are_damaged_are_told(store: ModelStore) -> None:
    """Nobody can tell who is in them."""
    [version] = store.versions()
    (store.root / version / "golden.parquet").write_bytes(b"torn")

    with pytest.raises(ModelFault, match="its card says"):
        golden_rows_of(store, version, "customer_id", "c1")
