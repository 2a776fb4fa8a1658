"""Commands about the watching: what its tables say."""

import typer

from churn_assets.cli import output
from churn_assets.cli.context import load_settings
from churn_assets.cli.options import Date, Json, as_date
from churn_assets.core.errors import UnknownVersion

__all__ = ["commands"]

TABLES = ("feature_drift", "score_drift")
commands = typer.Typer()


@commands.command()
def drift(date: Date = None, json: Json = False) -> None:
    """Show how far a day's features and scores have moved, the newest watched day's where none is given."""
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.tables.table import Table

    layout = Layout(load_settings().data_dir)
    tables = {name: Table(layout.table(name)) for name in TABLES}
    watched = sorted({day for table in tables.values() for day in table.days()})
    day = as_date(date) or (watched[-1] if watched else None)
    if day is None:
        raise UnknownVersion("no drift has been looked at yet; `churn-assets run` does so at a night's end")
    if day not in watched:
        span = f"it was looked at from {watched[0]} to {watched[-1]}" if watched else "it was never looked at"
        raise UnknownVersion(f"no drift of {day}; {span}, and `churn-assets run --date {day}` does so")
    there = {name: table.version(day).read().to_pylist() for name, table in tables.items() if table.current(day)}
    if json:
        rows = [{"table": name, "snapshot_date": day, **row} for name, rows in there.items() for row in rows]
        output.print_json(rows)
        return
    for name, rows in there.items():
        worst_first = sorted(rows, key=lambda row: -row["psi"])
        if rows:
            output.print_table(f"{name} of {day}", list(rows[0]), [list(row.values()) for row in worst_first])
        else:
            output.print_text(f"{name} of {day}: nothing could be compared\n")
    for name, table in tables.items():
        newest = next(table.backwards(day), None)
        for note in newest.commit.details.get("notes", []) if newest else []:
            output.print_note(f"{name}: {note}")
