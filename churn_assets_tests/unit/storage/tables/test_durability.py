"""What was acknowledged survives a power cut: synced before anybody hears of it, and missed where a cut emptied it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from churn_assets.core.errors import ChurnError, DamagedVersion, RunError
from churn_assets.core.table_schemas import PROMOTIONS
from churn_assets.storage.tables import parquet
from churn_assets.storage.tables.commit_files import commit_file, newest_commit
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.ledger import Ledger
from churn_assets.storage.tables.table import Table
from churn_assets_tests.storage_factories import DAY, publish, record, recording, score_rows

pytestmark = pytest.mark.fault("a power cut empties a file")


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was synced to disk, in order; of a file, its name at that moment."""
    paths: list[Path] = []
    fsync = os.fsync

    def traced(handle: int) -> None:
        fsync(handle)
        paths.append(Path(f"/proc/self/fd/{handle}").readlink())

    monkeypatch.setattr(os, "fsync", traced)
    return paths


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    """A table with a version of one day; what is published to it has several files."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 2)
    monkeypatch.setattr(parquet, "PART_ROWS", 2)
    table = Table(tmp_path / "tables" / "churn_scores")
    publish(table, score_rows(5))
    return table


def files_below(root: Path) -> set[Path]:
    """Every file below a folder."""
    return {path for path in root.rglob("*") if path.is_file()}


def test_a_publish_is_on_disk_in_the_order_in_which_it_is_needed(table: Table, synced: list[Path]) -> None:
    """Files, then the names of their folders, then the commit that names them and its own name in the log."""
    publish(table, score_rows(6))

    folder = table.version(DAY).files[0].parent
    commit = commit_file(table.root, newest_commit(table.root))
    written = [path for path in synced if path.suffix == ".parquet"]
    order = [synced.index(folder.parent), synced.index(table.root), synced.index(commit), synced.index(commit.parent)]
    assert len(written) == len(table.version(DAY).files) == 3
    assert all(synced.index(path) < order[0] for path in written)
    assert all(path.parent in synced[: order[0]] for path in written)  # the folder, before it got its name
    assert order == sorted(order)


def test_a_rollback_is_on_disk_when_it_returns(table: Table, synced: list[Path]) -> None:
    """The commit and its name are synced after they are written."""
    publish(table, score_rows(6))
    synced.clear()

    table.rollback(DAY, None, Commit("rollback", "tester", "try"))

    commit = commit_file(table.root, newest_commit(table.root))
    assert synced.index(commit) < synced.index(commit.parent)


def test_a_record_is_on_disk_when_it_returns(tmp_path: Path, synced: list[Path]) -> None:
    """The row's file comes before the commit that names it; a new ledger's folders are synced too."""
    ledger = Ledger(tmp_path / "tables" / "promotions", PROMOTIONS)

    ledger.append(recording(record("m1")))

    commit = commit_file(ledger.root, newest_commit(ledger.root))
    [row] = [path for path in files_below(ledger.root) if path.suffix == ".parquet"]
    assert {row, commit, commit.parent, ledger.root, ledger.root.parent} <= set(synced)
    names = len(synced) - 1 - synced[::-1].index(commit.parent)  # the last time: it was synced when it was made, too
    assert synced.index(row) < synced.index(commit) < names


def emptied_one_by_one(root: Path, write: Callable[[], object], read: Callable[[], object]) -> dict[str, object]:
    """What is read while each file of a write is empty, by the file's name; a refusal by its type."""
    before = files_below(root)
    write()
    found: dict[str, object] = {}
    for path in sorted(files_below(root) - before):
        content = path.read_bytes()
        path.write_bytes(b"")
        try:
            found[path.name] = read()
        except ChurnError as error:
            found[path.name] = type(error)
        path.write_bytes(content)
    return found


def test_no_emptied_file_of_a_publish_gives_the_scores_before(table: Table) -> None:
    """Each file is needed, and the reader is refused: what was in force before is not in force again."""

    def models() -> set[str]:
        version = Table(table.root).version(DAY)
        return {model for batch in version.batches(["model_version"]) for model in batch["model_version"].to_pylist()}

    found = emptied_one_by_one(table.root, lambda: publish(table, score_rows(6, "20261101-bbbbbbbb")), models)

    assert len(found) == 4  # three parts and the commit
    assert set(found.values()) == {DamagedVersion, RunError}
    assert models() == {"20261101-bbbbbbbb"}


def test_no_emptied_file_of_a_record_gives_the_records_before(tmp_path: Path) -> None:
    """A promotion that was acknowledged is there or missed, and never the champion before in its place."""
    root = tmp_path / "tables" / "promotions"
    Ledger(root, PROMOTIONS).append(recording(record("m1")))

    def names() -> tuple[str, ...]:
        return tuple(row["to_version"] for row in Ledger(root, PROMOTIONS).rows())

    found = emptied_one_by_one(root, lambda: Ledger(root, PROMOTIONS).append(recording(record("m2"))), names)

    assert len(found) == 2  # the row and the commit
    assert set(found.values()) == {RunError}
    assert names() == ("m1", "m2")
