"""Points about the published tables: that a day can be taken back, and how long what was removed is kept."""

import shutil
import tempfile
from pathlib import Path

from deltalake import DeltaTable

from churn_assets.core.readiness import Point
from churn_assets.core.table_schemas import SCORES
from churn_assets.pipeline.chain import Chain
from churn_assets.storage.layout import Layout
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["retention_point", "rollback_point"]

NO_SCORES = "no scores have been published"
RUN = "`churn-assets run` publishes a day"
KEPT = {"delta.logRetentionDuration": "history", "delta.deletedFileRetentionDuration": "replaced files"}


def rollback_point(chain: Chain) -> Point:
    """Whether a rollback brings the newest day's bytes back: rehearsed on a copy in a temporary folder.

    Raises:
        DamagedVersion, UnknownVersion: it does not.
    """
    days = chain.scores.days()
    if not days:
        return Point("rollback", NO_SCORES, RUN)
    day = chain.scores.version(days[-1])
    with tempfile.TemporaryDirectory() as folder:
        seconds = _rehearse(day, Path(folder))
    return Point("rollback", f"a copy of {day.day} was replaced and taken back in {seconds:.2f} s, byte for byte")


def _rehearse(day: PartitionVersion, folder: Path) -> float:
    """Publish a copy of the day, then another version of it, and roll that back; the seconds of the rollback."""
    scores = PublishedScores(Layout(folder))

    def copy(target: Path) -> None:
        for path in day.files:
            shutil.copy(path, target)

    commit = Commit("score", "doctor")
    first = scores.table.publish(scores.table.stage(day.day, SCORES, copy), None, commit)
    other = next(day.batches()).slice(1)
    scores.table.publish(scores.table.write(day.day, SCORES, "customer_id", [other]), first.version, commit)
    [moved] = scores.rollback([day.day], None, "doctor", "a rehearsal")
    scores.table.version(day.day, day.version).verified()
    return float(moved["seconds"])


def retention_point(chain: Chain) -> Point:
    """Whether the scores' table says how long its history and what was replaced are kept."""
    if not chain.scores.days():
        return Point("retention", NO_SCORES, RUN)
    configured = (
        DeltaTable(chain.scores.folder.uri, storage_options=chain.scores.folder.storage_options)
        .metadata()
        .configuration
    )
    if missing := [name for name in KEPT if name not in configured]:
        advice = "set these properties of the Delta table, or a vacuum by another program decides"
        return Point("retention", f"churn_scores does not say {', '.join(missing)}", advice)
    told = ", ".join(f"{words} {str(configured[name]).removeprefix('interval ')}" for name, words in KEPT.items())
    return Point("retention", f"churn_scores keeps: {told}")
