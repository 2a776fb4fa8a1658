"""The command that mends what a power cut leaves of the tables."""

import typer

from churn_assets.cli import output
from churn_assets.cli.context import describe_emptiness, load_settings
from churn_assets.cli.options import Json

__all__ = ["commands"]

commands = typer.Typer()


@commands.command()
def repair(json: Json = False) -> None:
    """Rename what a power cut left torn of the tables' logs: what was current before is current."""
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.tables.repair import set_aside_torn_files

    renamed = [
        {"table": root.name, "file": str(file)}
        for root in Layout(load_settings().data_dir).tables()
        for file in set_aside_torn_files(root)
    ]
    if json:
        output.print_json(renamed)
    elif not renamed:
        output.print_note(f"nothing to mend{describe_emptiness()}")
    else:
        for row in renamed:
            output.print_text(f"{row['table']}: set aside as {row['file']}")
