"""The command line: thin commands over the chain.

What belongs here: reading options, one call into the layers below, printing what came of it. What a
command does lives below, what it prints with in `present`. A module holds the commands about one
thing; heavy imports wait inside the functions until a command needs them.

    nights     sample, run, quickstart            options    what several commands are told
    days       backfill                           opening    what several commands open
    models     train, models, promote
    scores     scores ..., rollback, trace
    serving    serve
"""

import os
import sys

import typer

from churn_assets.cli import days, models, nights, output, scores, serving
from churn_assets.core.errors import ChurnError, InputError

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Nightly churn scores as versioned tables."
)
app.add_typer(nights.commands)  # these in the order of --help
app.add_typer(days.commands)
app.add_typer(models.commands)
app.add_typer(scores.commands)
app.add_typer(serving.commands)


def main() -> None:
    """Run the command line; every failure is one sentence and an exit code: 2 nothing started, 1 it failed."""
    try:
        app()
    except ChurnError as error:
        output.print_error(str(error))
        sys.exit(2 if isinstance(error, InputError) else 1)
    except KeyboardInterrupt:
        output.print_error("interrupted; what had been published stays")
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  # a broken disk or file: one sentence, as for every failure
        told = str(error).splitlines()[0] if str(error) else "no message"
        output.print_error(f"{type(error).__name__}: {told}; uid {os.getuid()} was at work, see that it may and can")
        sys.exit(1)
