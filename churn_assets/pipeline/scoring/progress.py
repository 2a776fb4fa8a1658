"""How far a long piece of work has come, in the log of the run."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from churn_assets.pipeline.chain import logger

__all__ = ["told"]

QUIET_SECONDS = 30.0

Done = TypeVar("Done")


def told(parts: Iterable[Done], where: str, total: int) -> Iterator[Done]:
    """`parts` as they come, told at each tenth of `total`, and every half minute of a slow one."""
    last = time.monotonic()
    for done, part in enumerate(parts, 1):
        now = time.monotonic()
        if done * 10 // total > (done - 1) * 10 // total or now - last >= QUIET_SECONDS:
            logger.info("%s: %d of %d parts scored", where, done, total)
            last = now
        yield part
