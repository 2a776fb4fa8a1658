"""A customer's row among the golden rows of a model, and the model's folder without it.

The model stays what it is: its name covers what it was made of, its seal the digests of its files. So the rows that
are left go into a file of another name, and the card that names it takes the place of the one before in one step.
"""

import logging

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.errors import ModelFault
from churn_assets.core.models.card import ModelCard, card_json, sealed
from churn_assets.storage.files import fsync_file, fsync_folder, sha256_of
from churn_assets.storage.models.signatures import SIGNATURE
from churn_assets.storage.models.store import CARD, ModelStore, golden_file

__all__ = ["erase_golden", "golden_rows_of"]

logger = logging.getLogger("churn_assets")
WRITTEN = "golden-new.parquet"


def golden_rows_of(store: ModelStore, version: str, key: str, customer: str) -> int:
    """How many golden rows of a model are a customer's.

    Raises:
        ModelFault: they cannot be read.
    """
    golden = store.golden(store.card(version, anew=True))
    return int(golden.num_rows - golden.filter(_others(golden, key, customer)).num_rows)


def erase_golden(store: ModelStore, version: str, key: str, customer: str) -> int:
    """Remove a customer from the golden rows of a model; how many rows that were.

    Raises:
        ModelFault: the model cannot be read, or would not be itself any more; it stays as it is.
    """
    card = store.card(version, anew=True)
    golden = store.golden(card)
    kept = golden.filter(_others(golden, key, customer))
    if kept.num_rows < golden.num_rows:
        card = _replaced(store, card, kept)
        if not kept.num_rows:
            logger.warning("model %s has no golden rows left, and nothing tells whether it moved: train again", version)
    names = {path.name for path in (store.root / version).glob("golden*.parquet")} | {*store.folder.listed(version)}
    left = [name for name in names if name.startswith("golden") and name != golden_file(card)]
    store.folder.delete(f"{version}/{name}" for name in left)  # also what an attempt left that was killed
    fsync_folder(store.root / version)
    return int(golden.num_rows - kept.num_rows)


def _replaced(store: ModelStore, card: ModelCard, golden: pa.Table) -> ModelCard:
    folder = store.root / card.model_version
    is_signed = store.folder.fetch(f"{card.model_version}/{SIGNATURE}").is_file()
    if is_signed and store.signing.signer is None:
        raise ModelFault(
            f"model {card.model_version} is signed, and would not be without a customer: erase where "
            "CHURN_MODELS__SIGNING_KEY is set"
        )
    written = folder / WRITTEN
    pq.write_table(golden, written)
    fsync_file(written)
    digest = sha256_of(written).hex()
    name = f"golden-{digest[:8]}.parquet"
    files = {each: its for each, its in card.files.items() if each != golden_file(card)} | {name: digest}
    changed = sealed(card.model_copy(update={"files": dict(sorted(files.items()))}))
    if sealed(read := ModelCard.model_validate_json(card_json(changed))) != read:
        written.unlink()
        raise ModelFault(f"{folder / CARD} has a form that cannot be written any more: train the model again")
    written.replace(folder / name)
    with (folder / f".{CARD}").open("w") as file:
        file.write(card_json(changed))
    fsync_file(folder / f".{CARD}")
    store.folder.push([folder / name])
    (folder / f".{CARD}").replace(folder / CARD)
    store.folder.push([folder / CARD], replace=True)
    return store.sign(card.model_version) if is_signed else changed


def _others(golden: pa.Table, key: str, customer: str) -> pa.ChunkedArray:
    return pc.not_equal(pc.fill_null(id_texts(golden.column(key)), ""), customer)
