"""Days that were scored before: by whom, and their published probabilities counted again."""

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["count_published", "scoring_commit"]


def scoring_commit(scores: Table, version: PartitionVersion) -> Commit | None:
    """The commit that scored a version, whatever was rolled back since; None where there is none."""
    events = scores.backwards(version.day)
    return next(
        (each.commit for each in events if each.version == version.version and each.commit.kind == "score"), None
    )


def count_published(version: PartitionVersion, edges: tuple[float, ...] = ()) -> ScoreAudit:
    """The aggregates of published scores, their probabilities counted between `edges`.

    Raises:
        DamagedVersion: a file cannot be read.
    """
    counted = ScoreAudit(f"churn_scores {version.day}", edges)

    def count(part: int) -> ScoreAudit:
        here = counted.empty_copy()
        for batch in version.batches(here.COUNTED, part=part, categories=here.CATEGORIES):
            here.count(batch)
        return here

    for one in ordered_map(count, version.parts):
        counted.join(one)
    return counted
