"""What happened to a partition, as its table's commits tell it."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from churn_assets.core.errors import UnknownVersion
from churn_assets.core.table_schemas import SNAPSHOT_DATE

__all__ = [
    "Commit",
    "CommitKind",
    "Event",
    "commit_metadata",
    "migration_metadata",
    "read_event",
    "read_events",
    "replaced_at",
    "undo_stack",
    "version_before",
]

CommitKind = Literal[
    "land",
    "validate",
    "features",
    "score",
    "challenge",
    "explain",
    "monitor",
    "rollback",
    "migrate",
    "erasure",
    "expire",
]
MIGRATED = "migrated"


@dataclass(frozen=True)
class Commit:
    """Why a version becomes current: goes into the commit's metadata, never into a data file."""

    kind: CommitKind
    actor: str
    reason: str = ""
    run_id: str = ""
    model_version: str = ""
    code_revision: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """A commit that made `version` of a partition current; the first of its day where it says so."""

    day: dt.date
    version: str
    rows: int
    published_at: dt.datetime
    commit: Commit
    is_first: bool = False


def commit_metadata(day: dt.date, version: str, rows: int, commit: Commit, *, is_first: bool = False) -> dict[str, str]:
    """What is kept of an event in a commit: text throughout, as Delta wants it."""
    return {
        **asdict(commit),
        "details": json.dumps(commit.details, default=str),
        SNAPSHOT_DATE: day.isoformat(),
        "version_id": version,
        "rows": str(rows),
        "published_at": dt.datetime.now(dt.UTC).isoformat(),
        **({"is_first": "true"} if is_first else {}),
    }


def migration_metadata(commit: Commit, moved: Iterable[tuple[dt.date, str, int, Commit]]) -> dict[str, str]:
    """What is kept of a commit that moves a table to other columns.

    Args:
        commit: who moves it, and why.
        moved: the days that were written anew: the version now, its rows, and what is told of it.
    """
    days = [commit_metadata(*each) for each in moved]
    told = asdict(commit) | {"details": json.dumps(commit.details, default=str)}
    return told | {MIGRATED: json.dumps(days)}


def read_events(metadata: Mapping[str, Any]) -> list[Event]:
    """The events of a commit: one, those of each day that a migration wrote anew, or none where it is not ours."""
    if MIGRATED in metadata:
        return [read_event(each) for each in json.loads(metadata[MIGRATED])]
    return [read_event(metadata)] if SNAPSHOT_DATE in metadata else []


def read_event(metadata: Mapping[str, Any]) -> Event:
    """The event that `commit_metadata` was made of."""
    values = {each.name: metadata[each.name] for each in fields(Commit) if each.name in metadata}
    return Event(
        day=dt.date.fromisoformat(metadata[SNAPSHOT_DATE]),
        version=metadata["version_id"],
        rows=int(metadata["rows"]),
        published_at=dt.datetime.fromisoformat(metadata["published_at"]),
        commit=Commit(**values | {"details": json.loads(values["details"])}),
        is_first=metadata.get("is_first") == "true",
    )


def replaced_at(events: Iterable[Event]) -> dict[str, dt.datetime]:
    """When each version of a day that is no longer current was replaced; the last time where that was several times.

    Args:
        events: of one day, oldest first.
    """
    replaced: dict[str, dt.datetime] = {}
    current = ""
    for event in events:
        if current not in {"", event.version}:
            replaced[current] = event.published_at
        replaced.pop(event.version, None)
        current = event.version
    return replaced


def undo_stack(events: Iterable[Event]) -> list[str]:
    """The versions a rollback can go through, oldest first; the last one is current.

    Publishing puts a version on top. A rollback takes off what lies above the version it goes
    back to, so that what was withdrawn is not met again on the way further back.
    """
    stack: list[str] = []
    for event in events:
        if event.commit.kind == "rollback" and event.version in stack:
            while stack[-1] != event.version:
                stack.pop()
        elif stack[-1:] != [event.version]:
            stack.append(event.version)
    return stack


def version_before(events: Sequence[Event], where: str, advice: str) -> str:
    """The version that was current before the current one.

    Args:
        events: of one day, oldest first.
        where: the table and the day, for the sentence of a failure.
        advice: what to do where there is none, likewise.

    Raises:
        UnknownVersion: there is none.
    """
    stack = undo_stack(events)
    if len(stack) < 2:  # noqa: PLR2004  # the current one and one before it
        raise UnknownVersion(f"{where}: no earlier version is left to go back to: {advice}")
    return stack[-2]
