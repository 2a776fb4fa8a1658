"""How the days of a rollback are named, and what follows it."""

import datetime as dt
import sys
from pathlib import Path

import pytest

from churn_assets import cli
from churn_assets.cli.scores import days_to_roll_back
from churn_assets.core.errors import InputError, PartitionConflict
from churn_assets.storage.layout import Layout
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.table import Table
from churn_assets_tests.databases import asked
from churn_assets_tests.storage_factories import DAY, publish, score_rows

NEXT = DAY + dt.timedelta(days=1)


@pytest.fixture
def scores(tmp_path: Path) -> PublishedScores:
    """Scores of two days."""
    scores = PublishedScores(Layout(tmp_path))
    for day in (DAY, NEXT):
        publish(scores.table, score_rows(5), day)
    return scores


def test_one_day_or_a_range_is_named(scores: PublishedScores) -> None:
    """A day stands for itself, also one without scores, which the rollback refuses; a range for its scored days."""
    unscored = NEXT + dt.timedelta(days=1)

    days = [days_to_roll_back(scores, unscored, None, None), days_to_roll_back(scores, None, DAY, unscored)]

    assert days == [[unscored], [DAY, NEXT]]


@pytest.mark.parametrize(
    ("date", "first", "last"),
    [(None, None, None), (DAY, DAY, NEXT), (DAY, DAY, None), (None, DAY, None), (None, None, NEXT), (None, NEXT, DAY)],
    ids=["nothing", "both", "a day and half a range", "no last day", "no first day", "the wrong way round"],
)
def test_other_words_for_days_are_refused(
    scores: PublishedScores, date: dt.date | None, first: dt.date | None, last: dt.date | None
) -> None:
    """Neither, both or half of them is an error that says what to give."""
    with pytest.raises(InputError, match="give either --date D, or --from D --to-date D with the earlier day first"):
        days_to_roll_back(scores, date, first, last)


@pytest.fixture
def stops_on_the_way(scores: PublishedScores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two days with two versions each, of which the second day is published by somebody else as it is taken back."""
    for day in (DAY, NEXT):
        publish(scores.table, score_rows(6), day)
    rollback = Table.rollback

    def failing(table: Table, day: dt.date, to: str | None, commit: Commit) -> tuple[str, str]:
        if day == NEXT:
            raise PartitionConflict("somebody else published it")
        return rollback(table, day, to, commit)

    monkeypatch.setattr(Table, "rollback", failing)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHURN_DATA_DIR", str(tmp_path))


def _told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    """The exit code of `churn-assets` with these words, and the lines of standard error."""
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["churn-assets", *words])
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
    return code, capsys.readouterr().err.splitlines()


@pytest.mark.usefixtures("stops_on_the_way")
def test_the_sink_follows_the_days_before_the_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was moved is in the sink too, and the person is told at the end why the rest was not."""
    uri, span = f"sqlite:///{tmp_path}/sink.db", ("--from", str(DAY), "--to-date", str(NEXT))
    monkeypatch.setenv("CHURN_SINK__URI", uri)
    sunk, _ = _told(capsys, "scores", "sink", *span)

    stopped, lines = _told(capsys, "rollback", *span, "--reason", "a bad week")

    held = asked(uri, "select count(*) from churn_scores group by snapshot_date order by snapshot_date")
    assert (sunk, stopped, lines[-1]) == (0, 1, "error: somebody else published it")
    assert held == [(5,), (6,)]


@pytest.mark.fault("a database for scores is down")
@pytest.mark.usefixtures("stops_on_the_way")
def test_a_sink_that_is_down_does_not_hide_why_a_rollback_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that brings the moved day is told as a warning, the failure of the rollback at the end."""
    monkeypatch.setenv("CHURN_SINK__URI", f"sqlite:///{tmp_path}/gone/sink.db")

    stopped, lines = _told(capsys, "rollback", "--from", str(DAY), "--to-date", str(NEXT), "--reason", "a bad week")

    [warning] = [line for line in lines if "brings the sink after them" in line]
    assert warning.startswith("warning: ")
    assert f"`churn-assets scores sink --date {DAY}`" in warning
    assert (stopped, lines[-1]) == (1, "error: somebody else published it")
