"""What works through the parts of a scoring: the cores of this machine, or something else that gives the same bytes."""

from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.pipeline.execution.parts import PartResult, ScoringJob, score_part

__all__ = ["Engine", "LocalEngine"]


class Engine(Protocol):
    """Whoever scores parts; a part that was scored lies in the folder, whole, before its result is given."""

    def score(self, job: ScoringJob, folder: Path, parts: Sequence[int]) -> Generator[PartResult, None, None]:
        """Write the scores of `parts` below `folder`; what came of each, in their order.

        Raises:
            AuditFailed, ModelFault, ProfileError: as `score_part`.
            RunError: the engine itself could not do it.
        """


class LocalEngine:
    """A thread a core, in this process."""

    def score(self, job: ScoringJob, folder: Path, parts: Sequence[int]) -> Generator[PartResult, None, None]:
        """As `Engine`."""
        yield from ordered_map(partial(score_part, job, folder), parts)
