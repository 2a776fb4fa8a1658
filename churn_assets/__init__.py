"""Nightly churn scores as versioned tables.

    __main__       the process: how it begins and ends
    cli/           thin commands            launch/      the chain through Dagster, from a process; many days at once
    definitions    the code location        app/         the score service: read-only, no model and no orchestrator
    composition    settings -> chain        instance     Dagster's own state
    samples/       a simulated business     settings     the only reader of environment and config.yaml
    assets/        Dagster and nothing else: assets, checks, metadata, partitions, jobs, schedules
    pipeline/      the chain as plain functions: read versions, call the core, publish
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


def _choose_arrow_pool() -> None:
    """Let Arrow take jemalloc, unless whoever starts the process has chosen a pool.

    The one Arrow takes by itself keeps 80 MiB of what batches no longer need, and is no faster. Arrow reads the
    variable once, when it is loaded: so it is written here, before any module of the package can load Arrow, and not
    in the settings.
    """
    if sys.platform == "linux":  # where Arrow's packages bring jemalloc
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")


def _choose_blas_threads() -> None:
    """Let OpenBLAS calculate in the thread that asks, unless whoever starts the process has chosen otherwise.

    Each copy of it, NumPy's and SciPy's, starts a thread a core when it is loaded, and they wait by spinning: some
    tenths of a processor second of every night, in which no product of matrices is large enough for two. Read once, as
    above.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


_choose_arrow_pool()
_choose_blas_threads()


def __getattr__(name: str) -> Any:
    """`read_scores`, which is loaded when it is asked for: the package itself loads nothing."""
    if name == "read_scores":
        from churn_assets.storage.scores.dataset import read_scores  # noqa: PLC0415  # see above

        return read_scores
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
