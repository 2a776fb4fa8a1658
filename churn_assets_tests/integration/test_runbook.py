"""What the runbook tells whoever is on call to type does what it says: its own lines are run."""

import datetime as dt
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from churn_assets_tests.integration.installation import NIGHTS, REPOSITORY, Installation
from churn_assets_tests.serving import asking, make_app

pytestmark = pytest.mark.integration

DAY, NEXT = NIGHTS[-1], NIGHTS[-1] + dt.timedelta(days=1)


def blocks(heading: str) -> list[str]:
    """The indented lines of a section, a block each."""
    text = (REPOSITORY / "docs" / "runbook.md").read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [
        "\n".join(line.removeprefix("    ") for line in block.splitlines())
        for block in re.findall(r"^\n((?:    .*\n)+)", text, re.MULTILINE)
    ]


def test_the_rollback_drill_ends_where_it_began(rescored: Installation) -> None:
    """The app reads another version in between, and the same bytes at the end; the history keeps both steps."""
    [drill] = blocks("Rollback drill")
    day = NIGHTS[0]
    current = next(
        row for row in rescored.run("scores", "history", "--date", str(day), "--json").json if row["current"]
    )
    customer = rescored.rows("churn_scores", day).column("customer_id")[0].as_py()
    before = rescored.score_bytes(day)
    given = {"2026-11-01": str(day), "CUSTOMER": customer, "VERSION": current["score_version"]}

    told = []
    for line in drill.splitlines():
        words = [given.get(word, word) for word in shlex.split(line.removeprefix("churn-assets "))]
        told.append(rescored.run(*words))
    after = rescored.run("scores", "history", "--date", str(day), "--json").json

    shown = [each.stdout for each in told if "churn_probability" in each.stdout]
    assert [each.exit_code for each in told] == [0] * 7, [each.stderr for each in told]
    assert len(shown) == 3
    assert shown[0] == shown[2] != shown[1]
    assert [row["reason"] for row in after[:2]] == ["drill: forth", "drill: back"]
    assert rescored.score_bytes(day) == before


def test_a_copy_that_was_taken_during_a_night_is_whole(rescored: Installation, tmp_path: Path) -> None:
    """The logs first, then a night, then the files: elsewhere it is the logs' state, goes on, rolls back and serves."""
    backup, elsewhere = tmp_path / "backup", Installation(tmp_path / "elsewhere")
    backup.mkdir()
    copying, _ = blocks("Disaster recovery")
    logs, files = copying.split("cd .. && ")
    environment = {"CHURN_DATA_DIR": str(rescored.data), "BACKUP": str(backup), "PATH": "/usr/bin:/bin"}

    def type_in(lines: str) -> None:
        subprocess.run(["/bin/bash", "-euc", lines], env=environment, check=True, cwd=rescored.data)

    type_in(logs)
    night = rescored.run("run", "--date", str(NEXT), "--json")
    type_in(files)
    shutil.copytree(rescored.data / "source", backup / "source")
    elsewhere.configure((rescored.root / "config.yaml").read_text())
    backup.rename(elsewhere.data)
    status = elsewhere.run("status", "--json")
    same = elsewhere.run("run", "--date", str(NEXT), "--json")
    customer = elsewhere.rows("churn_scores", NEXT).column("customer_id")[0].as_py()
    traced = elsewhere.run("trace", customer)
    with asking(make_app(elsewhere.data)) as client:
        served = client.get(f"/v1/scores/{customer}")
    back = elsewhere.run("rollback", "--date", str(NIGHTS[0]), "--reason", "drill")

    assert status.json["snapshot_date"] == str(DAY)
    assert same.exit_code == 0, same.stderr
    assert same.json[0]["score_version"] == night.json[0]["score_version"]
    assert elsewhere.score_bytes(NEXT) == rescored.score_bytes(NEXT)
    assert traced.exit_code == 0, traced.stderr
    assert served.status_code == 200, served.text
    assert served.json()["snapshot_date"] == str(NEXT)
    assert back.exit_code == 0, back.stderr
