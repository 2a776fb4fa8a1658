"""A fitted pipeline out of the bytes of a model's artefact."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

from churn_assets.core.errors import ModelFault
from churn_assets.core.models.card import ModelCard

__all__ = ["load_artefact"]

logger = logging.getLogger("churn_assets")


def load_artefact(content: bytes, path: Path, card: ModelCard) -> Any:
    """What `content`, which was found to be the one that the card names, unpickles to; it came from `path`.

    Raises:
        ModelFault: the installed libraries cannot open it.
    """
    import joblib  # noqa: PLC0415  # cards are read without it

    try:
        with _one_line_for_other_versions(card):
            return joblib.load(BytesIO(content))
    except Exception as error:
        raise ModelFault(
            f"{path} cannot be opened by the installed libraries ({type(error).__name__}: {error}); "
            "train the model again with them, or install those its card names"
        ) from error


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
