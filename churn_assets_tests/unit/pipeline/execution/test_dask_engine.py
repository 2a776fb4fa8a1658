"""What a cluster answers, in words. What it does is in `integration/test_cluster.py`."""

from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import KilledWorker

from churn_assets.core.errors import AuditFailed, ChurnError, RunError
from churn_assets.core.scoring.feature_counts import FeatureCounts
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.core.telling.counts import ReasonCounts
from churn_assets.pipeline.execution.dask_engine import DaskEngine
from churn_assets.pipeline.execution.remote_parts import TaskResult

ADDRESS = "tcp://scheduler:8786"
DELIVERY = TaskResult(Path("part-0.parquet"), None, ScoreAudit("somewhere"), FeatureCounts({}, 0), ReasonCounts())


class Answered:
    """A future that is done."""

    def __init__(self, answer: Any, status: str = "finished") -> None:
        self.answer = answer
        self.status = status

    def result(self) -> Any:
        """What came of it."""
        if isinstance(self.answer, Exception) and not isinstance(self.answer, ChurnError):
            raise self.answer
        return self.answer


def engine() -> DaskEngine:
    """An engine that is not connected."""
    return DaskEngine(ADDRESS, Path("models"), ["numpy"])


def test_delivery_is_handed_on() -> None:
    """What a worker delivered comes as it is."""
    future: Any = Answered(DELIVERY)

    told = engine()._result_of(future, 3)

    assert told is DELIVERY


def test_refusal_of_a_worker_is_raised_as_itself() -> None:
    """A failure with a sentence keeps its kind and its words."""
    refusal = AuditFailed("3 rows have no risk_tier; nothing was published")
    future: Any = Answered(refusal)

    with pytest.raises(AuditFailed) as told:
        engine()._result_of(future, 3)

    assert told.value is refusal


killed = KilledWorker("score_shard", SimpleNamespace(address="tcp://worker-7:4000"), 3)  # type: ignore[arg-type]  # all that is read


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (killed, "error", ["part 3: 4 workers died of it", "tcp://worker-7:4000", "memory"]),
        (OSError(28, "No space left on device"), "error", ["part 3 failed", "OSError", "No space left on device"]),
        (ModuleNotFoundError("No module named 'churn_assets'"), "error", ["part 3 failed", "No module named"]),
        (MemoryError(), "error", ["part 3 failed", "MemoryError"]),
        (OSError("connection closed"), "finished", [f"{ADDRESS} was lost"]),
        (CancelledError(), "cancelled", [f"{ADDRESS} was lost"]),
    ],
    ids=["killed", "disk", "not installed", "memory", "connection", "cancelled"],
)
def test_everything_else_fails_the_run_in_a_sentence(error: Exception, status: str, words: list[str]) -> None:
    """Whatever kept a part from being scored, one sentence says what, where, and that nothing was published."""
    future: Any = Answered(error, status)

    with pytest.raises(RunError) as told:
        engine()._result_of(future, 3)

    assert [word for word in [*words, "nothing was published"] if word not in str(told.value)] == []
    assert "\n" not in str(told.value)
