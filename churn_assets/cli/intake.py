"""Commands about how a business's customers look: draft a profile, try it without publishing, move tables to it."""

import datetime as dt
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_assets.cli import output
from churn_assets.cli.context import current_user, load_settings
from churn_assets.cli.options import Date, Json, as_date, required_reason
from churn_assets.core.errors import InputError, SourceMissing

if TYPE_CHECKING:
    from churn_assets.core.intake.columns import Column
    from churn_assets.pipeline.chain import Chain
    from churn_assets.pipeline.intake.dry_run import DryRun
    from churn_assets.pipeline.intake.proposal import Proposal

__all__ = ["commands"]

commands = typer.Typer()


@commands.command()
def init(
    file: Annotated[str, typer.Argument(metavar="FILE_OR_TEMPLATE", help="An export, a folder, or a template.")],
    key: Annotated[str | None, typer.Option("--id", help="The column that is the key.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="The column that says who has left.")] = None,
    gone_after: Annotated[
        int | None, typer.Option("--gone-after", min=1, help="Days after which a customer counts as left.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Of the profile's module; else after the file.")] = None,
) -> None:
    """Write a profile and a config.yaml for the customers of an export; no file is ever overwritten."""
    from churn_assets.pipeline.intake.proposal import Wishes, propose

    if label and gone_after:
        raise InputError("--label is a column that says who has left, --gone-after a rule instead: give one of them")
    folder = Path.cwd()
    if name is not None and not name.isidentifier():
        raise InputError(f"--name {name}: a module's name is made of letters, digits and _, such as acme")
    with output.progress("looking at the export"):
        proposal = propose(file, Wishes(key, label, gone_after, name), folder, dt.datetime.now(dt.UTC).date())
    module, configuration = folder / f"{proposal.name}.py", folder / "config.yaml"
    if there := [path.name for path in (module, configuration) if path.exists()]:
        raise InputError(f"{' and '.join(there)} is there already: nothing was written; begin in another folder")
    if importlib.util.find_spec(proposal.name) is not None:
        raise InputError(f"a module {proposal.name} is installed already: give the profile another name, by --name")
    for path, text in ((module, proposal.module), (configuration, proposal.configuration)):
        with path.open("x", encoding="utf-8") as written:
            written.write(text)
    _print(proposal)


def _print(proposal: "Proposal") -> None:
    rows = [
        [each.column.source.strip(), each.column.name, each.role, _met(each.column), each.why or each.doubt]
        for each in proposal.draft.decisions
    ]
    output.print_table(f"Profile {proposal.name}", ["column", "named", "taken for", "met", "because"], rows)
    for doubt in proposal.doubts:
        output.print_note(f"doubt: {doubt}")
    date = "" if proposal.is_dated else f" --date {proposal.day}"
    output.print_note(f"wrote {proposal.name}.py and config.yaml; read the profile, then: churn-assets check{date}")


def _met(column: "Column") -> str:
    """What was met in a column, in a few words."""
    empty = f", {column.missing:,} empty" if column.missing else ""
    if column.kind == "text":
        return f"{column.distinct:,} words{empty}"
    if column.kind in {"other", "truth"}:
        return f"{'true or false' if column.kind == 'truth' else column.cells.type}{empty}"
    low, high = (_short(end) for end in column.ends)
    return f"{low} to {high}{empty}"


def _short(end: Any) -> str:
    return f"{end:%Y-%m-%d}" if isinstance(end, dt.datetime) else f"{end:g}" if isinstance(end, float) else str(end)


@commands.command()
def check(date: Date = None, json: Json = False) -> None:
    """Try source and profile on a day, and tell what a night would meet; nothing is published."""
    from dataclasses import asdict

    from churn_assets.composition import build_chain
    from churn_assets.pipeline.intake.dry_run import dry_run

    chain = build_chain(load_settings())
    day = _day_to_try(chain, as_date(date))
    with output.progress(f"trying {day}"):
        found = dry_run(chain, day)
    if json:
        output.print_json(asdict(found))
    else:
        _show(found)
    for problem in found.problems:
        output.print_error(problem)
    if found.problems:
        raise typer.Exit(1)
    output.print_note(f"nothing stands in the way; next: churn-assets run --date {day}")


@commands.command()
def migrate(
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the record.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    json: Json = False,
) -> None:
    """Move the tables to the columns of a profile that has changed: one commit a table; again after a kill."""
    from churn_assets.composition import build_chain
    from churn_assets.pipeline.chain import RunContext
    from churn_assets.pipeline.migrate import migrate_tables, plan_migration

    if not dry_run:
        required_reason(reason)
    chain = build_chain(load_settings())
    with output.progress("moving the tables"):
        if dry_run:
            found = plan_migration(chain)
        else:
            found = migrate_tables(chain, RunContext(current_user(), reason=reason, code_revision=chain.code_revision))
    rows = [each.row() for each in found]
    if json:
        output.print_json(rows)
    elif rows:
        _show_migration(rows)
    if not found:
        output.print_note("every table has the columns of the profile")
    elif dry_run:
        output.print_note("nothing was changed; next: churn-assets migrate --reason TEXT")


def _show_migration(rows: list[dict[str, Any]]) -> None:
    """The tables with their changes, in words."""
    shown = [
        [
            row["table"],
            ", ".join(row["added"]),
            ", ".join(row["dropped"]),
            ", ".join(f"{each['column']} ({each['from']} to {each['to']})" for each in row["retyped"]),
            row["days"],
            row["written_anew"],
        ]
        for row in rows
    ]
    output.print_table("Tables", ["table", "added", "dropped", "retyped", "days", "written anew"], shown)


def _day_to_try(chain: "Chain", asked: dt.date | None) -> dt.date:
    """The day that was asked for, else the newest of the source.

    Raises:
        InputError: it lies before the first partition; an export without a date says no day itself.
        SourceMissing: the source holds no day.
    """
    from churn_assets.storage.source.files import UNDATED

    if asked is None and not chain.source.dated:
        raise InputError(UNDATED)
    days = [] if asked else chain.source.days()
    if asked is None and not days:
        raise SourceMissing(f"the source is empty at {chain.source.template}; export customers there, or correct it")
    day = asked or days[-1]
    if day < chain.start_date:
        raise InputError(f"{day} lies before start_date {chain.start_date}: set start_date to {day} or earlier")
    return day


def _show(found: "DryRun") -> None:
    """The findings as tables."""
    titled = {
        "Columns": found.columns,
        "Would be quarantined": found.faults,
        "Features": found.features,
        "Label": found.label_rate,
        "Strongest": [{**each, "features": " and ".join(each["features"])} for each in found.leaks],
    }
    for title, rows in titled.items():
        if rows:
            output.print_table(title, list(rows[0]), [list(row.values()) for row in rows])
    history = found.history
    lacking = f", {len(history['lacking'])} days of the window lack" if history["lacking"] else ""
    output.print_text(
        f"{found.snapshot_date}: {found.rows:,} rows, {found.looked_at:,} looked at, {found.quarantined:,} would be "
        f"quarantined; {_days(len(history['usable']))} to learn from{lacking}; a night takes about "
        f"{found.night['seconds']:.0f} s to its features and {found.night['bytes'] / 2**20:,.1f} MiB"
    )


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"
