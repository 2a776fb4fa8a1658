"""The command about a night as a person reads it."""

import typer

from churn_assets.cli import output
from churn_assets.cli.context import load_settings, open_scores
from churn_assets.cli.options import Date, Json, as_date

__all__ = ["commands"]

commands = typer.Typer()


@commands.command()
def report(date: Date = None, json: Json = False) -> None:
    """Tell a night as a person reads it, in Markdown; the newest scored day where none is named."""
    from churn_assets.composition import build_chain
    from churn_assets.pipeline.monitoring.night_report import night_report

    settings = load_settings()
    day = open_scores(settings).day(as_date(date)).day
    told = night_report(build_chain(settings), day)
    if json:
        drift = told.drift.model_dump(mode="json") if told.drift else None
        output.print_json(told.facts.model_dump(mode="json") | {"drift": drift})
    else:
        output.print_text(told.page.rstrip("\n"))
