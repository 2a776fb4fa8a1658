"""Commands about published scores: read and serve them, make an earlier version current again, trace one."""

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_assets.cli import output
from churn_assets.cli.context import announce, current_user, load_settings, open_registry, open_scores
from churn_assets.cli.options import (
    Customer,
    Date,
    First,
    Json,
    Reason,
    as_date,
    day_option,
    local_path,
    required_reason,
)
from churn_assets.core.errors import ChurnError, InputError, RunError, SettingsError

if TYPE_CHECKING:
    from churn_assets.settings import Settings
    from churn_assets.storage.scores.published import PublishedScores

__all__ = ["commands", "days_to_roll_back"]

NONE_MADE = "no reasons were made of these scores"

commands = typer.Typer()
scores = typer.Typer(no_args_is_help=True, help="What the app reads, and every version of it.")
commands.add_typer(scores, name="scores")


@scores.command("show")
def show(
    customer: Customer,
    date: Date = None,
    reasons: Annotated[bool, typer.Option("--reasons", help="Tell why, too.")] = False,
    json: Json = False,
) -> None:
    """Show one customer's score as the app would read it."""
    row = open_scores(load_settings()).show(customer, as_date(date), reasons=reasons)
    if json:
        output.print_json(row)
        return
    told, expired = row.pop("reasons", None), row.pop("reasons_expired", None)
    output.print_table("Score", ["", ""], list(row.items()))
    if told:
        names = ("rank", "family", "contribution", "sentence")
        output.print_table("Reasons, in log-odds", names, [[each[name] for name in names] for each in told])
    elif reasons:
        output.print_note(_absence(told, expired))


def _absence(told: list[object] | None, expired: datetime | None) -> str:
    """Why a score has no reasons."""
    if told is not None:
        return "this customer is not explained: reasons.customers says who is"
    return f"the reasons of these scores expired on {expired:%Y-%m-%d}" if expired else NONE_MADE


@scores.command("history")
def history(date: Annotated[datetime, day_option("--date", text="A snapshot date.")], json: Json = False) -> None:
    """List every version of a day's scores, newest first."""
    rows = open_scores(load_settings()).history(date.date())
    if json:
        output.print_json(rows)
    else:
        output.print_table(f"Scores of {date.date()}", list(rows[0]), [list(row.values()) for row in rows])


@scores.command("export")
def export(
    file: Path,
    date: Date = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="In CSV, leave texts that a spreadsheet takes for a formula as they are.")
    ] = False,
) -> None:
    """Write a day's scores to a plain Parquet or CSV file."""
    rows = open_scores(load_settings()).export(as_date(date), local_path(file), raw=raw)
    output.print_note(f"wrote {rows:,} scores to {file}")


@scores.command("diff")
def diff(
    date: Annotated[datetime, day_option("--date", text="A snapshot date.")],
    before: Annotated[
        str | None, typer.Option("--from", help="A score version; else the one before the current.")
    ] = None,
    after: Annotated[str | None, typer.Option("--to", help="A score version; else the current one.")] = None,
    json: Json = False,
) -> None:
    """Show what changed between two versions of a day's scores."""
    from churn_assets.storage.scores.diff import difference

    comparison = difference(open_scores(load_settings()), date.date(), before, after)
    if json:
        output.print_json(comparison)
    else:
        moved = comparison.pop("largest_changes")
        output.print_tree(f"Scores of {date.date()}", comparison)
        if moved:
            output.print_table("Largest changes", list(moved[0]), [list(each.values()) for each in moved])


@scores.command("sink")
def sink(
    date: Date = None,
    first: First = None,
    last: Annotated[datetime | None, day_option("--to-date", text="The last of a range of days.")] = None,
    json: Json = False,
) -> None:
    """Write published scores to the configured database again, those of the newest scored day where none is given."""
    settings = load_settings()
    table = open_scores(settings)
    days = days_to_roll_back(table, as_date(date), as_date(first), as_date(last)) if date or first or last else []
    written = list(_sunk(settings, table, days or [table.day(None).day]))
    if json:
        output.print_json(written)
    else:
        output.print_table("Scores in the sink", list(written[0]), [list(row.values()) for row in written])


