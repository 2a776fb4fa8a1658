"""The commands about an installation as a whole: how it stands, whether it is fit for production, what to mend."""

import datetime as dt
from typing import TYPE_CHECKING

import typer

from churn_assets.cli import output
from churn_assets.cli.context import describe_emptiness, load_settings
from churn_assets.cli.options import Json

if TYPE_CHECKING:
    from churn_assets.launch.status import Status

__all__ = ["commands"]

commands = typer.Typer()


@commands.command()
def status(json: Json = False) -> None:
    """Show how things stand: last night, freshness, models, drift, alerts that hold now, failed runs."""
    from churn_assets.launch.status import status_of

    found = status_of(load_settings(), dt.datetime.now(dt.UTC))
    if json:
        output.print_json(found.row())
        return
    output.print_table("Status", ["", ""], _lines(found))
    if found.alerts:
        output.print_table(
            "Alerts that hold now",
            ["severity", "condition", "what", "runbook"],
            [[each.severity, each.condition, each.sentence, each.runbook] for each in found.alerts],
        )
    if found.failed_runs is None:
        output.print_note("warning: Dagster's storage does not answer: failed runs are not known")


@commands.command()
def doctor(json: Json = False) -> None:
    """Tell point by point whether this installation is fit for production; exit code 1 where one is not passed."""
    from churn_assets.launch.doctor import examine

    points = examine(load_settings())
    if json:
        rows = [
            {"point": each.point, "passed": each.passed, "finding": each.finding, "advice": each.advice}
            for each in points
        ]
        output.print_json(rows)
    else:
        shown = [["passed" if each.passed else "TO DO", each.point, each.finding, each.advice] for each in points]
        output.print_table("Fit for production?", ["", "point", "finding", "advice"], shown)
    if not all(each.passed for each in points):
        raise typer.Exit(1)


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


def _lines(found: "Status") -> list[tuple[str, str]]:
    scores, canary, failed = found.scores, found.canary, found.failed_runs
    night = "no scores yet; `churn-assets run` makes them" + describe_emptiness()
    if scores is not None:
        kind = "rolled back" if scores.commit.kind == "rollback" else "published"
        high = f", {found.night.tiers.get('high', 0):,} at high risk" if found.night else ""
        listed = found.night.excluded if found.night else None
        high += "" if listed is None else f", {listed:,} on the do-not-score list"
        night = f"{scores.day}, {scores.rows:,} customers{high}, {kind} {scores.published_at:%Y-%m-%d %H:%M} UTC"
    days = found.champion_age_days
    age = "" if days is None else f", trained {days} days before the newest scores"
    return [
        ("last night", night),
        ("score version", scores.version if scores else "none"),
        ("audit", _audit(found)),
        ("fresh", "yes" if found.fresh else "no"),
        ("champion", f"{found.champion or 'none'}{age}"),
        ("canary", f"{canary.model_version} for {canary.share:.1%} of the customers" if canary else "none"),
        ("challenger", found.challenger or "none"),
        ("drift", found.drift or "not looked at"),
        ("still good", _performance(found)),
        ("alerts", f"{len(found.alerts)} hold now, {found.undelivered} wait for a channel"),
        ("failed runs", "not known" if failed is None else f"{len(failed)} in seven days"),
    ]


def _audit(found: "Status") -> str:
    if found.night is None or found.night.audited is None:
        return "not known"
    return "; ".join(found.night.beyond) or f"in order, all {found.night.audited} figures lie within their bounds"


def _performance(found: "Status") -> str:
    known = found.performance
    if known is None or known["roc_auc"] is None:
        return "no outcomes are known yet; `churn-assets performance` tells what the scores promise"
    interval = f"{known['roc_auc_low']:.3f} to {known['roc_auc_high']:.3f}"
    of = f"of model {known['model_version']} on {known['snapshot_date']}, by what became of {known['rows']:,} customers"
    return f"ROC-AUC {known['roc_auc']:.3f} ({interval}) {of}"
