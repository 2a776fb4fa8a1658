"""Model versions as immutable folders, of which nothing is used unless its digest is the one in the card."""

import glob
import hashlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from churn_assets.core.errors import ChurnError, ModelFault, UnknownVersion
from churn_assets.core.evaluation.results import Reference
from churn_assets.core.models.card import CARD_FORM, EXACT, ModelCard, card_json, digest_of_version, sealed
from churn_assets.core.models.signing import Signing
from churn_assets.storage.access import closed_folder
from churn_assets.storage.files import fsync_file, fsync_folder
from churn_assets.storage.layout import STAGING
from churn_assets.storage.models.artefact import load_artefact
from churn_assets.storage.models.signatures import SIGNATURE, check_signature, verify_signature, write_signature
from churn_assets.storage.remote import Folder, as_folder

if TYPE_CHECKING:
    from churn_assets.core.models.cross_fitting import CrossFittedKernel
    from churn_assets.core.reasons.explainer import Explainer, Unexplainable
    from churn_assets.core.trees.predictor import TreeKernel

__all__ = ["CARD", "ModelFiles", "ModelStore", "golden_file"]

logger = logging.getLogger("churn_assets")

ARTEFACT = "model.joblib"
KERNEL = "kernel.npz"
REASONS = "reasons.npz"
GOLDEN = "golden.parquet"
REFERENCE = "reference.json"
CARD = "card.json"
PAGE = "card.md"
FIGURE = "card.png"
BEFORE_REASONS = "it was made by a release that gave no reasons"
UNSIGNED = Signing()
REMEDY = "restore the folder from a backup, or promote another version"


@dataclass(frozen=True)
class ModelFiles:
    """What a model's folder holds with its artefact and card.

    `figure` is a PNG, empty where there is nothing to draw; `kernel` and `explainer` are None where none was proven.
    """

    golden: pa.Table
    reference: Reference
    page: str
    figure: bytes
    kernel: "TreeKernel | CrossFittedKernel | None" = None
    explainer: "Explainer | None" = None


