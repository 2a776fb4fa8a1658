"""What keeps the watching from its work: told, and taken from no night, whose scores are published by then."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from churn_assets.core.errors import ChurnError
from churn_assets.pipeline.chain import logger

__all__ = ["Trouble", "told_trouble"]


class Trouble:
    """What went wrong, in words; empty where nothing did."""

    words = ""


@contextmanager
def told_trouble(asset: str, day: dt.date) -> Iterator[Trouble]:
    """Turn a failure of ours into a warning, and into what the asset shows."""
    trouble = Trouble()
    try:
        yield trouble
    except ChurnError as error:
        trouble.words = str(error)
        logger.warning("%s %s: %s", asset, day, error)
