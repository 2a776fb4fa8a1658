"""What the features of a score version counted, kept beside it: the next night is held against them.

A file belongs to a version and not to a day, so that a rollback brings its own.
"""

import logging
from pathlib import Path

from pydantic import ValidationError

from churn_assets.core.evaluation.results import FeatureSummary
from churn_assets.storage.digests import note_digests
from churn_assets.storage.files import fsync_file, fsync_folder
from churn_assets.storage.layout import feature_counts_file
from churn_assets.storage.remote import Folder, as_folder
from churn_assets.storage.tables.versions import PartitionVersion, Staged

__all__ = ["read_feature_counts", "write_feature_counts"]

WRITTEN = "feature_counts.json"  # in the folder of what is staged, until it is moved to its name

logger = logging.getLogger("churn_assets")


def write_feature_counts(root: Path | Folder, staged: Staged, counted: FeatureSummary) -> None:
    """Write what the features of a staged score version counted below its table's `root`, before it is published."""
    folder = as_folder(root)
    final = folder / feature_counts_file(staged.day, staged.version)
    final.parent.mkdir(parents=True, exist_ok=True)
    written = staged.folder / WRITTEN
    written.write_text(counted.model_dump_json(indent=1) + "\n")
    fsync_file(written)
    written.replace(final)
    fsync_folder(final.parent)
    note_digests(folder, [final])
    folder.push([final], replace=True)


def read_feature_counts(root: Path | Folder, version: PartitionVersion) -> FeatureSummary | None:
    """What the features of a score version counted; None where that was not kept, or cannot be read."""
    path = as_folder(root).fetch(feature_counts_file(version.day, version.version))
    try:
        counted = FeatureSummary.model_validate_json(path.read_bytes())
    except FileNotFoundError:  # of a version that an earlier release made, or rules
        return None
    except (OSError, ValidationError) as error:
        logger.warning("%s is passed over, it cannot be read: %s", path, str(error).splitlines()[0])
        return None
    if any(each.rows != counted.rows for each in counted.features.values()):
        logger.warning("%s is passed over: its counts do not add up to its rows", path)
        return None
    return counted
