"""`verify` and `expire` as an operator uses them: JSON, exit codes, what they print, what they leave alone."""

from pathlib import Path

import pytest

from churn_assets.pipeline.chain import Chain
from churn_assets_tests.aged import contents
from churn_assets_tests.chains import copied
from churn_assets_tests.integration.installation import NIGHTS, Installation
from churn_assets_tests.storage_factories import DAY

pytestmark = pytest.mark.integration


def test_verify_tells_what_is_damaged_and_exits_with_one(aged: Chain, tmp_path: Path) -> None:
    """All is well; then a page has changed: the table, day, version, file and way back are told, also of that day."""
    installation = Installation(tmp_path)
    chain = copied(aged, tmp_path)
    [part] = chain.scores.version(DAY).files
    sound, words = installation.run("verify", "--json"), installation.run("verify")
    part.write_bytes(part.read_bytes()[:-1] + b"?")

    damaged, of_day = installation.run("verify", "--json"), installation.run("verify", "--date", str(DAY))
    elsewhere = installation.run("verify", "--date", "2026-01-01", "--json")

    assert (sound.exit_code, sound.json["damaged"], words.exit_code) == (0, [], 0)
    assert "all as it was written" in words.stdout
    assert "2 leftovers" in words.stderr
    assert {Path(each["file"]).name for each in sound.json["orphans"]} == {"0123", "feedfeedfeedfeed"}
    [told] = damaged.json["damaged"]
    assert (damaged.exit_code, of_day.exit_code, elsewhere.exit_code) == (1, 1, 0)
    assert (told["table"], told["snapshot_date"], told["file"]) == ("churn_scores", str(DAY), str(part))
    assert told["version"] == part.parent.name
    assert "rollback" in told["advice"]
    assert damaged.json["checked"] == sound.json["checked"] > elsewhere.json["checked"]


def test_expire_shows_what_would_go_and_lets_it_go(aged: Chain, tmp_path: Path) -> None:
    """A dry run counts and removes nothing; the same without it removes just that; a second one finds nothing."""
    installation = Installation(tmp_path)
    chain = copied(aged, tmp_path)
    left = chain.scores.root / "_staging" / "fresh"
    left.mkdir()
    before = contents(chain)

    shown = installation.run("expire", "--dry-run", "--json")
    after_showing = contents(chain)
    gone = installation.run("expire", "--json")
    again = installation.run("expire")

    rows = [(row["kind"], row["table"], row["count"]) for row in gone.json["expired"]]
    assert (shown.exit_code, shown.json["dry_run"], after_showing) == (0, True, before)
    assert shown.json["expired"] == gone.json["expired"]
    assert rows == [("orphan", "customers", 1), ("unfinished", "churn_scores", 1)]
    assert "0.0 MiB were freed" in again.stdout
    assert left.is_dir()


def test_an_installation_verifies_and_nothing_that_serves_expires(rescored_once: Installation) -> None:
    """Two models, nights and one scored anew: every file is as it was written, and all of it is kept for now."""
    expired = rescored_once.run("expire", "--dry-run", "--json")
    verified = rescored_once.run("verify", "--json")

    assert verified.exit_code == 0, verified.stdout
    assert verified.json["checked"] > 100
    assert [row for row in expired.json["expired"] if row["kind"] != "unfinished"] == []
    assert rescored_once.current("churn_scores", NIGHTS[0])


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    """Nothing is stored, nothing is made, and the sentence names the folder."""
    installation = Installation(tmp_path / "empty")
    installation.root.mkdir()

    verified, expired = installation.run("verify"), installation.run("expire")

    assert verified.exit_code == expired.exit_code == 0
    assert str(installation.data) in verified.stdout
    assert not installation.data.exists()
