"""What is printed: results on standard output, everything else on standard error, every word as it was given."""

import datetime as dt
import io
import json
import logging
from contextlib import suppress
from typing import Any

import pytest
from rich.console import Console

from churn_assets.cli import output
from churn_assets.cli.output import (
    estimated_end,
    print_error,
    print_json,
    print_note,
    print_table,
    progress,
    progress_of_days,
)

LOG = logging.getLogger("churn_assets")
WORDS = ["[jira-12] late export", "[/x] closed", "a [bold]b[/bold] c", "\\[d]", ":warning: e", "12:x:30"]


def printed(capsys: pytest.CaptureFixture[str], rows: list[list[Any]], headings: list[str]) -> list[list[str]]:
    """The cells of a printed table, by line, split where columns are apart."""
    print_table("Title", headings, rows)
    lines = capsys.readouterr().out.splitlines()
    return [[cell for cell in line.strip().split("  ") if cell.strip()] for line in lines if line.strip()]


def test_json_is_one_document_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Days and times are ISO text, numbers numbers, and nothing else is printed."""
    value = [{"snapshot_date": dt.date(2026, 10, 31), "rows": 1234567, "probability": 0.1, "model": None}]

    print_json(value)

    out, err = capsys.readouterr()
    assert json.loads(out) == [{"snapshot_date": "2026-10-31", "rows": 1234567, "probability": 0.1, "model": None}]
    assert err == ""


def test_json_is_neither_wrapped_nor_decorated(capsys: pytest.CaptureFixture[str]) -> None:
    """A long text and brackets come through to the letter."""
    value = {"reason": "[red]" + "x" * 500 + ":warning:"}

    print_json(value)

    assert json.loads(capsys.readouterr().out) == value


def test_a_table_has_a_title_and_headings(capsys: pytest.CaptureFixture[str]) -> None:
    """Title and headings stand above the rows, on standard output alone."""
    print_table("Models", ["model version", "rows"], [["m1", 5]])

    out, err = capsys.readouterr()
    assert [word for word in ("Models", "model version", "rows", "m1") if word not in out] == []
    assert err == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (True, "yes"),
        ("text", "text"),
        (dt.date(2026, 10, 31), "2026-10-31"),
        ({"low": 3, "high": 1}, "low 3, high 1"),
    ],
)
def test_values_are_shown_for_a_person(capsys: pytest.CaptureFixture[str], value: Any, shown: str) -> None:
    """Thousands are set apart, fractions have four digits, yes is a word and a count stands after its name."""
    lines = printed(capsys, [["before", value, "after"]], ["a", "b", "c"])

    assert [cell.strip() for cell in lines[-1]] == ["before", shown, "after"]


@pytest.mark.parametrize("value", [None, False])
def test_what_is_not_is_blank(capsys: pytest.CaptureFixture[str], value: Any) -> None:
    """Nothing and no are shown as nothing."""
    lines = printed(capsys, [["before", value, "after"]], ["a", "b", "c"])

    assert [cell.strip() for cell in lines[-1]] == ["before", "after"]


def test_numbers_stand_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    """Digits of one column stand below each other."""
    print_table("Nights", ["day", "rows"], [["a", 5], ["b", 12345]])

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    ends = {len(line) for line in lines if line.endswith(("5", "rows"))}
    assert len(ends) == 1


@pytest.mark.parametrize("words", WORDS)
def test_a_table_shows_words_as_they_were_given(capsys: pytest.CaptureFixture[str], words: str) -> None:
    """A reason that a person typed, with brackets or colons in it, is shown to the letter."""
    print_table("History", ["version", "reason"], [["abc", words]])

    assert words in capsys.readouterr().out


def test_a_table_in_a_pipe_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """Versions and reasons of usual length stand whole where the output is no terminal."""
    row = ["0123456789abcdef", "rollback", "2026-10-31 02:00:00.123456+00:00", "20261001-3f9a1c2b", 6000, "ana"]

    print_table("History", ["version", "kind", "published at", "model version", "rows", "actor"], [row])

    out = capsys.readouterr().out
    assert [word for word in row if isinstance(word, str) and word not in out] == []
    assert "…" not in out


def test_a_long_reason_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """A long text goes on in further lines: none of its words is lost."""
    words = [f"word{number}" for number in range(60)]

    print_table("History", ["version", "reason"], [["abc", " ".join(words)]])

    out = capsys.readouterr().out
    assert "…" not in out
    assert "".join(words) in "".join(out.replace("abc", "").split())


def test_an_empty_table_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Without rows title and headings are printed."""
    print_table("Models", ["version"], [])

    out = capsys.readouterr().out
    assert "Models" in out
    assert "version" in out


