"""Commit files as a power cut or a rotten disk leaves them: refused with the file and what to do, and mended."""

from collections.abc import Callable
from pathlib import Path

import pytest

from churn_assets.core.errors import RunError
from churn_assets.core.table_schemas import PROMOTIONS
from churn_assets.storage.tables.commit_files import commit_file, newest_commit
from churn_assets.storage.tables.ledger import Ledger
from churn_assets.storage.tables.repair import set_aside_torn_files
from churn_assets.storage.tables.table import Table
from churn_assets_tests.storage_factories import DAY, publish, record, recording, score_rows

pytestmark = pytest.mark.fault("a power cut empties a file")

TORN = [b"", b" \n", b"garbage", b"\x00\xff\xfe", b'{"foo": 1}', b'{"commitInfo": []}', b"[1]", b"[" * 20_000]


def scores(folder: Path) -> Path:
    """A table of two versions of one day; its root."""
    table = Table(folder / "tables" / "churn_scores")
    for rows in (5, 6):
        publish(table, score_rows(rows))
    return table.root


def promotions(folder: Path) -> Path:
    """A ledger of two records; its root."""
    ledger = Ledger(folder / "tables" / "promotions", PROMOTIONS)
    for name in ("m1", "m2"):
        ledger.append(recording(record(name)))
    return ledger.root


def read(root: Path) -> int:
    """Read a table or ledger; how many rows it holds."""
    return len(Ledger(root, PROMOTIONS).rows()) if root.name == "promotions" else Table(root).rows()


@pytest.mark.parametrize("content", TORN)
@pytest.mark.parametrize("make", [scores, promotions])
def test_a_newest_commit_that_holds_none_is_refused_and_mended(
    make: Callable[[Path], Path], content: bytes, tmp_path: Path
) -> None:
    """What cannot be a commit is never read as the state before, until somebody mends it."""
    root = make(tmp_path)
    newest = commit_file(root, newest_commit(root))
    newest.write_bytes(content)

    with pytest.raises(RunError, match=rf"{newest} is (empty|torn).*`churn-assets repair`"):
        read(root)
    renamed = set_aside_torn_files(root)

    assert renamed == [newest.with_suffix(".json.torn")]
    assert renamed[0].read_bytes() == content
    assert read(root) == (1 if make is promotions else 5)


@pytest.mark.parametrize("content", TORN)
def test_an_older_commit_that_holds_none_is_for_a_backup(content: bytes, tmp_path: Path) -> None:
    """Newer commits build on it: nothing is renamed, and the sentence promises no mending."""
    root = scores(tmp_path)
    commit_file(root, 1).write_bytes(content)

    with pytest.raises(RunError, match=rf"{commit_file(root, 1)} is (empty|torn), and newer.* from a backup"):
        Table(root).history(DAY)

    assert set_aside_torn_files(root) == []


@pytest.mark.parametrize("folder", ["", "churn_scores", "churn_scores/_delta_log", "promotions"])
def test_a_file_where_a_folder_should_be_is_named(folder: str, tmp_path: Path) -> None:
    """It is neither an empty table, nor told in the words of a library."""
    path = tmp_path / "tables" / folder
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file")
    root = tmp_path / "tables" / (folder.split("/", maxsplit=1)[0] or "churn_scores")

    with pytest.raises(RunError, match=rf"^{path} is a file, and should be a folder"):
        read(root)


def test_a_log_of_other_actions_is_one_line(tmp_path: Path) -> None:
    """The library's lines, colours and its stack do not reach a person; the folder and what to do does."""
    root = scores(tmp_path)
    commit_file(root, newest_commit(root)).write_text('{"add": {"path": 1}}')

    with pytest.raises(RunError) as refusal:
        read(root)

    assert str(refusal.value).startswith(f"{root}: its log cannot be read (")
    assert str(refusal.value).endswith(f"leaves; else restore {root}/_delta_log from a backup")
    assert not {"\n", "\x1b"} & set(str(refusal.value))
