"""A newcomer's way from a file to the first score: every command of the guide, in an empty folder."""

import datetime as dt
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from churn_assets_tests.intake import customers
from churn_assets_tests.integration.installation import REPOSITORY, Installation, Outcome

pytestmark = pytest.mark.integration

GUIDE = (REPOSITORY / "docs/bring-your-own-customers.md").read_text()
BLOCKS = [block.splitlines() for block in re.findall(r"(?:^ {4}churn-assets .*\n)+", GUIDE, re.MULTILINE)]
SMALL = json.dumps({"estimator": "hist_gradient_boosting", "parameters": {"max_iter": 20}})
LAST = dt.date(2025, 10, 31)


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An empty folder but for the exports that the guide names, and a small model to train."""
    monkeypatch.setattr(sys, "path", [*sys.path])  # what is imported from the folder is no other test's
    for name in ("acme", "shop"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    new = Installation(tmp_path / "here", {"CHURN_TRAINING": SMALL})
    new.root.mkdir()
    labelled = customers(600, 5)
    labelled.to_csv(new.root / "customers.csv", index=False, sep=";", decimal=",")
    for back in (0, 30, 60):
        day = new.root / "exports" / f"snapshot_date={LAST - dt.timedelta(days=back)}"
        day.mkdir(parents=True)
        labelled.drop(columns="Churned").head(360 + 4 * back).to_parquet(day / "customers.parquet", index=False)
    return new


def given(newcomer: Installation, lines: list[str]) -> list[Outcome]:
    """What came of the commands of a block of the guide."""
    return [newcomer.run(*shlex.split(line)[1:]) for line in lines]


def test_the_guide_leads_from_a_file_to_a_score(newcomer: Installation) -> None:
    """Its first block runs as it stands: each command says the next one, and the last shows a score."""
    outcomes = given(newcomer, BLOCKS[0])

    assert [each.exit_code for each in outcomes] == [0, 0, 0, 0], outcomes
    assert "wrote acme.py and config.yaml; read the profile, then: churn-assets check --date" in outcomes[0].stderr
    assert "nothing stands in the way; next: churn-assets run --date 2025-10-31" in outcomes[1].stderr
    assert "c00017" in outcomes[3].stdout
    [card] = newcomer.run("models", "--json").json
    assert card["roc_auc"] > 0.8


def test_the_guide_leads_from_daily_exports_to_a_check(newcomer: Installation) -> None:
    """Its second block finds the days, the rule and enough history; what is there is not written again."""
    outcomes = given(newcomer, BLOCKS[1])
    told = newcomer.run("check", "--json").json
    again = newcomer.run("init", "exports")

    assert len(BLOCKS) == 2
    assert [each.exit_code for each in outcomes] == [0, 0], outcomes
    assert [each["rate"] for each in told["label_rate"]] == [120 / 480, 120 / 600]
    assert told["history"]["usable"] == ["2025-10-01", "2025-09-01"]
    assert not newcomer.data.exists()
    assert "config.yaml is there already: nothing was written" in again.error(2)


def test_check_fails_where_a_night_would(newcomer: Installation) -> None:
    """A day with too little history is exit code 1, one that is not there is 2."""
    given(newcomer, BLOCKS[1][:1])

    early = newcomer.run("check", "--date", "2025-09-01")
    absent = newcomer.run("check", "--date", "2025-09-02")

    assert "the source must reach back twice the horizon" in early.error(1)
    assert "nothing for 2025-09-02" in absent.error(2)
