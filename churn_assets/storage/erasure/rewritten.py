"""Where a version went that an erasure rewrote: its old name leads to the new one, wherever the old one stands.

A version is named by its bytes, so one without a customer has another name. Commits, model cards and people go on
naming the old one; whoever reads a table's log reads the new one in its place.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from churn_assets.core.table_schemas import REWRITTEN_VERSIONS, SNAPSHOT_DATE
from churn_assets.storage.layout import rewritten_record
from churn_assets.storage.remote import Folder
from churn_assets.storage.tables.commit_files import LOG, commit_file, newest_commit
from churn_assets.storage.tables.commits import Event
from churn_assets.storage.tables.ledger import Ledger, Row

__all__ = ["Rewritten", "RewrittenVersions"]


@dataclass(frozen=True)
class Rewritten:
    """A version that was rewritten: its name before and now, the rows removed, and those left in each of its files."""

    day: dt.date
    old: str
    new: str
    removed: int
    rows: tuple[int, ...]


class RewrittenVersions:
    """The rewritten versions of all tables beside that at `root`, as they stood when they were last refreshed."""

    def __init__(self, root: Folder) -> None:
        self._name = root.name
        self._ledger = Ledger(rewritten_record(root), REWRITTEN_VERSIONS)
        self._seen = -1
        self._moves: dict[tuple[dt.date, str], Rewritten] = {}  # of this table
        self._names: dict[str, str] = {}  # of all tables: what a commit was made of is another table's

    def refresh(self) -> bool:
        """Read what is new; whether there was anything. Costs next to nothing where there is not."""
        if self._seen >= 0 and not self._has(self._seen + 1):
            return False
        newest = self._newest()
        if newest == self._seen:
            return False
        for row in self._ledger.rows():
            for each in _rewritten(row):
                self._names[each.old] = each.new
                if row["table"] == self._name:
                    self._moves[each.day, each.old] = each
        self._seen = newest
        return True

    def record(self, customer_hash: str, versions: Iterable[Rewritten]) -> None:
        """Record versions of this table: from now on every reader reads the new ones."""
        rows = [
            {
                SNAPSHOT_DATE: each.day,
                "from_version": each.old,
                "to_version": each.new,
                "removed": each.removed,
                "rows": list(each.rows),
            }
            for each in versions
        ]
        row = {"recorded_at": dt.datetime.now(dt.UTC), "customer_hash": customer_hash, "table": self._name}
        self._ledger.append(lambda _: row | {"versions": rows})

    def of(self, customer_hash: str, since: dt.datetime) -> list[tuple[str, Rewritten]]:
        """What was rewritten of all tables for a customer since then, each with its table's name."""
        recorded = [row for row in self._ledger.rows() if row["customer_hash"] == customer_hash]
        return [(row["table"], each) for row in recorded if row["recorded_at"] >= since for each in _rewritten(row)]

    def find(self, day: dt.date, version: str) -> Rewritten | None:
        """The last rewriting of a version of this table, under the name that it has now; None where it has its own."""
        found, seen = self._moves.get((day, version)), {version}
        while found and (later := self._moves.get((day, found.new))) and later.new not in seen:
            seen.add(found.new)
            found = later
        return found

    def resolve(self, day: dt.date, version: str) -> str:
        """The name that a version of this table has now."""
        found = self.find(day, version)
        return found.new if found else version

    def event(self, event: Event) -> Event:
        """An event as if it had named today's versions from the first."""
        if not self._names:
            return event
        found = self.find(event.day, event.version)
        told = replace(event, commit=replace(event.commit, details=self._renamed(event.commit.details)))
        return told if found is None else replace(told, version=found.new, rows=sum(found.rows))

    def names(self, value: Any) -> list[str]:
        """The old names that `value`, nested as JSON is, still tells."""
        if isinstance(value, dict):
            return [name for each in value.values() for name in self.names(each)]
        if isinstance(value, list | tuple):
            return [name for each in value for name in self.names(each)]
        return [value] if isinstance(value, str) and value in self._names else []

    def renamed_text(self, text: str) -> str:
        """A text with today's names in place of old ones."""
        for old in self._names:
            if old in text:
                text = text.replace(old, self._newest_name(old))
        return text

    def _has(self, number: int) -> bool:
        folder = self._ledger.folder
        if folder.store is not None:
            return folder.stamp(commit_file(Path(), number).as_posix()) is not None
        return commit_file(folder.path, number).exists()

    def _newest(self) -> int:
        folder = self._ledger.folder
        if folder.store is None:
            return newest_commit(folder.path)
        stems = [Path(name).stem for name in folder.listed(LOG) if name.endswith(".json")]
        return max((int(stem) for stem in stems if stem.isdecimal()), default=-1)

    def _renamed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._renamed(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._renamed(each) for each in value]
        return self._newest_name(value) if isinstance(value, str) else value

    def _newest_name(self, name: str) -> str:
        seen = {name}
        while (later := self._names.get(name)) and later not in seen:
            seen.add(later)
            name = later
        return name


def _rewritten(row: Row) -> list[Rewritten]:
    return [
        Rewritten(each[SNAPSHOT_DATE], each["from_version"], each["to_version"], each["removed"], tuple(each["rows"]))
        for each in row["versions"]
    ]
