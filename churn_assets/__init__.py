"""Nightly churn scores as versioned tables.

    cli/           thin commands            launch       the chain through Dagster, from a process
    backfill       many days at once        capacity     cores and memory of this machine
    present        what commands print      samples      a simulated business for the source
    definitions    the code location        composition  settings -> chain
    instance       Dagster's own state      settings     the only reader of environment and config.yaml
    assets/        Dagster adapters: read, call one core function, publish, return metadata
    app/           the score service: read-only, no model and no orchestrator
    storage/       versioned tables, models, the source; bytes, and no orchestrator
    profiles/      one file a business: schema, features, label
    core/          pure functions: frames in, frames out

Imports point downwards only. Four stages carry the same names everywhere: customers, features,
training, scoring.
"""

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from churn_assets.storage.scores.dataset import read_scores

__all__ = ["read_scores"]

if sys.platform == "linux":  # where Arrow's packages bring it
    # The pool that Arrow takes by itself keeps 80 MiB of what batches no longer need, and is no faster. It is chosen
    # once, when Arrow is loaded.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")


def __getattr__(name: str) -> Any:
    """`read_scores`, which is loaded when it is asked for: the package itself loads nothing."""
    if name == "read_scores":
        from churn_assets.storage.scores.dataset import read_scores  # noqa: PLC0415  # see above

        return read_scores
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
