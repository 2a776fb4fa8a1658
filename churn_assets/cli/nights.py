"""Commands about nights: write a sample, run the chain, see it work."""

import datetime as dt
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_assets.cli import output
from churn_assets.cli.context import load_settings, open_launcher, open_scores
from churn_assets.cli.options import Date, First, Json, as_date, day_option, required_reason
from churn_assets.core.errors import InputError

if TYPE_CHECKING:
    from churn_assets.launch.launcher import Launcher

__all__ = ["commands"]

SHOWN = (
    "snapshot_date",
    "raw",
    "valid",
    "quarantined",
    "scored",
    "high_risk",
    "mean_probability",
    "model_version",
    "seconds",
)
commands = typer.Typer()


@commands.command()
def sample(
    customers: Annotated[int, typer.Option(min=1, help="Customers on a day, about.")] = 6000,
    days: Annotated[int, typer.Option(min=1, help="Daily snapshots.")] = 150,
    until: Annotated[
        datetime | None, day_option("--until", text="The last day; yesterday where none is given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same customers.")] = 7,
) -> None:
    """Write daily snapshots of a simulated subscription business to the source."""
    from churn_assets.samples.writer import write_sample

    settings = load_settings()
    with output.progress("simulating customers"):
        first, last = write_sample(settings, customers, days, as_date(until), seed)
    output.print_note(f"wrote {days} daily snapshots of about {customers:,} customers, {first} to {last}")


@commands.command()
def run(
    date: Date = None,
    first: First = None,
    last: Annotated[datetime | None, day_option("--to", text="The last of a range of days.")] = None,
    accept_shift: Annotated[
        bool, typer.Option("--accept-shift", help="Publish scores that lie beyond the audit's bounds; say why.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why a shift is accepted; it is kept in the record.")] = "",
    no_publish: Annotated[bool, typer.Option("--no-publish", help="Stop after the audit: no reader sees it.")] = False,
    json: Json = False,
) -> None:
    """Run the nightly chain for a day or a range of days, the source's latest where none is given."""
    if accept_shift:
        required_reason(reason)
    elif reason:
        raise InputError("--reason says why a shift is accepted: give it with --accept-shift")
    launcher = open_launcher(load_settings())
    days = launcher.days(as_date(date), as_date(first), as_date(last))
    _run_nights(launcher, days, json=json, accept_shift=reason, publish=not no_publish)


@commands.command()
def quickstart() -> None:
    """See it work: a sample where the source is empty, forty nights, a second model that takes over."""
    from churn_assets.launch.quickstart import FirstNights, run_first_nights

    settings = load_settings()
    launcher = open_launcher(settings)
    if launcher.chain.source.dated and not launcher.chain.source.days():
        sample()
    nights: list[dict[str, Any]] = []

    def run_night(day: dt.date) -> None:
        nights.append(_run_night(launcher, day))

    try:
        with output.progress("the nightly chain"):
            run_first_nights(launcher, run_night, output.print_note, FirstNights())
    finally:
        _show(nights)
    customer = open_scores(settings).riskiest(launcher.latest())
    output.print_note(
        "Next (docs/first-morning.md goes through it with pictures):\n"
        "  .venv/bin/churn-assets status                      how things stand: last night, model, drift, alerts\n"
        "  .venv/bin/churn-assets report                      last night: how many are at high risk, is it in order\n"
        "  .venv/bin/churn-assets performance                 is the model still good\n"
        f"  .venv/bin/churn-assets scores show {customer:<14}  what the app reads of a customer\n"
        "  make ui                                            the chain in Dagster, http://127.0.0.1:3000\n"
        "  make serve                                         the page of the retention team, http://127.0.0.1:8000"
    )


def _run_nights(
    launcher: "Launcher", days: list[dt.date], *, json: bool = False, accept_shift: str = "", publish: bool = True
) -> None:
    nights: list[dict[str, Any]] = []
    try:
        with output.progress("the nightly chain"):
            if not publish and not launcher.chain.registry.has_champion():
                raise InputError("there is no champion to try: `churn-assets run` without --no-publish promotes one")
            if not launcher.chain.registry.has_champion():
                output.print_note(f"no champion yet: training the first model as of {days[0]}")
                output.print_note(f"model {launcher.first_champion(days[0])} is champion")
            nights.extend(_run_night(launcher, day, accept_shift, publish=publish) for day in days)
    finally:
        if json:
            output.print_json(nights)
        else:
            _show(nights)


def _run_night(launcher: "Launcher", day: dt.date, accept_shift: str = "", *, publish: bool = True) -> dict[str, Any]:
    night = asdict(launcher.night(day, accept_shift=accept_shift, publish=publish))
    done = "scored" if publish else "scored and audited, not published,"
    listed = "" if night["excluded"] is None else f", {night['excluded']:,} on the do-not-score list"
    output.print_note(f"{day}: {night['scored']:,} customers {done}{listed} in {night['seconds']:.1f} s")
    if publish and not night["changed"]:
        output.print_note(f"{day}: nothing new was published, these scores were in force already")
    return night


def _show(nights: list[dict[str, Any]]) -> None:
    if nights:
        shown = [{name: night[name] for name in SHOWN} for night in nights]
        output.print_table("Nights", list(shown[0]), [list(night.values()) for night in shown])
