"""Files that survive what happens to them."""

from pathlib import Path

import pytest

from churn_assets.storage.files import replace_text


def test_what_could_not_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    """The file is the old one or the new one, and no other lies beside it."""
    path, taken = tmp_path / "page.md", tmp_path / "taken"
    (taken / "inside").mkdir(parents=True)

    replace_text(path, "old")
    replace_text(path, "new")
    with pytest.raises(OSError, match="taken"):
        replace_text(taken, "new")

    assert path.read_text() == "new"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["page.md", "taken"]
