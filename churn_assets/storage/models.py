"""Model versions as immutable folders: an artefact that is loaded only when its digest matches its card."""

import hashlib
import shutil
import uuid
from pathlib import Path
from typing import Any

import joblib
from pydantic import ValidationError

from churn_assets.core.card import ModelCard
from churn_assets.core.errors import ModelFault, UnknownVersion
from churn_assets.storage.parquet import fsync_file, fsync_folder

__all__ = ["ModelStore"]

ARTEFACT = "model.joblib"
CARD = "card.json"


class ModelStore:
    """`models/<version>/`, each written once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def versions(self) -> list[str]:
        """Every version, oldest training day first."""
        return sorted(path.parent.name for path in self.root.glob(f"[!_]*/{CARD}"))

    def card(self, version: str) -> ModelCard:
        """The card of `version`.

        Raises:
            UnknownVersion: no such version.
            ModelFault: its card cannot be read.
        """
        path = self.root / version / CARD
        if not path.is_file():
            raise UnknownVersion(f"no model {version} below {self.root}; `churn-assets models` lists every version")
        try:
            card = ModelCard.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise ModelFault(
                f"{path} is not a model card: restore the folder, or remove it and train the model again"
            ) from error
        if card.model_version != version:
            raise ModelFault(f"{path} is the card of {card.model_version}: restore the folder of {version}")
        return card

    def load(self, version: str) -> tuple[Any, ModelCard]:
        """The fitted pipeline of `version` and its card; it is not even opened unless its SHA-256 is the card's.

        Raises:
            UnknownVersion: no such version.
            ModelFault: the artefact is missing, or not the one the card was written for.
        """
        card = self.card(version)
        path = self.root / version / ARTEFACT
        if not path.is_file():
            raise ModelFault(f"{path} is missing: restore the folder, or remove it and train the model again")
        if (digest := _sha256(path)) != card.artefact_sha256:
            raise ModelFault(
                f"{path} has SHA-256 {digest[:12]}…, its card says {card.artefact_sha256[:12]}…; it was not loaded: "
                "restore the folder, or promote another version"
            )
        try:
            return joblib.load(path), card
        except Exception as error:
            raise ModelFault(
                f"{path} cannot be opened by the installed libraries ({type(error).__name__}: {error}); "
                "train the model again with them, or install those its card names"
            ) from error

    def save(self, pipeline: Any, card: ModelCard) -> ModelCard:
        """Keep a new version; one that is there already stays as it is.

        Returns:
            The card as it is kept, with its artefact's digest.
        """
        final = self.root / card.model_version
        if final.exists():
            return self.card(card.model_version)
        folder = self.root / "_staging" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        joblib.dump(pipeline, folder / ARTEFACT)
        fsync_file(folder / ARTEFACT)
        kept = card.model_copy(update={"artefact_sha256": _sha256(folder / ARTEFACT)})
        (folder / CARD).write_text(kept.model_dump_json(indent=2) + "\n")
        fsync_file(folder / CARD)
        fsync_folder(folder)
        try:
            folder.rename(final)
        except OSError:  # trained by somebody else at the same time
            shutil.rmtree(folder)
        fsync_folder(self.root)
        return self.card(card.model_version)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