@commands.command()
def rollback(
    reason: Reason,
    date: Date = None,
    first: First = None,
    last: Annotated[datetime | None, day_option("--to-date", text="The last of a range of days.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="A score version; else the one before the current.")] = None,
    json: Json = False,
) -> None:
    """Make the version before the current one current again, at once; again to go further back."""
    settings = load_settings()
    table = open_scores(settings)
    days = days_to_roll_back(table, as_date(date), as_date(first), as_date(last))

    moved: list[dict[str, Any]] = []
    scored = table.table.days()  # the same ones after it

    def report(each: dict[str, Any]) -> None:
        moved.append(each)
        _announce_rollback(settings, table, each, reason, scored)

    def follow() -> None:
        if moved and json:
            output.print_json(moved[0] if date else moved)
        elif moved:
            output.print_table("Rolled back", list(moved[0]), [list(each.values()) for each in moved])
        _let_others_follow(settings, table, moved, reason)

    try:
        table.rollback(days, to, current_user(), required_reason(reason), report)
    except BaseException:  # what was moved before it stays moved, and is told and followed; the failure is told last
        try:
            follow()
        except (ChurnError, OSError) as error:
            output.print_note(f"warning: {error}")
        raise
    follow()


def _announce_rollback(
    settings: "Settings", table: "PublishedScores", moved: dict[str, Any], reason: str, scored: list[dt.date]
) -> None:
    """Tell Dagster of a day that was taken back, and whether the newest `scored` one is fresh: no run asks for it."""
    from churn_assets.assets.monitoring.freshness import fresh_result
    from churn_assets.storage.scores.night_reports import read_night_facts

    day, rows, model = moved["snapshot_date"], moved["rows"], moved["model_version"]
    high = ""
    with suppress(ChurnError):  # a figure that cannot be read now holds up no rollback
        night = read_night_facts(table.table.folder, day, moved["to"])
        high = f", {night.tiers.get('high', 0):,} at high risk" if night else ""
    metadata = {
        "summary": f"rolled back by {current_user()} ({reason}); {rows:,} customers scored by {model}{high}",
        "kind": "rollback",
        "version": moved["to"],
        "previous_version": moved["from"],
        "reason": reason,
        "actor": current_user(),
        "model_version": model,
        "changed": True,
        "dagster/partition_row_count": rows,
    }
    now, by = dt.datetime.now(dt.UTC), settings.monitoring.fresh_by
    fresh = fresh_result(scored, now, by, settings.timezone)
    announce(settings, "churn_scores", day.isoformat(), metadata, moved["to"], [fresh])


def _let_others_follow(
    settings: "Settings", table: "PublishedScores", moved: list[dict[str, Any]], reason: str
) -> None:
    """Let what is told of the days that were `moved`, and the sink, follow; warn of a champion that does not.

    Raises:
        RunError: the sink does not; the rollback of the tables stands.
    """
    if not moved:
        return
    days = [each["snapshot_date"] for each in moved]
    _warn_of_champion(settings, {each["model_version"] for each in moved})
    _watch_again(settings, days, reason)
    if settings.sink.is_configured:
        _take_back_in_sink(settings, table, days)


def _watch_again(settings: "Settings", days: list[dt.date], reason: str) -> None:
    """Let what is told of the days' scores be of those that are in force; the rollback stands, whatever comes of it."""
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.tables.table import Table

    try:
        drift = Table(Layout.of(settings.data_dir).table("feature_drift")).days()
        if not (watched := [day for day in days if day in drift]):
            return
        from churn_assets.composition import build_chain
        from churn_assets.pipeline.chain import RunContext
        from churn_assets.pipeline.monitoring.after_rollback import watch_again

        chain = build_chain(settings)
        for day in watched:
            watch_again(chain, day, RunContext(current_user(), reason=reason, code_revision=chain.code_revision))
    except (ChurnError, OSError) as error:
        output.print_note(f"warning: drift and estimate still tell of the scores that were taken back: {error}")


def _take_back_in_sink(settings: "Settings", table: "PublishedScores", days: list[dt.date]) -> None:
    """Let the sink follow the tables.

    Raises:
        RunError: it does not; the rollback of the tables stands.
    """
    try:
        for _ in _sunk(settings, table, days):
            pass
    except ChurnError as error:
        span = f"--date {days[0]}" if len(days) == 1 else f"--from {days[0]} --to-date {days[-1]}"
        raise RunError(
            f"{error}; the tables are rolled back all the same, and `churn-assets scores sink {span}` brings the sink "
            "after them"
        ) from error


def _sunk(settings: "Settings", table: "PublishedScores", days: list[dt.date]) -> Iterator[dict[str, Any]]:
    """Write days to the sink, one after the other; what was written of each.

    Raises:
        SettingsError: none is configured, or its address cannot be used.
        SinkFault, PartitionConflict, DamagedVersion: a day was not written.
    """
    from churn_assets.composition import build_sink
    from churn_assets.pipeline.scoring.sink import sink_scores

    target = build_sink(settings)
    if target is None:
        raise SettingsError("no sink is configured: set sink.uri to the database that scores are to go to")
    for day in days:
        sunk = sink_scores(target, table.table, day)
        yield {"snapshot_date": day, "score_version": sunk.version, "rows": sunk.rows, "sink": sunk.where}


def _warn_of_champion(settings: "Settings", models: set[str]) -> None:
    """A rollback takes scores back, and not the promotion of the model that the next night is scored by."""
    try:
        champion = open_registry(settings).champion()
    except ChurnError as error:  # the rollback stands
        output.print_note(f"warning: which model is champion cannot be told: {error}")
        return
    for model in sorted(models - {champion, ""}):
        output.print_note(
            f"warning: the champion is still {champion}, and scores the next run; `churn-assets promote {model} "
            "--reason TEXT` makes the model of these scores champion"
        )


def days_to_roll_back(
    table: "PublishedScores", date: dt.date | None, first: dt.date | None, last: dt.date | None
) -> list[dt.date]:
    """The day that is named, or the scored days of a range.

    Raises:
        InputError: neither or both are given, or the range holds no scores.
    """
    if date and not (first or last):
        return [date]
    if date or not (first and last) or first > last:
        raise InputError(
            "give either --date D, or --from D --to-date D with the earlier day first (--to names a version)"
        )
    return table.days_between(first, last)


@commands.command()
def trace(
    customer: Customer,
    date: Date = None,
    version: Annotated[str | None, typer.Option("--version", help="A score version; else the current one.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Everything: the model's card, the rows at every stage, the versions.")
    ] = False,
    json: Json = False,
) -> None:
    """Tell where a score came from: why, by which model, from which row and files, published by whom."""
    from churn_assets.core.telling.story import story
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.scores.trace import trace_score

    origin = trace_score(Layout.of(load_settings().data_dir), customer, as_date(date), version)
    if json:
        output.print_json(origin)
    elif not full:
        output.print_table("", ["", ""], story(origin))
        output.print_note("--full tells everything, --json likewise to a program")
    else:
        inputs = origin["model"].pop("inputs")
        origin["model"]["inputs"] = f"{len(inputs)} partition versions; --json lists them"
        output.print_tree(f"{customer}, {origin['snapshot_date']}", origin)


@commands.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="The address; others than loopback ask for keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8000,
) -> None:
    """Let the app read scores: an HTTP service that loads no model, and follows every publish and rollback."""
    from churn_assets.app.server import serve as run

    def tell(url: str) -> None:
        output.print_text(f"{url} has the scores, {url}/monitoring the nights and the model; Ctrl+C ends it")

    run(load_settings(), host, port, tell)
