"""The signature beside a model's card: a file of its own, which is no part of what the version's name digests."""

import hashlib
import uuid
from pathlib import Path

from churn_assets.core.models.card import ModelCard
from churn_assets.core.models.signing import Signing
from churn_assets.storage.files import fsync_file, fsync_folder
from churn_assets.storage.remote import Folder

__all__ = ["SIGNATURE", "check_signature", "verify_signature", "write_signature"]

SIGNATURE = "card.sig"


def check_signature(models: Folder, card: ModelCard, card_bytes: bytes, signing: Signing) -> None:
    """Refuse a model, before anything of it is opened, where a signature is required and is not this one's.

    The card names the digest of every other file, and none is read that has another one.

    Raises:
        ModelFault: it is not signed, or not by an accepted key, or something was changed.
    """
    if not signing.required:
        return
    signing.check(card.model_version, _digests(card, card_bytes), _stored(models, card))


def verify_signature(models: Folder, card: ModelCard, card_bytes: bytes, signing: Signing) -> None:
    """Refuse a signature that is not of what is stored, required or not; where no key is here, one of another form.

    Raises:
        ModelFault: as `check_signature`.
    """
    signing.check_stored(card.model_version, _digests(card, card_bytes), _stored(models, card))


def write_signature(folder: Path, card: ModelCard, card_bytes: bytes, signing: Signing) -> None:
    """Put the signature by the key in force beside a card, in the place of one that is there.

    Raises:
        SettingsError: there is no key that signs.
    """
    signature = signing.sign(card.model_version, _digests(card, card_bytes))
    staged = folder / f".{SIGNATURE}-{uuid.uuid4().hex}"
    staged.write_text(signature.model_dump_json(indent=2) + "\n")
    fsync_file(staged)
    staged.replace(folder / SIGNATURE)
    fsync_folder(folder)


def _stored(models: Folder, card: ModelCard) -> bytes | None:
    path = models.fetch(f"{card.model_version}/{SIGNATURE}", anew=True)  # a model may be signed again
    return path.read_bytes() if path.is_file() else None


def _digests(card: ModelCard, card_bytes: bytes) -> dict[str, str]:
    return {**card.files, "card.json": hashlib.sha256(card_bytes).hexdigest()}
