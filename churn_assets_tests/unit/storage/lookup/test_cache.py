"""Lookups that are missing, damaged, or those of other scores: made again, or refused; never a wrong score."""

import datetime as dt
import json
import os
import secrets
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from churn_assets.core.errors import LookupFault
from churn_assets.core.table_schemas import SCORES
from churn_assets.storage.layout import lookup_folder
from churn_assets.storage.lookup import cache as module
from churn_assets.storage.lookup.cache import LookupCache
from churn_assets.storage.lookup.format import AT_RISK, CARD, KEYS
from churn_assets.storage.lookup.writer import write_lookup, write_staged_lookup
from churn_assets.storage.tables import parquet
from churn_assets.storage.tables.parquet import read_batches, write_part
from churn_assets.storage.tables.table import Table
from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.storage_factories import DAY, publish, score_rows, stage

SCORES_FILE = "scores-1.arrow"
FILES = (CARD, KEYS, SCORES_FILE, AT_RISK)
ROWS = 500


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    """A table whose one version, of three parts, has its lookup beside it."""
    monkeypatch.setattr(parquet, "PART_ROWS", 200)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 200)
    table = Table(tmp_path / "churn_scores")
    rows = score_rows(ROWS)
    write_staged_lookup(table.root, stage(table, rows))
    publish(table, rows)
    return table


def folder_of(table: Table, day: dt.date = DAY) -> Path:
    """Where the lookup of the current version lies."""
    return table.root / lookup_folder(day, table.version(day).version)


def probabilities(table: Table) -> list[float | None]:
    """What lookups say of every customer and of one who is not there."""
    lookup = LookupCache(table.root).get(table.version(DAY))
    found = [lookup.find(f"c{number:07d}") for number in range(ROWS + 1)]
    return [each and each.probability for each in found]


WANTED = [*score_rows(ROWS).column("churn_probability").to_pylist(), None]


def cut(path: Path) -> None:
    """Lose the last byte."""
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    """Lose all bytes."""
    path.write_bytes(b"")


def flip(path: Path) -> None:
    """Change a bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def lose(path: Path) -> None:
    """Lose the file."""
    path.unlink()


def test_what_was_written_before_the_commit_is_read(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    """A lookup that is whole is opened as it is, and nothing is said."""
    before = {path: path.stat().st_mtime_ns for path in folder_of(table).iterdir()}

    found = probabilities(table)

    assert found == WANTED
    assert {path: path.stat().st_mtime_ns for path in folder_of(table).iterdir()} == before
    assert not caplog.records


@pytest.mark.parametrize("damage", [cut, empty, flip, lose])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_made_again(
    table: Table, name: str, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happened to a file, every score is right, the files are as they were, and the log says which it was."""
    whole = {path.name: path.read_bytes() for path in folder_of(table).iterdir()}
    damage(folder_of(table) / name)

    found = probabilities(table)

    assert found == WANTED
    assert {path.name: path.read_bytes() for path in folder_of(table).iterdir()} == whole
    assert name in caplog.text
    assert list(folder_of(table).parent.iterdir()) == [folder_of(table)]


@pytest.mark.fault("a bit flips in a model or a lookup")
@pytest.mark.parametrize("flips", [20, pytest.param(400, marks=pytest.mark.campaign)])
def test_no_flip_is_served(table: Table, tally: Tally, flips: int) -> None:
    """Wherever a bit of a lookup changes, every score is right, and the file is as it was."""
    seed = secrets.randbits(32)
    random = np.random.default_rng(seed)
    whole = {path: path.read_bytes() for path in sorted(folder_of(table).iterdir())}

    for at in random.integers(len(whole), size=flips):
        path = list(whole)[at]
        content = bytearray(whole[path])
        content[random.integers(len(content))] ^= 1 << random.integers(8)
        path.write_bytes(content)
        tally.tried()
        tally.found(wrong=probabilities(table) != WANTED, lost=path.read_bytes() != whole[path])

    assert not tally.faults, f"seed {seed}"


