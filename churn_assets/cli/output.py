"""What the command line prints: tables for a person, JSON for a program, progress on standard error."""

import datetime as dt
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.tree import Tree

__all__ = [
    "estimated_end",
    "print_error",
    "print_json",
    "print_note",
    "print_table",
    "print_text",
    "print_tree",
    "progress",
    "progress_of_bytes",
    "progress_of_days",
    "show_debug",
]

PACKAGE = "churn_assets"  # the logger above all of its modules'
PIPED_WIDTH = 160
LONGEST_NAME = 34  # what is longer is prose, and may wrap


@cache
def _stdout() -> Console:
    """The console of results, made when something is first printed."""
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


@cache
def _stderr() -> Console:
    """The console of everything else; one for all, as a line must not cut through a bar that is being drawn."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, indent=2, default=str))  # noqa: T201  # plain, whatever the terminal


def print_text(text: str) -> None:
    """Text as it stands, on standard output."""
    print(text, flush=True)  # noqa: T201  # plain, whatever the terminal; a service goes on after it


def print_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with numbers to the right."""
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_header=any(headings),
    )
    body = [list(row) for row in rows]
    for at, heading in enumerate(headings):
        numbers = all(isinstance(row[at], int | float | None) for row in body)
        prose = any(len(_cell(row[at])) > LONGEST_NAME for row in body)
        side: Literal["left", "right"] = "right" if numbers else "left"
        table.add_column(heading.replace("_", " "), justify=side, no_wrap=not (numbers or prose), overflow="fold")
    for row in body:
        table.add_row(*[_cell(value) for value in row])
    _stdout().print(table)


def print_tree(title: str, value: Mapping[str, Any]) -> None:
    """Nested values with their names, as a tree."""
    tree = Tree(title)
    _grow(tree, value)
    _stdout().print(tree)


def print_note(text: str) -> None:
    """A line for a person, apart from the result."""
    _stderr().print(text, soft_wrap=True)


def print_error(text: str) -> None:
    """Why the command failed."""
    _stderr().print(f"error: {text}", soft_wrap=True, style="red")


def show_debug() -> None:
    """Print every log line of the package from now on, with the traceback that it carries."""
    log = logging.getLogger(PACKAGE)
    log.setLevel(logging.DEBUG)
    log.addHandler(_LogLines())


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Show what the chain logs: the newest line on a terminal, one line each where there is none."""
    log = logging.getLogger(PACKAGE)
    if any(isinstance(handler, _LogLines) for handler in log.handlers):  # every line is printed already
        yield
        return
    console = _stderr()
    with console.status(what) as status:
        handler = _Progress(status.update if console.is_terminal else None)
        log.addHandler(handler)
        level = log.level
        log.setLevel(logging.DEBUG if console.is_terminal else logging.INFO)
        try:
            yield
        finally:
            log.removeHandler(handler)
            log.setLevel(level)


@contextmanager
def progress_of_days(total: int) -> Iterator[Callable[[str], None]]:
    """A bar that the given function moves by one day, with the estimated end; without a terminal, a line a day."""
    started = dt.datetime.now().astimezone()
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days,"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[end]}"),
    )
    terminal = _stderr().is_terminal
    with Progress(*columns, console=_stderr(), disable=not terminal, transient=True) as bar:
        task = bar.add_task("days", total=total, end="")

        def advance(lines: str) -> None:
            bar.advance(task)
            done = round(bar.tasks[0].completed)
            now = dt.datetime.now().astimezone()
            end = estimated_end(started, now, done, total)
            bar.update(task, end=end)
            print_note(lines if terminal else f"{lines} [{done} of {total}, {end}]")

        yield advance


@contextmanager
def progress_of_bytes(total: int) -> Iterator[Callable[[int, str], None]]:
    """A bar that the given function moves by so many bytes, naming what comes next; nothing without a terminal."""
    columns = (
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[at]}"),
    )
    console = _stderr()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("bytes", total=total, at="")

        def advance(done: int, at: str) -> None:
            bar.update(task, advance=done, at=at)

        yield advance


def estimated_end(started: dt.datetime, now: dt.datetime, done: int, total: int) -> str:
    """When all is done if the rest takes as long as what is `done` (at least 1) took, in words."""
    left = (now - started) * (total - done) / done
    end = now + left
    same_day = end.date() == now.date()
    return (
        f"{total - done} left, end about {end:%H:%M}" if same_day else f"{total - done} left, end about {end:%F %H:%M}"
    )


class _LogLines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print_note(self.format(record))


class _Progress(logging.Handler):
    def __init__(self, update: Callable[[str], None] | None) -> None:
        super().__init__()
        self.update = update

    def emit(self, record: logging.LogRecord) -> None:
        if self.update is None or record.levelno >= logging.WARNING:
            print_note(record.getMessage())
        else:
            self.update(record.getMessage())


def _grow(branch: Tree, value: Mapping[str, Any]) -> None:
    for name, each in value.items():
        if isinstance(each, Mapping):
            _grow(branch.add(name), each)
        elif isinstance(each, list) and each and isinstance(each[0], Mapping):
            entries = branch.add(name)
            for entry in each:
                entries.add(", ".join(f"{key} {_cell(part)}" for key, part in entry.items()))
        else:
            shown = ", ".join(map(str, each)) if isinstance(each, list) else each
            branch.add(f"{name}: {f'{shown:.6g}' if isinstance(shown, float) else shown}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1 else f"{value:,.1f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return str(value)