@pytest.mark.parametrize("words", [*WORDS, "x" * 500])
def test_a_note_stands_apart_from_the_result(capsys: pytest.CaptureFixture[str], words: str) -> None:
    """A note is one line on standard error, to the letter, however long; standard output stays free."""
    print_note(words)

    assert capsys.readouterr() == ("", f"{words}\n")


@pytest.mark.parametrize("words", [*WORDS, "x" * 500])
def test_a_complaint_is_one_sentence(capsys: pytest.CaptureFixture[str], words: str) -> None:
    """A failure is one line on standard error that begins with `error:`, to the letter."""
    print_error(words)

    assert capsys.readouterr() == ("", f"error: {words}\n")


def test_progress_comes_line_by_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What the chain logs comes as lines on standard error, in order; details do not."""
    with progress("the nightly chain"):
        LOG.debug("detail")
        LOG.info("landed %d rows", 5)
        LOG.warning("[slow] disk")

    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["landed 5 rows", "[slow] disk"]


@pytest.mark.parametrize("failing", [False, True])
def test_progress_leaves_the_log_as_it_was(*, failing: bool) -> None:
    """Afterwards, also when the work failed, the log has its level and its handlers back."""
    before = (LOG.level, list(LOG.handlers))

    with suppress(ZeroDivisionError), progress("work"):
        LOG.info("%d", 1 // (0 if failing else 1))

    assert (LOG.level, list(LOG.handlers)) == before


def test_after_progress_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """A later log line is not printed, and a second stretch of work prints each line once."""
    with progress("one"):
        LOG.info("first")
    LOG.info("between")
    with progress("two"):
        LOG.info("second")

    assert capsys.readouterr().err.splitlines() == ["first", "second"]


STARTED = dt.datetime(2026, 11, 1, 22, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("minutes", "done", "total", "expected"),
    [
        (10, 5, 10, "5 left, end about 22:20"),
        (60, 1, 2, "1 left, end about 2026-11-02 00:00"),
        (30, 4, 4, "0 left, end about 22:30"),
    ],
)
def test_the_end_is_estimated_from_what_is_done(minutes: int, done: int, total: int, expected: str) -> None:
    """The rest takes as long as what is done took; another day stands with its date."""
    now = STARTED + dt.timedelta(minutes=minutes)

    words = estimated_end(STARTED, now, done, total)

    assert words == expected


def test_without_a_terminal_each_day_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A log file gets a line a day, with how many are left and when it ends."""
    with progress_of_days(2) as advance:
        advance("2026-11-01: done")
        advance("2026-11-02: done")

    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("2026-11-01: done [1 of 2, 1 left, end about ")
    assert lines[1].startswith("2026-11-02: done [2 of 2, 0 left, end about ")


def test_on_a_terminal_each_day_is_a_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person sees the bar, which has the count and the end: the line of a day does not repeat them."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(output, "_stderr", lambda: console)

    with progress_of_days(2) as advance:
        advance("2026-11-01: done")

    assert "2026-11-01: done\n" in screen.getvalue()
    assert "1/2 days" in screen.getvalue()
    assert "[1 of 2" not in screen.getvalue()