def test_a_lookup_that_is_not_there_is_made(table: Table) -> None:
    """The same bytes as the night would have written."""
    whole = {path.name: path.read_bytes() for path in folder_of(table).iterdir()}
    shutil.rmtree(table.root / "_lookup")

    found = probabilities(table)

    assert found == WANTED
    assert {path.name: path.read_bytes() for path in folder_of(table).iterdir()} == whole


def test_the_lookup_of_another_version_is_made_again(table: Table) -> None:
    """A folder that was copied over from other scores is not believed."""
    first = folder_of(table)
    rows = score_rows(ROWS, "another")
    publish(table, rows)
    shutil.copytree(first, folder_of(table))

    lookup = LookupCache(table.root).get(table.version(DAY))

    found = lookup.find("c0000007")
    assert found is not None
    assert lookup.kinds[found.kind].model_version == "another"


@pytest.mark.parametrize("name", [KEYS, SCORES_FILE, AT_RISK])
def test_a_single_file_of_another_version_is_made_again(table: Table, name: str) -> None:
    """Files of two lookups beside one card are not believed."""
    other = Table(table.root.parent / "other" / "churn_scores")
    rows = score_rows(ROWS).slice(1)
    write_staged_lookup(other.root, stage(other, rows))
    publish(other, rows)
    shutil.copy(folder_of(other) / name, folder_of(table) / name)

    found = probabilities(table)

    assert found == WANTED


