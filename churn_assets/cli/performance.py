"""The command about how good scores are: what came true of published ones, and what newer ones promise."""

import datetime as dt
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_assets.cli import output
from churn_assets.cli.context import load_settings
from churn_assets.cli.options import First, Json, as_date, day_option
from churn_assets.core.errors import InputError, UnknownVersion

if TYPE_CHECKING:
    from churn_assets.settings import Settings

__all__ = ["commands"]

commands = typer.Typer()
TABLES = ("realized_performance", "estimated_performance")
REALIZED = (
    *("snapshot_date", "arm", "model_version", "rows", "churners", "roc_auc", "roc_auc_low", "roc_auc_high"),
    *("average_precision", "brier", "calibration_error", "mean_probability", "lift_top_decile"),
)
ESTIMATED = ("snapshot_date", "model_version", "rows", "roc_auc", "brier")


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
    rows = {name: _rows(load_settings(), name, start, end) for name in TABLES}
    if not any(rows.values()):
        raise UnknownVersion("no performance is known of these days yet; `churn-assets run` estimates that of a night")
    if json:
        output.print_json([{"table": name} | row for name in TABLES for row in rows[name]])
        return
    realized, estimated = (rows[name] for name in TABLES)
    everybody = [row for row in realized if not row["slice_column"]]
    _print("Realized, everybody (--json lists the groups)", REALIZED, everybody)
    _print_months(realized)
    _print_offers(realized)
    _print("Estimated, before outcomes are known", ESTIMATED, estimated)


def _rows(settings: "Settings", name: str, first: dt.date | None, last: dt.date | None) -> list[dict[str, Any]]:
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.tables.reading import rows_between
    from churn_assets.storage.tables.table import Table

    return rows_between(Table(Layout(settings.data_dir).table(name)), first, last)


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
