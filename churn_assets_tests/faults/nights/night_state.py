"""What a night leaves in a data folder, byte by byte, and how far a disturbed one may differ from it."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
from deltalake import DeltaTable

from churn_assets.launch.processes import UNFINISHED
from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.integration.installation import Installation

__all__ = ["Files", "NightState", "audit_disturbed", "audit_recovered", "digests", "state_of", "unfinished_runs"]

BESIDE = ("_lookup", "_feature_counts", "_report")  # of score versions
BEING_WRITTEN = re.compile(r"^_report/.*/\.[^/]+$")  # under that name nobody reads it
Files = Mapping[str, str]


@dataclass(frozen=True)
class NightState:
    """The data of an installation.

    Attributes:
        current: the SHA-256 of each file of the current versions, by its path, by table and partition.
        beside: that of each file beside score versions: their lookups, counts and reports.
        models: that of each file of the models.
        records: the rows of each record without their times, in their order.
    """

    current: Mapping[tuple[str, str], Files]
    beside: Files
    models: Files
    records: Mapping[str, list[dict[str, Any]]]


def state_of(installation: Installation) -> NightState:
    """How the data stands now."""
    tables = installation.data / "tables"
    current: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    records: dict[str, list[dict[str, Any]]] = {}
    for root in sorted(log.parent for log in tables.glob("*/_delta_log")):
        if not any((root / "_delta_log").glob("*.json")):
            continue  # a first commit that never came: no table yet
        table = DeltaTable(root)
        if not table.metadata().partition_columns:
            records[root.name] = _records(table)
            continue
        for uri in table.file_uris():
            path = Path(uri.removeprefix("file://"))
            current[root.name, path.relative_to(root).parts[0]][str(path.relative_to(tables))] = _digest(path)
    return NightState(
        dict(current),
        dict(digests(tables / "churn_scores", *BESIDE)),
        dict(digests(installation.data / "models", "*-*")),
        records,
    )


def audit_disturbed(
    installation: Installation, before: NightState, after: NightState, told_first: Files, tally: Tally
) -> NightState:
    """Count what is neither as before a night nor as after it; the state that was found.

    Between the two a report is as it was `told_first`, before drift was looked at.
    """
    found = state_of(installation)
    for key in found.current.keys() | before.current.keys() | after.current.keys():
        here = found.current.get(key, {})
        allowed = [before.current.get(key, {}), after.current.get(key, {})]
        if here not in allowed:
            sizes = [len(files) for files in allowed]
            tally.found(doubled=len(here) > max(sizes), lost=len(here) < min(sizes), wrong=len(here) in sizes)
    for key, files in after.current.items():
        if key[0] == "churn_scores" and found.current.get(key) == files:  # an app finds each of its customers
            version = next(iter(files)).split("/")[2]
            needed = {path for path in after.beside if path.startswith("_lookup") and version in path}
            tally.found(lost=len(needed - found.beside.keys()))
    for known, here in ((after.beside, found.beside), (after.models, found.models)):
        other = [path for path, digest in here.items() if digest not in (known.get(path), told_first.get(path))]
        read = [path for path in other if not BEING_WRITTEN.search(path)]
        print("other files:", *read)  # noqa: T201  # what a failure is understood with
        tally.found(wrong=len(read))
    for name, rows in found.records.items():
        _audit_records(rows, before.records.get(name, []), after.records.get(name, []), tally)
    return found


def audit_recovered(installation: Installation, after: NightState, tally: Tally) -> None:
    """Count whatever differs, once the day was run again, from what a night leaves that nobody disturbed."""
    found = state_of(installation)
    print("differs:", *_differences(found, after))  # noqa: T201  # what a failure is understood with
    missing = sum(key not in found.current for key in after.current)
    tally.found(
        lost=missing,
        doubled=sum(len(files) > len(after.current.get(key, {})) for key, files in found.current.items()),
        not_recovered=found != after or unfinished_runs(installation) > 0,
    )


def _differences(found: NightState, after: NightState) -> Iterator[object]:
    for one, other in zip(astuple(found), astuple(after), strict=True):
        yield from (key for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key))


def unfinished_runs(installation: Installation) -> int:
    """How many runs hold a place in Dagster's queue."""
    with installation.dagster() as instance:
        return len(instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)))


def _audit_records(
    rows: list[dict[str, Any]], before: list[dict[str, Any]], after: list[dict[str, Any]], tally: Tally
) -> None:
    tally.found(
        lost=rows[: len(before)] != before,
        doubled=len(rows) > len(after),
        wrong=rows != after[: len(rows)],
    )


def _records(table: DeltaTable) -> list[dict[str, Any]]:
    rows = table.to_pyarrow_table()
    clocks = [field.name for field in rows.schema if pa.types.is_timestamp(field.type)]
    records: list[dict[str, Any]] = rows.sort_by("record").drop_columns(clocks).to_pylist()
    return records


def digests(root: Path, *below: str) -> Iterator[tuple[str, str]]:
    """Each file below folders of `root`, from there, and its SHA-256."""
    for pattern in below:
        for path in sorted(root.glob(f"{pattern}/**/*")):
            if path.is_file():
                yield str(path.relative_to(root)), _digest(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
