"""What the command line prints: tables for a person, JSON for a program, progress on standard error."""

import datetime as dt
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.tree import Tree

__all__ = [
    "estimated_end",
    "note",
    "print_error",
    "print_json",
    "print_table",
    "print_text",
    "print_tree",
    "progress",
    "progress_of_days",
]

PIPED_WIDTH = 160
LONGEST_NAME = 34  # what is longer is prose, and may wrap
_out = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
_err = Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, indent=2, default=str))  # noqa: T201  # plain, whatever the terminal


def print_text(text: str) -> None:
    """Text as it stands, on standard output."""
    print(text)  # noqa: T201  # plain, whatever the terminal


def print_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with numbers to the right."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(headings))
    body = [list(row) for row in rows]
    for at, heading in enumerate(headings):
        numbers = all(isinstance(row[at], int | float | None) for row in body)
        prose = any(len(_cell(row[at])) > LONGEST_NAME for row in body)
        side: Literal["left", "right"] = "right" if numbers else "left"
        table.add_column(heading.replace("_", " "), justify=side, no_wrap=not (numbers or prose), overflow="fold")
    for row in body:
        table.add_row(*[_cell(value) for value in row])
    _out.print(table)


def print_tree(title: str, value: Mapping[str, Any]) -> None:
    """Nested values with their names, as a tree."""
    tree = Tree(title)
    _grow(tree, value)
    _out.print(tree)


def note(text: str) -> None:
    """A line for a person, beside the result."""
    _err.print(text, soft_wrap=True)


def print_error(text: str) -> None:
    """Why the command failed."""
    _err.print(f"error: {text}", soft_wrap=True, style="red")


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Show what the chain logs: the newest line on a terminal, one line each where there is none."""
    log = logging.getLogger("churn_assets")
    with _err.status(what) as status:
        handler = _Progress(status.update if _err.is_terminal else None)
        log.addHandler(handler)
        level = log.level
        log.setLevel(logging.DEBUG if _err.is_terminal else logging.INFO)
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
    with Progress(*columns, console=_err, disable=not _err.is_terminal, transient=True) as bar:
        task = bar.add_task("days", total=total, end="")

        def advance(told: str) -> None:
            bar.advance(task)
            done = round(bar.tasks[0].completed)
            now = dt.datetime.now().astimezone()
            end = estimated_end(started, now, done, total)
            bar.update(task, end=end)
            note(f"{told} [{done} of {total}, {end}]" if not _err.is_terminal else told)

        yield advance


def estimated_end(started: dt.datetime, now: dt.datetime, done: int, total: int) -> str:
    """When all is done if the rest takes as long as what is `done` (at least 1) took, in words."""
    left = (now - started) * (total - done) / done
    end = now + left
    same_day = end.date() == now.date()
    return (
        f"{total - done} left, end about {end:%H:%M}" if same_day else f"{total - done} left, end about {end:%F %H:%M}"
    )


class _Progress(logging.Handler):
    def __init__(self, update: Any) -> None:
        super().__init__()
        self.update = update

    def emit(self, record: logging.LogRecord) -> None:
        if self.update is None or record.levelno >= logging.WARNING:
            note(record.getMessage())
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
            told = ", ".join(map(str, each)) if isinstance(each, list) else each
            branch.add(f"{name}: {f'{told:.6g}' if isinstance(told, float) else told}")


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
