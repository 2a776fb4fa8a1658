"""The commands about an installation as a whole: how it stands, whether it is fit for production, what to mend."""

import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from churn_assets.cli import output
from churn_assets.cli.context import describe_emptiness, load_settings
from churn_assets.cli.options import Date, Json, as_date
from churn_assets.core.errors import RunError

if TYPE_CHECKING:
    from churn_assets.launch.status import Status
    from churn_assets.storage.verification import Damage

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
        passed = sum(each.passed for each in points)
        answer = "yes" if passed == len(points) else "no"
        title = f"Fit for production? {answer}, {passed} of {len(points)} points pass"
        output.print_table(title, ["", "point", "finding", "advice"], shown)
    if not all(each.passed for each in points):
        raise typer.Exit(1)


@commands.command()
def repair(json: Json = False) -> None:
    """Rename what a power cut left torn of the tables' logs: what was current before is current."""
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.tables.repair import set_aside_torn_files

    renamed = [
        {"table": root.name, "file": str(file)}
        for root in Layout.of(load_settings().data_dir).tables()
        if root.store is None  # an object store has a commit whole, or not at all
        for file in set_aside_torn_files(root.path)
    ]
    if json:
        output.print_json(renamed)
    elif not renamed:
        output.print_note(f"nothing to mend{describe_emptiness()}")
    else:
        for row in renamed:
            output.print_text(f"{row['table']}: set aside as {row['file']}")


@commands.command("prune")
def prune_history(
    keep_days: Annotated[
        int | None, typer.Option(min=1, help="Days that a run is kept after its end; run_history.keep_days else.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would go, and remove nothing.")] = False,
    json: Json = False,
) -> None:
    """Remove old runs, events, logs and ticks from Dagster's storage; what was made of each day stays known."""
    from sqlalchemy.exc import SQLAlchemyError

    from churn_assets.assets.maintenance.pruning import Pruned, prune
    from churn_assets.instance import open_instance
    from churn_assets.storage.layout import Layout

    settings = load_settings()
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=keep_days or settings.run_history.keep_days)
    pruned = Pruned(before, runs=0, events=0, ticks=0, bytes=0)
    if Layout.of(settings.data_dir).tables():  # else nothing ever ran: opening Dagster's storage would make its folders
        try:
            with open_instance(settings) as instance:
                pruned = prune(instance, before, dry_run=dry_run)
        except SQLAlchemyError as error:
            raise RunError(
                f"Dagster's storage failed while it was pruned ({str(error).splitlines()[0]}); no run is left in part, "
                "and the same command does the rest"
            ) from error
    if json:
        output.print_json({**asdict(pruned), "dry_run": dry_run})
        return
    told = f"{pruned.runs:,} runs, {pruned.events:,} events, {pruned.ticks:,} ticks, {pruned.bytes:,} bytes"
    done = "would remove" if dry_run else "removed"
    output.print_text(f"{done} {told}, all from before {before:%Y-%m-%d}{describe_emptiness()}")


@commands.command()
def verify(date: Date = None, json: Json = False) -> None:
    """Read everything that is stored against its digest; exit code 1 where something is damaged, with the way back."""
    from churn_assets.settings import signing_of
    from churn_assets.storage.bucket_inventory import inventory_of
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.verification import checks_of, orphans_of

    settings = load_settings()
    layout = Layout.of(settings.data_dir)
    checks = list(checks_of(layout, as_date(date), signing_of(settings)))
    damaged: list[Damage] = []
    with output.progress_of_bytes(sum(check.bytes for check in checks)) as advance:
        for check in checks:
            advance(0, check.name)
            damaged += check.run()
            advance(check.bytes, check.name)
    orphans = [] if date else orphans_of(layout, dt.datetime.now(dt.UTC))
    read = sum(check.bytes for check in checks)
    if json:
        where = inventory_of(layout).where
        left = [{"table": each.table, "file": where(each), "bytes": each.bytes} for each in orphans]
        rows = [asdict(each) for each in damaged]
        output.print_json({"checked": len(checks), "bytes": read, "damaged": rows, "orphans": left})
    else:
        shown = [[each.table, each.snapshot_date, each.file, each.finding, each.advice] for each in damaged]
        if shown:
            output.print_table("Damaged", ["table", "snapshot date", "file", "what", "the way back"], shown)
        told = f"{len(damaged)} damaged" if damaged else "all as it was written"
        output.print_text(f"checked {len(checks):,} things, {read / 2**20:,.1f} MiB: {told}{describe_emptiness()}")
    if orphans and not json:
        size = sum(each.bytes for each in orphans) / 2**20
        output.print_note(
            f"{len(orphans)} leftovers of killed writers, {size:,.1f} MiB: `churn-assets expire` removes them"
        )
    if damaged:
        raise typer.Exit(1)


def _lines(found: "Status") -> list[tuple[str, str]]:
    scores, canary, failed = found.scores, found.canary, found.failed_runs
    night = "no scores yet; `churn-assets run` makes them" + describe_emptiness()
    if scores is not None:
        kind = "rolled back" if scores.commit.kind == "rollback" else "published"
        high = f", {found.night.tiers.get('high', 0):,} at high risk" if found.night else ""
        listed = found.night.excluded if found.night else None
        high += "" if listed is None else f", {listed:,} on the do-not-score list"
        by = f"by {scores.commit.model_version}"
        night = f"{scores.day}, {scores.rows:,} customers{high}, {by}, {kind} {scores.published_at:%Y-%m-%d %H:%M} UTC"
    days = found.champion_age_days
    age = "" if days is None else f", trained {days} days before the newest scores"
    return [
        ("last night", night),
        ("score version", scores.version if scores else "none"),
        ("audit", _audit(found)),
        ("fresh", _freshness(found)),
        ("champion", f"{found.champion or 'none'}{age}"),
        ("canary", f"{canary.model_version} for {canary.share:.1%} of the customers" if canary else "none"),
        ("challenger", found.challenger or "none"),
        ("drift", _with_not_run(found, found.drift or "not looked at")),
        ("still good", found.verdict.sentence),
        ("alerts", f"{len(found.alerts)} hold now, {found.undelivered} wait for a channel"),
        ("failed runs", "not known" if failed is None else f"{len(failed)} in seven days"),
    ]


def _freshness(found: "Status") -> str:
    if found.fresh_until is None:
        return "no"
    until = f"{found.fresh_until:%Y-%m-%d %H:%M %Z}"
    return f"yes, until {until}" if found.fresh else f"no, they were until {until}"


def _audit(found: "Status") -> str:
    if found.night is None or found.night.audited is None:
        return _with_not_run(found, "not known")
    told = "; ".join(found.night.beyond) or f"in order, all {found.night.audited} figures lie within their bounds"
    return _with_not_run(found, told)


def _with_not_run(found: "Status", told: str) -> str:
    """What checks said of the newest scores, and that a later night's were not run, where one failed."""
    return f"{told}; {found.not_run}" if found.not_run else told
