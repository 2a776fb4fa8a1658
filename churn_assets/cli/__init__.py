"""The command line: thin commands over the chain.

What belongs here: reading options, one call into the layers below, printing what came of it. A module holds the
commands about one thing; heavy imports wait inside the functions until a command needs them.

    intake      init, check                        options    options that several commands share
    nights      sample, run, quickstart            context    what commands work with, opened from the settings
    backfill    backfill                           output     tables, JSON, notes, progress
    models      train, models ..., promote, canary
    scores      scores ..., rollback, trace, serve story      what `trace` tells a person
    monitoring  drift, performance, report         health     status, doctor, verify, repair, prune
    retention   forget, expire
"""

import errno
import logging
import os
import sys
from typing import Annotated

import typer

from churn_assets.cli import backfill, health, intake, models, monitoring, nights, output, retention, scores
from churn_assets.cli.context import describe_emptiness
from churn_assets.core.errors import ChurnError, InputError, NoChampion, SourceMissing, UnknownVersion
from churn_assets.core.failures import refusal_of_disk

__all__ = ["app", "main"]

NOTHING_THERE = (UnknownVersion, SourceMissing, NoChampion)
logger = logging.getLogger(__name__)
app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Nightly churn scores as versioned tables."
)
app.add_typer(intake.commands)  # these in the order of --help
app.add_typer(nights.commands)
app.add_typer(backfill.commands)
app.add_typer(models.commands)
app.add_typer(scores.commands)
app.add_typer(monitoring.commands)
app.add_typer(health.commands)
app.add_typer(retention.commands)


@app.callback()
def configure(
    debug: Annotated[
        bool, typer.Option("--debug", help="Print every log line, and the traceback of a failure, on standard error.")
    ] = False,
) -> None:
    """Options of every command."""
    if debug:
        output.show_debug()


def main() -> None:
    """Run the command line; every failure is one sentence and an exit code: 2 nothing started, 1 it failed."""
    try:
        app()
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # whatever it is, a panic of a library written in Rust too: one sentence
        logger.debug("the traceback of the failure:", exc_info=True)
        output.print_error(_sentence(error))
        sys.exit(2 if isinstance(error, InputError) else 1)


def _sentence(error: BaseException) -> str:
    if isinstance(error, ChurnError):
        return str(error) + (describe_emptiness() if isinstance(error, NOTHING_THERE) else "")
    first_line = str(error).splitlines()[0] if str(error) else "no message"
    if not isinstance(error, OSError):
        if refusal := refusal_of_disk(str(error)):
            return f"{refusal}, and give the same command again ({first_line})"
        return (
            f"unexpected: {type(error).__name__}: {first_line}; this is a fault of the program: `churn-assets --debug` "
            "before the same words shows where, for whoever mends it"
        )
    if error.errno == errno.ENOSPC or error.errno is None:  # libraries written in Rust give none
        where = f"{error.filename}: " if error.filename else ""
        if refusal := refusal_of_disk(str(error)):
            return f"{where}{refusal}, and give the same command again"
    if isinstance(error, NotADirectoryError | FileExistsError):
        return f"{error.filename}: a file lies where a folder must be; move it away, or correct the path in config.yaml"
    return f"{type(error).__name__}: {first_line}; uid {os.getuid()} was at work, see that it may and can"
