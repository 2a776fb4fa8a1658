"""The inventory of an installation in an object store: what the store holds, whatever this machine mirrors of it."""

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from churn_assets.storage.expirations import Expirations
from churn_assets.storage.inventory import BESIDE, DAY_FOLDER, MODELS, Inventory, Kind, Stored
from churn_assets.storage.layout import Layout, part_name, version_folder
from churn_assets.storage.lookup.format import CARD as LOOKUP_CARD
from churn_assets.storage.models.store import CARD as MODEL_CARD
from churn_assets.storage.remote import Folder, StoredObject
from churn_assets.storage.tables.commit_files import LOG

__all__ = ["BucketInventory", "inventory_of"]

# Things that are folders, each with the file without which it is none.
FIRST: dict[Kind, str] = {"version": part_name(0), "lookup": LOOKUP_CARD, "model": MODEL_CARD}


class BucketInventory(Inventory):
    """What is stored in a bucket; each path is the one that it has, or would have, in the mirror.

    There is no rename in a bucket: what is to be removed is recorded first (`Expirations`), then its first file goes,
    and then the others; what is recorded and lacks the first counts as set aside. What writers have under way lies on
    this machine.
    """

    def versions(self, table: str) -> Iterator[Stored]:
        """Every version of every partition of a table, by day."""
        yield from self._whole_and_going("version", table)[0]

    def beside(self, table: str) -> Iterator[Stored]:
        """What lies beside the versions of a table: lookups, counts of features, reports."""
        for kind, name in BESIDE.items():
            folder = self.layout.table(table).below(name)
            yield from (each for each, _ in _by_day(kind, table, folder, folder.objects()))

    def has_version(self, beside: Stored) -> bool:
        """Whether the version that this lies beside is there."""
        root = self.layout.table(beside.table)
        return beside.day is not None and bool(root.objects(version_folder(beside.day, beside.version)))

    def records(self, ledger: str) -> list[Stored]:
        """The files of an append-only record, also those that no commit names any more."""
        root = self.layout.table(ledger)
        there = [each for each in root.objects() if "/" not in each.name and each.name.endswith(".parquet")]
        return [Stored("record", ledger, root / each.name, each.modified, each.bytes) for each in there]

    def models(self) -> list[Stored]:
        """Every model's folder."""
        return self._whole_and_going("model", MODELS)[0]

    def log_bytes(self, table: str) -> int:
        """How large a table's log is."""
        return sum(each.bytes for each in self.layout.table(table).objects(LOG))

    @contextmanager
    def at_hand(self, path: Path) -> Iterator[Layout]:
        """A layout on this machine that holds a stored file or folder, as it was fetched for this, and nothing else."""
        name = path.relative_to(self.layout.data_dir).as_posix()
        with self.layout.folder.scratch() as folder:
            if not folder.fetch_folder(name).is_dir():
                folder.fetch(name)
            yield Layout(folder.path)

    def where(self, stored: Stored) -> str:
        """Where a person finds it."""
        if stored.kind == "unfinished":
            return super().where(stored)
        return f"{self.layout.folder.uri}/{stored.path.relative_to(self.layout.data_dir).as_posix()}"

    def set_aside(self, stored: Stored) -> Stored | None:
        """The same: it is set aside by its removal."""
        return stored

    def expired(self, table: str) -> list[Stored]:
        """What is left of what an expiry was removing: by one under way, or one that was killed."""
        return self._whole_and_going("model" if table == MODELS else "version", table)[1]

    def put_back(self, aside: Stored) -> None:
        """Nothing: what may not go is where it was."""

    def remove(self, stored: Iterable[Stored]) -> None:
        """Remove files and folders from the bucket, and from the mirror of this machine."""
        for each in stored:
            if each.kind != "unfinished":
                name = each.path.relative_to(self.layout.data_dir).as_posix()
                if each.kind in FIRST:
                    self.layout.folder.delete_folder(name, FIRST[each.kind])
                else:
                    self.layout.folder.delete([name])
            super().remove([each])

    def _whole_and_going(self, kind: Kind, table: str) -> tuple[list[Stored], list[Stored]]:
        """The versions of a table, or the models; and what is left of those that are being removed."""
        if kind == "model":
            root = self.layout.models
            groups = _grouped((each for each in root.objects() if "/" in each.name and each.name[0] not in "_."), 1)
            there = [(_stored(kind, table, root / name, files, version=name), files) for name, files in groups.items()]
        else:
            root = self.layout.table(table)
            there = list(_by_day(kind, table, root, [each for each in root.objects() if each.name.count("/") > 1]))
        headless = [each for each, files in there if FIRST[kind] not in {Path(file.name).name for file in files}]
        recorded = Expirations(self.layout.folder.below("tables")).versions(table) if headless else {}
        going = [each for each in headless if each.name in recorded]
        return [each for each, _ in there if each not in going], going


def inventory_of(layout: Layout) -> Inventory:
    """What an installation has stored, wherever that is."""
    return Inventory(layout) if layout.store is None else BucketInventory(layout)


def _by_day(
    kind: Kind, table: str, folder: Folder, there: Iterable[StoredObject]
) -> Iterator[tuple[Stored, list[StoredObject]]]:
    """The things below the folders of days in `folder`, by day, and their files."""
    for name, files in _grouped(there, 2).items():
        day_name, _, own = name.partition("/")
        if (found := DAY_FOLDER.fullmatch(day_name)) and own and not own.startswith("."):
            with suppress(ValueError):  # no day of the calendar: somebody else's folder
                day = dt.date.fromisoformat(found[1])
                yield _stored(kind, table, folder / name, files, day=day, version=own.partition(".")[0]), files


def _grouped(there: Iterable[StoredObject], depth: int) -> dict[str, list[StoredObject]]:
    """Files by the first parts of their names, so many, in order."""
    groups: dict[str, list[StoredObject]] = {}
    for each in sorted(there):
        groups.setdefault("/".join(each.name.split("/")[:depth]), []).append(each)
    return groups


def _stored(
    kind: Kind, table: str, path: Path, files: list[StoredObject], *, day: dt.date | None = None, version: str
) -> Stored:
    modified, size = max(each.modified for each in files), sum(each.bytes for each in files)
    return Stored(kind, table, path, modified, size, day, version)
