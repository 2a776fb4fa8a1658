"""Model versions as immutable folders, of which nothing is used unless its digest is the one in the card."""

import glob
import hashlib
import logging
import os
import shutil
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from churn_assets.core.errors import ModelFault, UnknownVersion
from churn_assets.core.evaluation.results import Reference
from churn_assets.core.models.card import CARD_FORM, EXACT, ModelCard, digest_of_version, sealed
from churn_assets.storage.access import closed_folder
from churn_assets.storage.files import fsync_file, fsync_folder
from churn_assets.storage.layout import STAGING

if TYPE_CHECKING:
    from churn_assets.core.models.cross_fitting import CrossFittedKernel
    from churn_assets.core.reasons.explainer import Explainer, Unexplainable
    from churn_assets.core.trees.predictor import TreeKernel

__all__ = ["ModelFiles", "ModelStore"]

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
    """`models/<version>/`, each written once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def versions(self) -> list[str]:
        """Every version, oldest training day first.

        Raises:
            ModelFault: a file lies where the folder of the models should, or this user may not read a folder.
        """
        if self.root.exists() and not self.root.is_dir():
            raise ModelFault(f"{self.root} is a file, and should be a folder: move it away, restore it from a backup")
        if closed := closed_folder(f"{glob.escape(str(self.root.absolute()))}/[!_]*/{CARD}"):
            raise ModelFault(f"uid {os.getuid()} may not read {closed}; give it access")
        return sorted(path.parent.name for path in self.root.glob(f"[!_]*/{CARD}"))

    def card(self, version: str) -> ModelCard:
        """The card of `version`.

        Raises:
            UnknownVersion: no such version.
            ModelFault: its card cannot be read, or is not the one it was made with.
        """
        path = self.root / version / CARD
        try:
            exists = path.is_file()
        except PermissionError as error:
            raise ModelFault(f"uid {os.getuid()} may not read {path.parent}; give it access") from error
        except OSError:  # a name that no folder can have
            exists = False
        if not exists:
            raise UnknownVersion(f"no model {version} below {self.root}; `churn-assets models` lists every version")
        try:
            card = ModelCard.model_validate_json(path.read_bytes())
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
        return card

    def load(self, version: str) -> tuple[Any, ModelCard]:
        """The fitted pipeline of `version`, None for rules, and its card.

        The artefact is not even opened unless its SHA-256 is the card's.

        Raises:
            UnknownVersion: no such version.
            ModelFault: the artefact is missing, or not the one the card was written for.
        """
        card = self.card(version)
        if card.is_rules:
            return None, card
        path = self._checked(card, ARTEFACT)
        import joblib  # noqa: PLC0415  # cards are read without it

        try:
            with _one_line_for_other_versions(card):
                return joblib.load(path), card
        except Exception as error:
            raise ModelFault(
                f"{path} cannot be opened by the installed libraries ({type(error).__name__}: {error}); "
                "train the model again with them, or install those its card names"
            ) from error

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

        path = self.root / card.model_version / KERNEL
        try:
            _check_digest(path, card)
            return kernel_from_npz(path.read_bytes())
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
        path = self._checked(card, REASONS)
        from churn_assets.core.reasons.serialization import (  # noqa: PLC0415  # as above
            ReasonsUnreadable,
            explainer_from_npz,
        )

        version = card.model_version
        try:
            return explainer_from_npz(path.read_bytes(), version, lambda: self.load(version)[0])
        except ReasonsUnreadable as error:
            raise ModelFault(f"{path} holds no reasons of model {version}: {error}; {REMEDY}") from error

    def golden(self, card: ModelCard) -> pa.Table:
        """The golden rows of a model.

        Raises:
            ModelFault: they are missing, or not those the card was written for.
        """
        return pq.read_table(self._checked(card, GOLDEN), partitioning=None)

    def reference(self, card: ModelCard) -> Reference:
        """The reference histograms of a model.

        Raises:
            ModelFault: they are missing, or not those the card was written for.
        """
        return Reference.model_validate_json(self._checked(card, REFERENCE).read_bytes())

    def page(self, version: str) -> str:
        """The card of `version` for a person, in Markdown.

        Raises:
            UnknownVersion: no such version.
        """
        return self._checked(self.card(version), PAGE).read_text()

    def figure(self, version: str) -> bytes:
        """The plots of a model as PNG, empty where there are none."""
        card = self.card(version)
        return self._checked(card, FIGURE).read_bytes() if FIGURE in card.files else b""

    def save(self, pipeline: Any, card: ModelCard, files: ModelFiles) -> ModelCard:
        """Keep a new version; one that is there already stays as it is.

        Returns:
            The card as it is stored, with the digests of its files.
        """
        final = self.root / card.model_version
        if final.exists():
            return self.card(card.model_version)
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
        (folder / CARD).write_text(written.model_dump_json(indent=2) + "\n")
        for path in folder.iterdir():
            fsync_file(path)
        fsync_folder(folder)
        try:
            folder.rename(final)
        except OSError:  # trained by somebody else at the same time
            shutil.rmtree(folder)
        fsync_folder(self.root)
        return self.card(card.model_version)

    def verify(self, version: str) -> ModelCard:
        """The card of `version`, after every file of its folder was found to be the one it was made with.

        Raises:
            UnknownVersion: no such version.
            ModelFault: a file is missing, or another one.
        """
        card = self.card(version)
        for name in card.files:
            self._checked(card, name)
        return card

    def _checked(self, card: ModelCard, name: str) -> Path:
        path = self.root / card.model_version / name
        if not path.is_file():
            raise ModelFault(f"{path} is missing: {REMEDY}")
        _check_digest(path, card)
        return path


def _check_digest(path: Path, card: ModelCard) -> None:
    expected = card.files.get(path.name, "nothing")
    if (digest := _sha256(path)) != expected:
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


@contextmanager
def _one_line_for_other_versions(card: ModelCard) -> Iterator[None]:
    """One line of the log where scikit-learn warns of each object that another version of it made.

    Whether the model still is what it was, its golden rows decide.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    others = [warning for warning in caught if warning.category.__name__ != "InconsistentVersionWarning"]
    for warning in others:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if len(others) < len(caught):
        made, here = card.libraries.get("scikit-learn", "another version"), version("scikit-learn")
        logger.warning("model %s was made by scikit-learn %s and is opened by %s", card.model_version, made, here)