class ModelStore:
    """`models/<version>/`, each written once; of a model that `signing` refuses nothing is given, its card neither."""

    def __init__(self, root: Path | Folder, signing: Signing = UNSIGNED) -> None:
        self.folder = as_folder(root)
        self.root = self.folder.path
        self.signing = signing

    def versions(self) -> list[str]:
        """Every version, oldest training day first.

        Raises:
            ModelFault: a file lies where the folder of the models should, or this user may not read a folder.
        """
        if self.root.exists() and not self.root.is_dir():
            raise ModelFault(f"{self.root} is a file, and should be a folder: move it away, restore it from a backup")
        if self.folder.store is not None:
            return sorted(name.removesuffix(f"/{CARD}") for name in self.folder.listed() if name.endswith(f"/{CARD}"))
        if closed := closed_folder(f"{glob.escape(str(self.root.absolute()))}/[!_]*/{CARD}"):
            raise ModelFault(f"uid {os.getuid()} may not read {closed}; give it access")
        return sorted(path.parent.name for path in self.root.glob(f"[!_]*/{CARD}"))

    def is_stored(self, version: str) -> bool:
        """Whether a model is there for everybody, in the object store where there is one, whatever is mirrored here."""
        name = f"{version}/{CARD}"
        return (self.root / name).is_file() if self.folder.store is None else self.folder.stamp(name) is not None

    def card(self, version: str, *, anew: bool = False) -> ModelCard:
        """The card of `version`; `anew` as everybody finds it now: an erasure or a signature elsewhere changes it.

        Raises:
            UnknownVersion: no such version.
            ModelFault: its card cannot be read, is not the one it was made with, or lacks a wanted signature.
        """
        card, content = self._card(version, anew=anew)
        check_signature(self.folder, card, content, self.signing)
        return card

    def sign(self, version: str) -> ModelCard:
        """Sign a model that is there, whoever signed it before, after each file was found to be the card's.

        Raises:
            SettingsError: there is no key that signs.
            UnknownVersion, ModelFault: there is no such model, or it is not what its card says.
        """
        card, content = self._card(version, anew=True)
        self._check_files(card)
        write_signature(self.root / version, card, content, self.signing)
        self.folder.push([self.root / version / SIGNATURE], replace=True)
        return card

    def _card(self, version: str, *, anew: bool = False) -> tuple[ModelCard, bytes]:
        """A card that names what it was made with, whoever signed it, and its bytes."""
        path = self.root / version / CARD
        try:
            wanted = anew or self.signing.required  # signed as it stands
            exists = self.folder.fetch(f"{version}/{CARD}", anew=wanted).is_file()
        except PermissionError as error:
            raise ModelFault(f"uid {os.getuid()} may not read {path.parent}; give it access") from error
        except OSError:  # a name that no folder can have
            exists = False
        if not exists:
            raise UnknownVersion(f"no model {version} below {self.folder}; `churn-assets models` lists every version")
        content = path.read_bytes()
        try:
            card = ModelCard.model_validate_json(content)
        except ValidationError as error:
            raise ModelFault(
                f"{path} is not a model card, or one of an earlier release: restore the folder, or train and promote "
                "the model again"
            ) from error
        if card.form > CARD_FORM:
            raise ModelFault(
                f"{path} has form {card.form}, of a later release: install that, or promote a model that this one made"
            )
        if card.model_version != version:
            raise ModelFault(f"{path} is the card of {card.model_version}: restore the folder of {version}")
        if (made := digest_of_version(card)) != version:
            raise ModelFault(f"{path} was changed: what it says makes {made}, not {version}; {REMEDY}")
        if sealed(card) != card:
            raise ModelFault(f"{path} was changed since it was written: its content is not the sealed one; {REMEDY}")
        return card, content

    def load(self, version: str) -> tuple[Any, ModelCard]:
        """The fitted pipeline of `version`, None for rules, and its card.

        Raises:
            UnknownVersion: no such version.
            ModelFault: the artefact is missing, or not the one the card was written for.
        """
        card = self.card(version)
        return self.artefact(card), card

    def artefact(self, card: ModelCard) -> Any:
        """The fitted pipeline of a model, None for rules.

        It is not even opened unless its SHA-256 is the card's, and of what was digested, whoever writes the folder.

        Raises:
            ModelFault: it is missing, or not the one the card was written for.
        """
        if card.is_rules:
            return None
        return load_artefact(self.read_file(card, ARTEFACT), self.root / card.model_version / ARTEFACT, card)

    def kernel(self, card: ModelCard) -> "TreeKernel | None":
        """The kernel that was proven for a model when it was made, None where there is none that can be used.

        It holds for the libraries that the card names, and is not to be opened under others. A kernel of an
        earlier revision, which was a pickle, is none.

        Raises:
            ModelFault: it is not the one the card was written for, or the artefact it was compiled from is
                missing or not that one.
        """
        if KERNEL not in card.files:
            return None
        self._checked(card, ARTEFACT)
        from churn_assets.core.trees.serialization import KernelUnreadable, kernel_from_npz  # noqa: PLC0415  # as above

        path = self.folder.fetch(f"{card.model_version}/{KERNEL}")
        try:
            content = path.read_bytes()
            _check_digest(path, card, hashlib.sha256(content).hexdigest())
            return kernel_from_npz(content)
        except (OSError, KernelUnreadable) as error:
            logger.warning("%s is not used, the kernel is compiled and proven anew: %s", path, error)
            logger.debug("%s", path, exc_info=True)
            return None

    def explainer(self, card: ModelCard) -> "Explainer | Unexplainable":
        """What gives the reasons for a model's scores, or why nothing does.

        Raises:
            ModelFault: its tables are missing or damaged, or not those the card was written for.
        """
        from churn_assets.core.reasons.explainer import Unexplainable  # noqa: PLC0415  # cards are read without it

        if card.reasons != EXACT:
            return Unexplainable(card.reasons or BEFORE_REASONS)
        content = self.read_file(card, REASONS)
        from churn_assets.core.reasons.serialization import (  # noqa: PLC0415  # as above
            ReasonsUnreadable,
            explainer_from_npz,
        )

        version = card.model_version
        try:
            return explainer_from_npz(content, version, lambda: self.artefact(card))
        except ReasonsUnreadable as error:
            path = self.root / version / REASONS
            raise ModelFault(f"{path} holds no reasons of model {version}: {error}; {REMEDY}") from error

    def golden(self, card: ModelCard) -> pa.Table:
        """The golden rows of a model.

        Raises:
            ModelFault: they are missing, or not those the card was written for.
        """
        if not self.folder.fetch(f"{card.model_version}/{golden_file(card)}").is_file():
            card = self.card(card.model_version, anew=True)  # an erasure put others in their place since it was read
        return pq.read_table(pa.BufferReader(self.read_file(card, golden_file(card))))

    def reference(self, card: ModelCard) -> Reference:
        """The reference histograms of a model.

        Raises:
            ModelFault: they are missing, or not those the card was written for.
        """
        return Reference.model_validate_json(self.read_file(card, REFERENCE))

    def page(self, version: str) -> str:
        """The card of `version` for a person, in Markdown.

        Raises:
            UnknownVersion: no such version.
        """
        return self.read_file(self.card(version), PAGE).decode()

    def figure(self, version: str) -> bytes:
        """The plots of a model as PNG, empty where there are none."""
        card = self.card(version)
        return self.read_file(card, FIGURE) if FIGURE in card.files else b""

    def save(self, pipeline: Any, card: ModelCard, files: ModelFiles) -> ModelCard:
        """Keep a new version; one that is there already stays as it is.

        Returns:
            The card as it is stored, with the digests of its files.
        """
        final = self.root / card.model_version
        if (there := self._kept(card.model_version)) is not None:
            return there
        folder = self.root / STAGING / uuid.uuid4().hex
        folder.mkdir(parents=True)
        if pipeline is not None:
            import joblib  # noqa: PLC0415  # as above

            joblib.dump(pipeline, folder / ARTEFACT)
        if files.kernel is not None:
            _write_kernel(files.kernel, folder / KERNEL)
        if files.explainer is not None:
            from churn_assets.core.reasons.serialization import explainer_to_npz  # noqa: PLC0415  # as above

            (folder / REASONS).write_bytes(explainer_to_npz(files.explainer, card.model_version))
        pq.write_table(files.golden, folder / GOLDEN)
        (folder / REFERENCE).write_text(files.reference.model_dump_json(indent=2) + "\n")
        (folder / PAGE).write_text(files.page)
        if files.figure:
            (folder / FIGURE).write_bytes(files.figure)
        digests = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
        written = sealed(card.model_copy(update={"files": digests}))
        content = card_json(written).encode()
        (folder / CARD).write_bytes(content)
        if self.signing.signer is not None:
            write_signature(folder, written, content, self.signing)
        for path in folder.iterdir():
            fsync_file(path)
        fsync_folder(folder)
        try:
            folder.rename(final)
        except OSError:  # trained by somebody else at the same time
            shutil.rmtree(folder)
        fsync_folder(self.root)
        return self._pushed(card.model_version)

    def _kept(self, version: str) -> ModelCard | None:
        """The card of a version that is there, after everybody can find it; None where it has to be written."""
        if self.is_stored(version):
            return self.card(version, anew=True)
        if self.folder.store is not None and not self._is_whole(version):
            shutil.rmtree(self.root / version, ignore_errors=True)  # mirrored in part, and expired since
        return self._pushed(version) if (self.root / version).exists() else None

    def _is_whole(self, version: str) -> bool:
        try:
            self.verify(version)
        except ChurnError:
            return False
        return True

    def _pushed(self, version: str) -> ModelCard:
        """The card of a version that is kept here, after everybody can find it: the card last, by which it is seen."""
        card = self.card(version)
        files = [path for name in [*sorted(card.files), SIGNATURE] if (path := self.root / version / name).is_file()]
        self.folder.push([*files, self.root / version / CARD])
        return card

    def verify(self, version: str) -> ModelCard:
        """The card of `version`, after every file of its folder was found to be the one it was made with.

        Raises:
            UnknownVersion: no such version.
            ModelFault: a file is missing, or another one.
        """
        card = self.card(version, anew=True)
        self._check_files(card)
        return card

    def _check_files(self, card: ModelCard) -> None:
        for name in card.files:
            self._checked(card, name)

    def faults(self, version: str) -> Iterator[tuple[Path, ChurnError]]:
        """Each file of `version` that is missing or another one, and what is wrong with it; the card alone, if it is.

        A signature is one of them where it does not fit, or is wanted and missing. Nothing is loaded: every file is
        read once for its digest.
        """
        try:
            card, content = self._card(version, anew=True)
        except ChurnError as error:
            yield self.root / version / CARD, error
            return
        for name in card.files:
            try:
                self._checked(card, name)
            except ChurnError as error:
                yield self.root / version / name, error
        try:
            verify_signature(self.folder, card, content, self.signing)
        except ChurnError as error:
            yield self.root / version / SIGNATURE, error

    def _checked(self, card: ModelCard, name: str) -> None:
        path = self._path(card, name)
        _check_digest(path, card, _sha256(path))

    def read_file(self, card: ModelCard, name: str) -> bytes:
        """The bytes of a file, read once: what is used is what was checked, whoever writes the folder meanwhile."""
        path = self._path(card, name)
        content = path.read_bytes()
        _check_digest(path, card, hashlib.sha256(content).hexdigest())
        return content

    def _path(self, card: ModelCard, name: str) -> Path:
        path = self.folder.fetch(f"{card.model_version}/{name}")
        if not path.is_file():
            raise ModelFault(f"{path} is missing: {REMEDY}")
        return path


def golden_file(card: ModelCard) -> str:
    """The name of the file of a model's golden rows: another one since a customer was erased from them."""
    return next((name for name in card.files if name.startswith(Path(GOLDEN).stem)), GOLDEN)


def _check_digest(path: Path, card: ModelCard, digest: str) -> None:
    expected = card.files.get(path.name, "nothing")
    if digest != expected:
        raise ModelFault(
            f"{path} has SHA-256 {digest[:12]}..., its card says {expected[:12]}...; it was not loaded: {REMEDY}"
        )


def _write_kernel(kernel: "TreeKernel | CrossFittedKernel", path: Path) -> None:
    """Write what opens without a pickle; a kernel that cannot is compiled whenever its model is opened."""
    from churn_assets.core.models.cross_fitting import CrossFittedKernel  # noqa: PLC0415  # cards are read without it
    from churn_assets.core.trees.serialization import kernel_to_npz  # noqa: PLC0415  # as above

    npz = None if isinstance(kernel, CrossFittedKernel) else kernel_to_npz(kernel)
    if npz is not None:
        path.write_bytes(npz)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
