"""After a power cut: what is torn is refused with the file's name, and one command makes the state before current."""

from pathlib import Path

import pytest

from churn_assets_tests.integration.installation import NIGHTS, Installation

pytestmark = [pytest.mark.integration, pytest.mark.fault("a power cut empties a file")]

DAY = NIGHTS[0]


def emptied(installation: Installation, table: str) -> Path:
    """The newest commit file of a table, as a cut leaves it."""
    newest = max((installation.data / "tables" / table / "_delta_log").glob("*.json"))
    newest.write_bytes(b"")
    return newest


def test_an_empty_commit_of_the_scores_is_mended(installed: Installation, rescored: Installation) -> None:
    """Nobody reads or writes a torn table; afterwards the version before is current, and a night runs as ever."""
    before = installed.score_bytes(DAY)
    empty = emptied(rescored, "churn_scores")

    refused = [
        rescored.run(*words).error(1)
        for words in (["scores", "show", "c1"], ["scores", "history", "--date", str(DAY)], ["run", "--date", str(DAY)])
    ]
    mended = rescored.run("repair", "--json")

    assert [sentence for sentence in refused if str(empty) not in sentence] == []
    assert [sentence for sentence in refused if "`churn-assets repair`" not in sentence] == []
    assert mended.exit_code == 0, mended.stderr
    assert mended.json == [{"table": "churn_scores", "file": f"{empty}.torn"}]
    assert rescored.score_bytes(DAY) == before
    night = rescored.run("run", "--date", str(DAY), "--json")
    assert night.exit_code == 0, night.stderr
    assert night.json[0]["published"] is True


def test_an_empty_commit_of_the_promotions_is_mended(retrained: Installation) -> None:
    """The champion before is champion again, and the promotion that was lost can be made anew."""
    old, new = [row["model_version"] for row in retrained.run("models", "--json").json]
    empty = emptied(retrained, "promotions")

    refused = [retrained.run(*words).error(1) for words in (["models"], ["run", "--date", str(DAY)])]
    mended = retrained.run("repair")

    assert [sentence for sentence in refused if not (str(empty) in sentence and "repair`" in sentence)] == []
    assert mended.exit_code == 0, mended.stderr
    assert mended.stdout == f"promotions: set aside as {empty}.torn\n"
    status = {row["model_version"]: row["status"] for row in retrained.run("models", "--json").json}
    assert status[old] == "champion"
    promoted = retrained.run("promote", new, "--reason", "once more", "--json")
    assert promoted.json["from_version"] == old


def test_where_nothing_is_torn_nothing_changes(installation: Installation) -> None:
    """A second call, or one without need, says so and leaves every table as it is."""
    before = installation.published()

    outcomes = [installation.run("repair", "--json"), installation.run("repair")]

    assert [outcome.exit_code for outcome in outcomes] == [0, 0]
    assert outcomes[0].json == []
    assert "nothing to mend" in outcomes[1].stderr
    assert installation.published() == before
