"""What a score version came to, and its report, kept beside it: small files that no reader of the rows meets.

They belong to a version and not to a day, so that a rollback brings its own.
"""

import datetime as dt
import logging
from pathlib import Path

from pydantic import ValidationError

from churn_assets.core.monitoring.night_facts import NightFacts
from churn_assets.storage.digests import note_digests
from churn_assets.storage.files import replace_text
from churn_assets.storage.layout import report_file
from churn_assets.storage.remote import Folder, as_folder

__all__ = ["night_picture_file", "read_night_facts", "write_night_report"]

logger = logging.getLogger("churn_assets")


def write_night_report(root: Path | Folder, facts: NightFacts, page: str, picture: str) -> None:
    """Write facts, text and picture of a published score version below its table's `root`."""
    contents = {"json": facts.model_dump_json(indent=1) + "\n", "svg": picture, "md": page}
    folder = as_folder(root)
    for suffix, content in contents.items():
        final = folder / report_file(facts.snapshot_date, facts.score_version, suffix)
        final.parent.mkdir(parents=True, exist_ok=True)
        replace_text(final, content)
        note_digests(folder, [final])
        folder.push([final], replace=True)


def read_night_facts(root: Path | Folder, day: dt.date, version: str, *, anew: bool = False) -> NightFacts | None:
    """What a score version came to; None where that was not kept, or cannot be read.

    Its audit is another one after the night was run again: of an object store it is then to be asked for `anew`.
    """
    path = as_folder(root).fetch(report_file(day, version, "json"), anew=anew)
    try:
        return NightFacts.model_validate_json(path.read_bytes())
    except FileNotFoundError:  # of a version that an earlier release made
        return None
    except (OSError, ValidationError) as error:
        logger.warning("%s is passed over, it cannot be read: %s", path, str(error).splitlines()[0])
        return None


def night_picture_file(root: Path | Folder, facts: NightFacts) -> Path | None:
    """Where the picture of a score version's report lies on this machine; None where none was kept."""
    path = as_folder(root).fetch(report_file(facts.snapshot_date, facts.score_version, "svg"))
    return path if path.is_file() else None
