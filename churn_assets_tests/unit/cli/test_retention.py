"""What `churn-assets forget` prints, and how it ends."""

import io
import json
import sys
from pathlib import Path

import pytest

from churn_assets import cli
from churn_assets.storage.layout import ERASURE_KEY
from churn_assets.storage.scores.sink import ScoreSink
from churn_assets_tests.databases import database
from churn_assets_tests.serving import publish_scores, rows_of
from churn_assets_tests.storage_factories import DAY


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with scores of `c1` and `c2`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHURN_DATA_DIR", str(tmp_path / "data"))
    publish_scores(tmp_path / "data", rows_of({"c1": 0.9, "c2": 0.1}))
    return tmp_path / "data"


def told(*words: str) -> tuple[int, str]:
    """The exit code of `churn-assets forget` with these words, and standard output."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["churn-assets", "forget", *words])
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0), ""
    return 0, ""


def test_what_is_erased_is_told_first_where_it_stands_then_what_went(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run makes no secret and no record; a second erasure is 2, and a reason that names the customer too."""
    [before] = {row.name for row in (data / "tables" / "churn_scores").glob("snapshot_date=*/*")}
    dry = told("c1", "--reason", "ticket 12", "--dry-run", "--json")[0], json.loads(capsys.readouterr().out)
    untouched = ((data / ERASURE_KEY).exists(), (data / "tables" / "erasures").exists())

    named = told("c1", "--reason", "c1 asked for it")[0], capsys.readouterr().err
    done = told("c1", "--reason", "ticket 12", "--json")[0], capsys.readouterr()
    again = told("c1", "--reason", "ticket 12")[0], capsys.readouterr().err
    shown = told("c2", "--reason", "ticket 13", "--dry-run")[0], capsys.readouterr()

    row = json.loads(done[1].out)
    [version] = row["versions"]
    assert untouched == (False, False)
    assert dry == (
        0,
        {
            "customer_hash": "",
            "tables": {"churn_scores": 1},
            "versions": [
                {"table": "churn_scores", "snapshot_date": "2026-10-31", "version": before, "rows": 1, "current": True}
            ],
        },
    )
    assert (named[0], "--reason names the customer" in named[1]) == (2, True)
    assert (done[0], row["tables"], len(row["customer_hash"])) == (0, {"churn_scores": 1}, 32)
    assert (version["from"], version["rows"], version["to"] != before) == (before, 1, True)
    assert "the source and backups are not touched" in done[1].err
    assert (again[0], "were erased on" in again[1]) == (2, True)
    assert (shown[0], shown[1].out.split()[-3:]) == (0, ["churn_scores", "1", "1"])
    assert "nothing was removed" in shown[1].err


def test_a_dry_run_looks_into_the_sink(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rows are counted beside the tables'; while it cannot be asked, nobody is said to be in no table."""
    monkeypatch.setenv("CHURN_SINK__URI", f"sqlite:///{data}/sink.db")
    down = told("nobody", "--reason", "ticket 12", "--dry-run")[0], capsys.readouterr().err
    ScoreSink(database(f"sqlite:///{data}/sink.db", "sink"), "churn_scores").replace_day(
        DAY, "v1", [rows_of({"c1": 0.9})]
    )

    found = told("c1", "--reason", "ticket 12", "--dry-run", "--json")[0], json.loads(capsys.readouterr().out)
    nobody = told("nobody", "--reason", "ticket 12", "--dry-run")[0], capsys.readouterr().err

    assert (down[0], "nobody can tell who is in it: sqlite:" in down[1]) == (0, True)
    assert "in no table" not in down[1]
    assert (found[0], found[1]["tables"]) == (0, {"churn_scores": 1, "score_sink": 1})
    assert (nobody[0], "the customer is in no table, lookup, model or sink" in nobody[1]) == (0, True)


def test_an_id_may_come_on_standard_input(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No list of processes shows it then; an empty line is no id, and nobody is erased."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("c1\n"))
    found = told("-", "--reason", "ticket 12", "--dry-run", "--json")[0], json.loads(capsys.readouterr().out)
    nobody = told("-", "--reason", "ticket 12")[0], capsys.readouterr().err

    assert (found[0], found[1]["tables"]) == (0, {"churn_scores": 1})
    assert (nobody[0], "standard input holds no id" in nobody[1]) == (2, True)
    assert not (data / "tables" / "erasures").exists()
