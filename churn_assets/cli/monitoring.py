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
NUMBERS = {"rows": "rows", "left": "churners", "AUC": "roc_auc", "Brier": "brier", "lift": "lift_top_decile"}
ARMS = ("champion", "canary", "challenger")
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
    for arm in ARMS:
        title = f"Realized by the {arm}, everybody (--json lists groups and more figures)"
        _print(title, [_realized(row) for row in everybody if row["arm"] == arm])
    _print("Calibration by month", _months(realized))
    _print("Offers beside those held out", _offers(realized))
    _print("Estimated, before outcomes are known", [_whose(row) | _figures(row) for row in estimated])


def _rows(settings: "Settings", name: str, first: dt.date | None, last: dt.date | None) -> list[dict[str, Any]]:
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.tables.reading import rows_between
    from churn_assets.storage.tables.table import Table

    return rows_between(Table(Layout.of(settings.data_dir).table(name)), first, last)


def _print(title: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        output.print_table(title, list(rows[0]), [list(row.values()) for row in rows])


def _whose(row: dict[str, Any]) -> dict[str, Any]:
    return {"day": row["snapshot_date"], "model": row["model_version"]}


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    return {heading: row[name] for heading, name in NUMBERS.items() if name in row}


def _realized(row: dict[str, Any]) -> dict[str, Any]:
    low, high = row["roc_auc_low"], row["roc_auc_high"]
    interval = "" if low is None or high is None else f"{low:.3f}-{high:.3f}"
    figures = _figures(row)
    return (
        _whose(row) | {name: figures.pop(name) for name in ("rows", "left", "AUC")} | {"interval": interval} | figures
    )


def _months(realized: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line a month: the mean probability beside the share that left, and what the check says of the gap."""
    from churn_assets.core.monitoring.performance.calibration import calibration_by_month

    bounds = load_settings().monitoring
    return [
        {
            "month": f"{month.month:%Y-%m}",
            "model": " ".join(month.models),
            "days": month.days,
            "rows": round(month.rows),
            "mean": month.mean_probability,
            "left": month.churn_rate,
            "gap": f"{month.gap:+.1%}",
            "check": month.severity(bounds),
        }
        for month in calibration_by_month(realized)
    ]


def _offers(realized: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The days on which some were held out: with an offer, without, and the nights until two points could be seen."""
    from churn_assets.core.monitoring.performance.groups import offer_effects

    days = dict.fromkeys(row["snapshot_date"] for row in realized)
    return [
        {
            "day": day,
            "model": model,
            "offered": effect.offered,
            "left": effect.offered_rate,
            "held": effect.held_out,
            "left-held": effect.held_out_rate,
            "effect": effect.difference,
            "low": effect.low,
            "high": effect.high,
            "nights": effect.nights,
        }
        for day in days
        for model, effect in offer_effects(row for row in realized if row["snapshot_date"] == day).items()
    ]


@commands.command()
def report(date: Date = None, json: Json = False) -> None:
    """Tell a night as a person reads it, in Markdown; the newest scored day where none is named."""
    from churn_assets.composition import build_chain
    from churn_assets.pipeline.monitoring.night_report import night_report
    from churn_assets.storage.scores.night_reports import night_picture_file

    settings = load_settings()
    scores = open_scores(settings)
    day = scores.day(as_date(date)).day
    told = night_report(build_chain(settings), day)
    if json:
        drift = told.drift.model_dump(mode="json") if told.drift else None
        told_more = {"drift": drift, "verdict": asdict(told.verdict)}
        output.print_json(told.facts.model_dump(mode="json") | told_more)
        return
    file = night_picture_file(scores.table.folder, told.facts)
    lines = [
        (f"Picture: {file}" if file else "") if line.endswith(f"]({told.picture_name})") else line
        for line in told.page.rstrip("\n").split("\n")
    ]  # the page has no folder beside it here that its picture could be taken from
    output.print_text("\n".join(lines))
