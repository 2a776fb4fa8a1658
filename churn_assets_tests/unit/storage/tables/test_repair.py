"""What a power cut leaves besides torn commits: records that are not on disk, and torn checkpoints."""

from pathlib import Path

import pytest

from churn_assets.core.errors import RunError, UnknownVersion
from churn_assets.core.table_schemas import PROMOTIONS
from churn_assets.storage.tables.commit_files import commit_file, newest_commit
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.ledger import Ledger
from churn_assets.storage.tables.repair import cut_record, set_aside_torn_files
from churn_assets.storage.tables.table import Table
from churn_assets_tests.storage_factories import DAY, publish, record, recording, score_rows

pytestmark = pytest.mark.fault("a power cut empties a file")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger of two records, each a file."""
    ledger = Ledger(tmp_path / "tables" / "promotions", PROMOTIONS)
    for name in ("m1", "m2"):
        ledger.append(recording(record(name)))
    return ledger


def newest_record(ledger: Ledger) -> Path:
    """The file that was written last."""
    return max(ledger.root.glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)


@pytest.mark.parametrize("left", [b"", b"PAR1", None], ids=["empty", "short", "gone"])
def test_a_record_that_is_not_on_disk_is_set_aside_with_its_commit(ledger: Ledger, left: bytes | None) -> None:
    """Its commit is whole and names it; nobody was told of it, and the records before it are those that count."""
    path, commit = newest_record(ledger), commit_file(ledger.root, newest_commit(ledger.root))
    path.unlink() if left is None else path.write_bytes(left)

    with pytest.raises(RunError, match=rf"{path} is cut short.*`churn-assets repair`"):
        Ledger(ledger.root, PROMOTIONS).rows()
    renamed = set_aside_torn_files(ledger.root)

    assert renamed == [commit.with_name(f"{commit.name}.torn")]
    assert [row["to_version"] for row in Ledger(ledger.root, PROMOTIONS).rows()] == ["m1"]
    assert set_aside_torn_files(ledger.root) == []


def test_a_record_that_rotted_is_for_a_backup(ledger: Ledger) -> None:
    """What is as long as it was has been acknowledged: it is not forgotten, and the sentence promises no mending."""
    path = newest_record(ledger)
    path.write_bytes(bytes(path.stat().st_size))

    with pytest.raises(RunError, match="restore the folder from a backup"):
        Ledger(ledger.root, PROMOTIONS).rows()

    assert cut_record(ledger.root) is None
    assert set_aside_torn_files(ledger.root) == []


def test_a_version_that_lost_its_files_is_no_torn_commit(tmp_path: Path) -> None:
    """Files of a table are on disk before their commit: where they are gone, nothing else becomes current."""
    table = Table(tmp_path / "tables" / "churn_scores")
    for rows in (5, 6):
        publish(table, score_rows(rows))
    table.version(DAY).files[0].unlink()

    assert set_aside_torn_files(table.root) == []
    with pytest.raises(UnknownVersion, match="are missing"):
        Table(table.root).version(DAY)


@pytest.mark.parametrize("content", [b"", b"PAR1 no more"])
def test_a_torn_checkpoint_is_set_aside(tmp_path: Path, content: bytes) -> None:
    """All that it says stands in the commits, which are read again; another table is not written to."""
    table = Table(tmp_path / "tables" / "churn_scores")
    versions = [publish(table, score_rows(rows)).version for rows in (5, 6)]
    for number in range(101):
        table.rollback(DAY, versions[number % 2], Commit("rollback", "tester", "why"))
    [checkpoint] = (table.root / "_delta_log").glob("*.checkpoint.parquet")
    checkpoint.write_bytes(content)

    with pytest.raises(RunError, match="`churn-assets repair`"):
        Table(table.root).current(DAY)
    renamed = set_aside_torn_files(table.root)

    assert renamed == [checkpoint.with_name(f"{checkpoint.name}.torn")]
    assert Table(table.root).current(DAY) == versions[0]


def test_a_torn_checkpoint_stays_where_a_commit_is_gone(tmp_path: Path) -> None:
    """Without all commits it is the only copy of what they said, torn or not: that is for a backup."""
    table = Table(tmp_path / "tables" / "churn_scores")
    publish(table, score_rows(5))
    checkpoint = table.root / "_delta_log" / f"{1:020}.checkpoint.parquet"
    checkpoint.write_bytes(b"")
    commit_file(table.root, 0).unlink()

    assert set_aside_torn_files(table.root) == []
    assert checkpoint.exists()
