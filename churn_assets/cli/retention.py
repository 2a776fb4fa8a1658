"""Commands that remove what is stored: one customer, and what is no longer kept."""

import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from churn_assets.cli import output
from churn_assets.cli.context import current_user, describe_emptiness, load_settings
from churn_assets.cli.options import Customer, Json, Reason, required_reason
from churn_assets.core.errors import InputError

if TYPE_CHECKING:
    from churn_assets.pipeline.chain import Chain

__all__ = ["commands"]

commands = typer.Typer()
SHOWN = ("kind", "table", "count", "bytes", "kept_days")


@commands.command()
def forget(
    customer: Customer,
    reason: Reason,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell where the customer stands.")] = False,
    json: Json = False,
) -> None:
    """Erase one customer from every version of every table, lookups and models; for good."""
    from churn_assets.composition import build_chain
    from churn_assets.pipeline.chain import RunContext
    from churn_assets.pipeline.erasure import forget_customer

    if re.search(rf"(?<!\w){re.escape(customer)}(?!\w)", required_reason(reason)):
        raise InputError("--reason names the customer, and is kept for ever: give a ticket's number or the like")
    chain = build_chain(load_settings())
    if dry_run:
        _tell_whereabouts(chain, customer, json=json)
        return
    run = RunContext(current_user(), reason=reason, code_revision=chain.code_revision)
    with output.progress("looking through the tables"):
        done = forget_customer(chain, customer, run)
    if json:
        output.print_json(done.row())
    else:
        output.print_table("Rows removed", ["table", "rows"], list(done.tables.items()))
        output.print_note(f"{len(done.versions)} versions were rewritten; the record names {done.customer_hash}")
    output.print_note(
        "the source and backups are not touched: a landing leaves the customer out from now on; after a backup is "
        "restored, erase again"
    )
    if done.unfinished:
        output.print_note(
            f"warning: {done.unfinished} folders of unfinished work are younger than an hour: a run is under way, or "
            "was killed; its files go with the next `churn-assets forget`, or within a day"
        )


def _tell_whereabouts(chain: "Chain", customer: str, *, json: bool) -> None:
    from churn_assets.pipeline.erasure import locate_customer

    with output.progress("looking through the tables"):
        found = locate_customer(chain, customer)
    versions = [
        {
            "table": each.table,
            "snapshot_date": each.day,
            "version": each.version,
            "rows": sum(each.rows),
            "current": each.is_current,
        }
        for each in found.standings
    ]
    for fault in found.unreadable:
        output.print_note(f"warning: nobody can tell who is in it: {fault}")
    if json:
        named = chain.erasures.hash_of(customer)
        output.print_json({"customer_hash": named, "tables": found.tables, "versions": versions})
    elif found.tables:
        in_versions = Counter(each.table for each in found.standings)
        rows = [[table, count, in_versions.get(table, "")] for table, count in found.tables.items()]
        output.print_table("Where the customer stands", ["table", "rows", "versions"], rows)
        output.print_note("nothing was removed; --json names each version. The source was not looked at, and stays")
    elif not found.unreadable:
        output.print_note("the customer is in no table, lookup, model or sink; the source was not looked at")


@commands.command()
def expire(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False, json: Json = False
) -> None:
    """Remove what the configuration no longer keeps, and what killed writers left; never what is current."""
    from churn_assets.launch.retention import expire_old

    with output.progress("looking at what is stored"):
        expired, since = expire_old(load_settings(), current_user(), dry_run=dry_run)
    rows = [each.row() for each in expired]
    size = sum(row["bytes"] for row in rows)
    if json:
        output.print_json({"dry_run": dry_run, "bytes": size, "running_since": since, "expired": rows})
        return
    if rows:
        title = "Would go" if dry_run else "Expired"
        output.print_table(title, SHOWN, [[row[name] for name in SHOWN] for row in rows])
    told = "would be freed" if dry_run else "were freed"
    output.print_text(f"{size / 2**20:,.1f} MiB {told}{describe_emptiness()}")
    if since is not None:
        output.print_note(
            f"a run has been in progress since {since:%Y-%m-%d %H:%M} UTC: what it may read stays, and models and "
            "quarantined rows wait for its end"
        )
