"""Everything that is stored, held against its digest: what differs, and the way back.

A version, a model and a lookup carry digests. Commits, records and the small files beside a version have theirs noted
as they are written (`digests.py`); of what an earlier release wrote nothing is noted, and its form alone is checked.
Files are read once, block by block; of an object store each is fetched for that, whatever is mirrored of it.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

from churn_assets.core.errors import ChurnError, LookupFault
from churn_assets.core.evaluation.results import FeatureSummary
from churn_assets.core.models.signing import Signing
from churn_assets.core.monitoring.night_facts import NightFacts
from churn_assets.storage.bucket_inventory import inventory_of
from churn_assets.storage.digests import DIGESTS, NotedDigests, read_digests
from churn_assets.storage.expirations import Expirations, version_name
from churn_assets.storage.files import sha256_of
from churn_assets.storage.inventory import MODELS, Inventory, Stored
from churn_assets.storage.layout import Layout, version_folder
from churn_assets.storage.lookup.format import CARD, LookupCard, is_of_this_format
from churn_assets.storage.models.signatures import SIGNATURE
from churn_assets.storage.models.store import UNSIGNED, ModelStore
from churn_assets.storage.orphans import UNDER_WAY, abandoned, orphaned_beside, orphaned_versions
from churn_assets.storage.remote import Folder
from churn_assets.storage.tables.commit_files import LOG, commit_fault, commit_file, commit_numbers
from churn_assets.storage.tables.commits import replaced_at
from churn_assets.storage.tables.ledger import Ledger
from churn_assets.storage.tables.parquet import digest_files, find_fault, ways_back
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import parts_of

__all__ = ["Check", "Damage", "checks_of", "orphans_of"]

BACKUP = "restore {} from a backup"
NOT_CURRENT = "it is not current, so no reader meets it, and no rollback takes it: restore it from a backup"
IN_BUCKET = "; where the bucket keeps versions of objects, the one before is a backup"
SENT_ANEW = "; before a day is run again the object has to be removed, as one of the same size is not sent anew"
VACUUM_DAYS = 90  # younger replaced files are kept by every vacuum: the table's deletedFileRetentionDuration

Version = tuple[dt.date | None, str]


@dataclass(frozen=True)
class Damage:
    """A file that is not what was written: whose, what was found, and the way back."""

    table: str
    snapshot_date: dt.date | None
    version: str
    file: str
    finding: str
    advice: str


@dataclass(frozen=True)
class Check:
    """One thing to be read: what, how many bytes, and the reading itself, which gives what is damaged."""

    name: str
    bytes: int
    run: Callable[[], list[Damage]]


def checks_of(layout: Layout, day: dt.date | None = None, signing: Signing = UNSIGNED) -> Iterator[Check]:
    """A check for everything that is stored; only for what belongs to a snapshot date, where one is named.

    Models are held against the keys of `signing` too.
    """
    inventory = inventory_of(layout)
    for root in layout.tables():
        yield from _table_checks(inventory, root, day)
    if day is None:
        damage = partial(_model_damage, signing=signing, in_part=layout.store is not None)
        for model in inventory.models():
            yield _check(inventory, f"{MODELS} {model.version}", model, damage)


def orphans_of(layout: Layout, now: dt.datetime) -> list[Stored]:
    """What killed writers left, older than a day: no damage."""
    inventory, before = inventory_of(layout), now - UNDER_WAY
    found = abandoned(inventory, before) + inventory.expired(MODELS)
    for root in layout.tables():
        versions, beside = list(inventory.versions(root.name)), list(inventory.beside(root.name))
        if versions:
            table = Table(root)
            found += orphaned_versions(versions, table.events(), table.versions(), before)
        found += orphaned_beside(beside, versions, before) + inventory.expired(root.name)
    return found


def _table_checks(inventory: Inventory, root: Folder, day: dt.date | None) -> Iterator[Check]:
    noted, versions = read_digests(root), [each for each in inventory.versions(root.name) if day in {None, each.day}]
    try:
        named, missing = _named_and_missing(inventory, root, versions)
    except ChurnError as error:  # then each version counts as current
        named = {(each.day, each.version): True for each in versions}
        missing = [Damage(root.name, None, "", str(root / LOG), "its log cannot be read", str(error))]
    missing = [_as_told(inventory, inventory.layout, each) for each in missing if day in {None, each.snapshot_date}]
    yield Check(f"{root.name}: what its log names", 0, lambda: missing)
    for each in versions:
        if (each.day, each.version) in named:  # others are what a killed writer left
            damage = partial(_version_damage, is_current=named[each.day, each.version])
            yield _check(inventory, f"{root.name} {each.name}", each, damage)
    in_part = root.store is not None  # there a folder comes and goes file by file
    for each in inventory.beside(root.name):
        is_left = in_part and each.kind == "lookup" and (each.day, each.version) not in named
        if day in {None, each.day} and not is_left:
            damage = partial(_damage_beside, noted=noted, in_part=in_part)
            yield _check(inventory, f"{root.name} {each.kind} {each.name}", each, damage)
    if day is None:
        log = partial(_read, inventory, root / LOG, lambda layout: _log_damage(layout.table(root.name).path, noted))
        yield Check(f"{root.name}: its log", inventory.log_bytes(root.name), log)
        for record in inventory.records(root.name):
            yield _check(inventory, f"{root.name} {record.path.name}", record, partial(_record_damage, noted=noted))


def _check(inventory: Inventory, name: str, stored: Stored, damage: Callable[[Layout, Stored], list[Damage]]) -> Check:
    """The check of what is stored by `damage`, which is told where that can be read."""
    below = stored.path.relative_to(inventory.layout.data_dir)

    def damage_below(layout: Layout) -> list[Damage]:
        return damage(layout, replace(stored, path=layout.data_dir / below))

    return Check(name, stored.bytes, partial(_read, inventory, stored.path, damage_below))


def _read(inventory: Inventory, path: Path, damage: Callable[[Layout], list[Damage]]) -> list[Damage]:
    with inventory.at_hand(path) as layout:
        return [_as_told(inventory, layout, each) for each in damage(layout)]


def _as_told(inventory: Inventory, read: Layout, damage: Damage) -> Damage:
    """Damage that was found in what was `read`, by the names that it has where it is stored."""
    store = inventory.layout.store
    if store is None:
        return damage

    def told(text: str) -> str:
        for layout in (read, inventory.layout):  # what is fetched lies below the mirror
            text = text.replace(str(layout.data_dir), store.uri)
        return text

    advice = told(damage.advice)
    advice += (SENT_ANEW if "run --date" in advice else "") + (IN_BUCKET if "backup" in advice else "")
    return replace(damage, file=told(damage.file), finding=told(damage.finding), advice=advice)


def _named_and_missing(
    inventory: Inventory, root: Folder, there: Sequence[Stored]
) -> tuple[dict[Version, bool], list[Damage]]:
    """Whether each version that the log names is current, and what it names that is gone without a reason."""
    if not inventory.is_partitioned(root.name):
        named = Ledger(root, pa.schema([])).files()
        there_now = {each.path for each in inventory.records(root.name)}
        lost = [path for path in named if path not in there_now]
        return {}, [Damage(root.name, None, "", str(path), "it is missing", BACKUP.format(path)) for path in lost]
    table = Table(root)
    told, current = table.events(), set(table.versions().items())
    young = dt.datetime.now(dt.UTC) - dt.timedelta(days=VACUUM_DAYS)
    kept = {(day, version) for day, events in told.items() for version, at in replaced_at(events).items() if at > young}
    lying = {(each.day, each.version) for each in there}
    gone_on_purpose = _gone_on_purpose(inventory.layout, root.name)
    missing = [
        Damage(
            root.name,
            day,
            version,
            str(root / version_folder(day, version)),
            "its files are missing",
            ways_back(root.name, day) if (day, version) in current else NOT_CURRENT,
        )
        for day, version in sorted(current | kept)
        if (day, version) not in lying
        and ((day, version) in current or version_name(day, version) not in gone_on_purpose)
    ]
    names = current | {(day, event.version) for day, events in told.items() for event in events}
    return {name: name in current for name in names}, missing


def _gone_on_purpose(layout: Layout, table: str) -> set[str]:
    """The versions that commits name and whose files were removed by us, and recorded: those are no damage.

    Whatever else takes the files of a version away, or gives them another digest, is added here.
    """
    return set(Expirations(layout.folder.below("tables")).versions(table))


def _version_damage(_: Layout, stored: Stored, *, is_current: bool) -> list[Damage]:
    day = stored.day or dt.date.min
    advice = ways_back(stored.table, day) if is_current else NOT_CURRENT
    files = parts_of(stored.path)

    def damage(path: Path, finding: str) -> Damage:
        return Damage(stored.table, day, stored.version, str(path), finding, advice)

    if not files:
        return [damage(stored.path, "parts of it are missing")] if stored.path.is_dir() else []
    try:
        digest = digest_files(files)
    except OSError as error:
        return (
            [damage(Path(str(error.filename)), f"it cannot be read: {error.strerror}")] if stored.path.is_dir() else []
        )
    if digest == stored.version:
        return []
    found = [damage(path, fault) for path in files if (fault := find_fault(path))]
    where = files[0] if len(files) == 1 else stored.path
    return found or [damage(where, f"its files have the digest {digest}, and no page differs from its checksum")]


def _damage_beside(layout: Layout, stored: Stored, *, noted: NotedDigests, in_part: bool) -> list[Damage]:
    """Of a lookup that may be there `in_part`, because an expiry was killed: only where its card is there."""
    if stored.kind == "lookup":
        return [] if in_part and not (stored.path / CARD).exists() else _lookup_damage(stored)
    root = layout.table(stored.table).path
    fault = _noted_fault(root, stored.path, noted) or _form_fault(stored.path)
    advice = f"{BACKUP.format(stored.path)}, or remove it: what it counted is then left out"
    found = Damage(stored.table, stored.day, stored.version, str(stored.path), fault, advice)
    return [found] if fault and stored.path.exists() else []


def _lookup_damage(stored: Stored) -> list[Damage]:
    advice = f"remove {stored.path}: the service makes it again when it is asked for"

    def damage(name: str, fault: LookupFault) -> Damage:
        return Damage(stored.table, stored.day, stored.version, str(stored.path / name), str(fault), advice)

    try:
        card = LookupCard.read(stored.path, stored.day or dt.date.min, stored.version)
    except LookupFault as fault:
        is_ours = stored.path.is_dir() and is_of_this_format(stored.path)
        return [damage(CARD, fault)] if is_ours else []
    found = []
    for name in card.files:
        try:
            card.verify_file(stored.path, name)
        except LookupFault as fault:
            found.append(damage(name, fault))
    return found if stored.path.is_dir() else []


def _noted_fault(root: Path, path: Path, noted: NotedDigests) -> str:
    """Whether a file below `root` is another one than was noted of it; nothing where nothing was."""
    name = path.relative_to(root).as_posix()
    try:
        found = sha256_of(path).hex()
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if noted.allows(name, found) or read_digests(noted.folder).allows(name, found):  # it was written just now
        return ""
    return "its content has changed since it was written"


def _form_fault(path: Path) -> str:
    """Whether a small file beside a version has not the form of one."""
    forms: dict[str, type[BaseModel]] = {"_feature_counts": FeatureSummary, "_report": NightFacts}
    try:
        content = path.read_text("utf-8")
        if path.suffix == ".json":
            forms[path.parents[1].name].model_validate_json(content)
    except (OSError, ValidationError, ValueError) as error:
        return f"it has not the form of one: {str(error).splitlines()[0]}"
    return "" if content.strip() else "it is empty"


def _log_damage(root: Path, noted: NotedDigests) -> list[Damage]:
    """Commits that are torn, changed or missing, checkpoints likewise, and lines of the digests themselves."""
    log, numbers = root / LOG, commit_numbers(root)
    advice = BACKUP.format(log)

    def damage(path: Path, finding: str, way_back: str = advice) -> Damage:
        return Damage(root.name, None, "", str(path), finding, way_back)

    missing = sorted(set(range(min(numbers, default=0), max(numbers, default=-1) + 1)) - set(numbers))
    found = [damage(commit_file(root, number), "the commit is missing") for number in missing]
    for number in numbers:
        path = commit_file(root, number)
        if fault := _noted_fault(root, path, noted) or commit_fault(path):
            mended = "`churn-assets repair` where a power cut tore it, else " if number == numbers[-1] else ""
            found.append(damage(path, fault, mended + advice))
    for path in sorted(log.glob("*.checkpoint*.parquet")):
        if fault := _noted_fault(root, path, noted) or _unreadable(path):
            found += [damage(path, fault, f"remove {path}: it is a copy of what the commits say")]
    if noted.broken:
        lines = ", ".join(map(str, noted.broken))
        way_back = "remove the line: the file that it named is then checked by its form alone"
        found.append(damage(root / DIGESTS, f"torn or changed: line {lines}", way_back))
    return found


def _record_damage(layout: Layout, record: Stored, *, noted: NotedDigests) -> list[Damage]:
    root = layout.table(record.table).path
    fault = _noted_fault(root, record.path, noted) or _unreadable(record.path)
    advice = BACKUP.format(record.path)
    return [Damage(root.name, None, "", str(record.path), fault, advice)] if fault and record.path.exists() else []


def _unreadable(path: Path) -> str:
    """Why a small Parquet file cannot be read, row group by row group."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                file.read_row_group(group, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        return f"it cannot be read: {str(error).splitlines()[0]}"
    return ""


def _model_damage(layout: Layout, model: Stored, *, signing: Signing, in_part: bool) -> list[Damage]:
    """Of a model that may be there `in_part`, its card last, as it is being stored: once it is a day old."""
    store = ModelStore(layout.models, signing)
    is_young = model.modified > dt.datetime.now(dt.UTC) - UNDER_WAY
    if in_part and is_young and not store.versions():
        return []
    restored = BACKUP.format(model.path)
    advice = f"{restored}, or promote another version"
    signed = f"{restored}, or, where it is what a backup holds, `churn-assets models sign {model.version}`"
    faults = store.faults(model.version) if model.path.is_dir() else ()
    return [
        Damage(MODELS, None, model.version, str(path), str(fault), signed if path.name == SIGNATURE else advice)
        for path, fault in faults
    ]
