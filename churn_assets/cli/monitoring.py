"""Commands about the watching: what its tables say, and a night as a person reads it."""

import datetime as dt
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_assets.cli import output
from churn_assets.cli.context import load_settings, open_scores
from churn_assets.cli.options import Date, First, Json, as_date, day_option
from churn_assets.core.errors import InputError, UnknownVersion

if TYPE_CHECKING:
    from churn_assets.settings import Settings

__all__ = ["commands"]

DRIFT = ("feature_drift", "score_drift")
PERFORMANCE = ("realized_performance", "estimated_performance")
REALIZED = (
    *("snapshot_date", "arm", "model_version", "rows", "churners", "roc_auc", "roc_auc_low", "roc_auc_high"),
    *("average_precision", "brier", "calibration_error", "mean_probability", "lift_top_decile"),
)
ESTIMATED = ("snapshot_date", "model_version", "rows", "roc_auc", "brier")
commands = typer.Typer()


@commands.command()
def drift(date: Date = None, json: Json = False) -> None:
    """Show how far a day's features and scores have moved, the newest watched day's where none is given."""
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.tables.table import Table

    layout = Layout.of(load_settings().data_dir)
    tables = {name: Table(layout.table(name)) for name in DRIFT}
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


@commands.command()
def performance(
    first: First = None,
    last: Annotated[datetime | None, day_option("--to", text="The last of a range of days.")] = None,
    json: Json = False,
) -> None:
    """Show how good the scores of past days turned out to be, and what newer ones promise."""
    start, end = as_date(first), as_date(last)
    if start and end and start > end:
        raise InputError(f"--from {start} lies after --to {end}: give the earlier day first")
    rows = {name: _rows(load_settings(), name, start, end) for name in PERFORMANCE}
    if not any(rows.values()):
        raise UnknownVersion("no performance is known of these days yet; `churn-assets run` estimates that of a night")
    if json:
        output.print_json([{"table": name} | row for name in PERFORMANCE for row in rows[name]])
        return
    realized, estimated = (rows[name] for name in PERFORMANCE)
    everybody = [row for row in realized if not row["slice_column"]]
    _print("Realized, everybody (--json lists the groups)", REALIZED, everybody)
    _print_months(realized)
    _print_offers(realized)
    _print("Estimated, before outcomes are known", ESTIMATED, estimated)


def _rows(settings: "Settings", name: str, first: dt.date | None, last: dt.date | None) -> list[dict[str, Any]]:
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.tables.reading import rows_between
    from churn_assets.storage.tables.table import Table

    return rows_between(Table(Layout.of(settings.data_dir).table(name)), first, last)


def _print(title: str, names: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    if rows:
        output.print_table(title, names, [[row[name] for name in names] for row in rows])


def _print_months(realized: list[dict[str, Any]]) -> None:
    from churn_assets.core.monitoring.performance.calibration import calibration_by_month

    months = [
        asdict(month) | {"month": f"{month.month:%Y-%m}", "gap": month.gap} for month in calibration_by_month(realized)
    ]
    if months:
        output.print_table("Calibration by month", list(months[0]), [list(month.values()) for month in months])


def _print_offers(realized: list[dict[str, Any]]) -> None:
    """The days on which some were held out: with an offer, without, and the nights until two points could be seen."""
    from churn_assets.core.monitoring.performance.groups import offer_effects

    days = dict.fromkeys(row["snapshot_date"] for row in realized)
    told = [
        {"snapshot_date": day, "model_version": model} | asdict(effect)
        for day in days
        for model, effect in offer_effects(row for row in realized if row["snapshot_date"] == day).items()
    ]
    if told:
        output.print_table("Offers beside those held out", list(told[0]), [list(row.values()) for row in told])


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