def test_another_format_is_made_again(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    """What another release wrote is not read by chance."""
    path = folder_of(table) / CARD
    told = json.dumps(json.loads(json.loads(path.read_text())["card"]) | {"format": 99})
    path.write_text(json.dumps({"crc32": zlib.crc32(told.encode()), "card": told}))

    found = probabilities(table)

    assert found == WANTED
    assert "format 99" in caplog.text


def lose_lookups_for_good(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lookup lies in the table's folder, and none can be written there."""
    shutil.rmtree(table.root / "_lookup")

    def refuse(folder: Path, *given: Any) -> None:
        if folder.is_relative_to(table.root):
            raise PermissionError(13, "Permission denied")
        write_lookup(folder, *given)

    monkeypatch.setattr(module, "write_lookup", refuse)


def test_where_nothing_can_be_written_it_lies_in_a_temporary_folder(
    table: Table, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a data folder that is read-only the scores are served all the same, and nothing is left behind."""
    lose_lookups_for_good(table, monkeypatch)
    lookups = LookupCache(table.root)

    lookup = lookups.get(table.version(DAY))

    assert lookup.find("c0000007") is not None
    assert "temporary folder" in caplog.text
    assert lookups._scratch is not None
    scratch = Path(lookups._scratch.name)
    lookups.close()
    assert not scratch.exists()


def test_temporary_lookups_of_a_killed_service_are_removed(
    table: Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The folder of a process that is no more goes when the next one needs such a folder; that of a live one stays."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    folders = [tmp_path / f"churn-lookups-{name}" for name in (f"{ended.pid}-a", f"{os.getpid()}-b", "notes")]
    for folder in folders:
        (folder / "scores").mkdir(parents=True)
    lose_lookups_for_good(table, monkeypatch)

    lookups = LookupCache(table.root)
    lookups.get(table.version(DAY))

    assert [folder.exists() for folder in folders] == [False, True, True]
    lookups.close()


def test_scores_that_cannot_be_read_are_refused(table: Table) -> None:
    """Without a lookup and with a broken table there is an error in words, and no half lookup."""
    version = table.version(DAY)
    shutil.rmtree(table.root / "_lookup")
    version.files[0].write_bytes(b"PAR1 no more")

    with pytest.raises(LookupFault, match=r"churn_scores 2026-10-31: part-0.parquet of version \w+ is damaged"):
        LookupCache(table.root).get(version)

    assert not list((table.root / "_lookup").rglob("*.arrow"))


def test_a_lookup_of_rot_is_never_made(table: Table) -> None:
    """Scores whose bytes have changed, though every page of them can be read, are refused and not looked up."""
    shutil.rmtree(table.root / "_lookup")
    version = table.version(DAY)
    rows = read_batches([version.files[0]])
    other = [batch.set_column(1, "churn_probability", pa.array([0.5] * batch.num_rows)) for batch in rows]
    write_part(version.files[0].parent, 0, SCORES, "customer_id", other)

    with pytest.raises(LookupFault, match=r"is damaged \(its files have the digest"):
        LookupCache(table.root).get(version)


def test_a_day_that_is_made_again_holds_up_no_other(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one day's lookup is made anew, however long that takes, another day's is given; and it is made once."""
    other = DAY + dt.timedelta(days=1)
    publish(table, score_rows(5), other)
    shutil.rmtree(table.root / "_lookup")
    making, go_on = Event(), Event()
    made: list[dt.date] = []

    def slowly(folder: Path, day: dt.date, *given: Any) -> None:
        made.append(day)
        if day == DAY:
            making.set()
            assert go_on.wait(60)
        write_lookup(folder, day, *given)

    monkeypatch.setattr(module, "write_lookup", slowly)
    lookups = LookupCache(table.root)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(lookups.get, table.version(DAY)) for _ in range(2)]
        assert making.wait(60)

        answered = lookups.get(table.version(other))

        go_on.set()
        opened = [future.result() for future in waiting]
    assert answered.find("c0000003") is not None
    assert opened[0] is opened[1]
    assert sorted(made) == [DAY, other]


def test_whoever_waits_for_a_lookup_shares_the_lock_of_those_who_come_later(table: Table) -> None:
    """Also where what was opened is closed at once, so that the next two make it: one after the other."""
    lookups = LookupCache(table.root, keep=0)
    scores = table.version(DAY)
    waiting = lookups._lock_of((DAY, scores.version))

    lookups.get(scores)

    assert lookups._lock_of((DAY, scores.version)) is waiting


def test_a_lookup_that_cannot_be_made_leaves_no_lock(table: Table) -> None:
    """However many damaged versions are asked for, nothing is kept of them."""
    scores = table.version(DAY)
    shutil.rmtree(table.root / "_lookup")
    scores.files[0].write_bytes(b"PAR1 no more")
    lookups = LookupCache(table.root)

    with pytest.raises(LookupFault):
        lookups.get(scores)

    assert len(lookups._opening) == 0


def test_an_open_lookup_stays_readable_when_its_files_are_replaced(table: Table) -> None:
    """Whoever reads the old files goes on to read them, whole."""
    lookup = LookupCache(table.root).get(table.version(DAY))
    write_staged_lookup(table.root, stage(table, score_rows(ROWS)))
    shutil.rmtree(table.root / "_lookup")

    found = [lookup.find(f"c{number:07d}") for number in range(ROWS + 1)]

    assert [each and each.probability for each in found] == WANTED


def test_few_are_kept_open(table: Table) -> None:
    """Days that were asked for are opened again once many others were."""
    days = [DAY + dt.timedelta(days=number) for number in range(1, 4)]
    for day in days:
        publish(table, score_rows(5), day)
    lookups = LookupCache(table.root, keep=2)

    opened = [lookups.get(table.version(day)) for day in days]

    assert lookups.get(table.version(days[2])) is opened[2]
    assert lookups.get(table.version(days[0])) is not opened[0]


def test_a_vacuum_passes_over_lookups(table: Table) -> None:
    """Delta's clean-up takes no lookup for a file that nobody needs."""
    removed = DeltaTable(table.root).vacuum(
        retention_hours=0, enforce_retention_duration=False, full=True, dry_run=True
    )

    assert not [path for path in removed if "_lookup" in path]


def test_a_temporary_lookup_goes_with_its_place_in_the_cache(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a read-only folder, days that are asked for one after the other do not fill the temporary one."""
    days = [DAY + dt.timedelta(days=more) for more in range(3)]
    for day in days[1:]:
        publish(table, score_rows(ROWS), day)
    lose_lookups_for_good(table, monkeypatch)
    lookups = LookupCache(table.root, keep=1)

    found = [lookups.get(table.version(day)).find("c0000007") for day in days]

    assert all(found)
    assert lookups._scratch is not None
    assert len(list(Path(lookups._scratch.name).rglob(CARD))) == 1
    lookups.close()
