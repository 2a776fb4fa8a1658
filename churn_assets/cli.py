"""The command line: thin commands over the chain. Heavy imports wait until a command needs them."""

import datetime as dt
import getpass
import os
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_assets import present
from churn_assets.core.errors import ChurnError, InputError
from churn_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    from churn_assets.launch import Launcher
    from churn_assets.storage.registry import Registry
    from churn_assets.storage.scores import PublishedScores

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Nightly churn scores as versioned tables."
)
scores = typer.Typer(no_args_is_help=True, help="What the app reads, and every version of it.")
app.add_typer(scores, name="scores")


def _day(*names: str, text: str = "") -> Any:
    return typer.Option(*names, formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help=text)


Date = Annotated[datetime | None, _day("--date", text="A snapshot date.")]
First = Annotated[datetime | None, _day("--from", text="The first of a range of days.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the record.")]

QUICKSTART_DAYS = 7


def main() -> None:
    """Run the command line; every failure is one sentence and an exit code: 2 nothing started, 1 it failed."""
    try:
        app()
    except ChurnError as error:
        present.complain(str(error))
        sys.exit(2 if isinstance(error, InputError) else 1)
    except KeyboardInterrupt:
        present.complain("interrupted; what had been published stays")
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  # a broken disk or file: one sentence, as for every failure
        told = str(error).splitlines()[0] if str(error) else "no message"
        present.complain(f"{type(error).__name__}: {told}; uid {os.getuid()} was at work, see that it may and can")
        sys.exit(1)


@app.command()
def sample(
    customers: Annotated[int, typer.Option(min=1, help="Customers on a day, about.")] = 6000,
    days: Annotated[int, typer.Option(min=1, help="Daily snapshots.")] = 150,
    until: Annotated[datetime | None, _day("--until", text="The last day; yesterday where none is given.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same customers.")] = 7,
) -> None:
    """Write daily snapshots of a simulated subscription business to the source."""
    from churn_assets.samples import write_sample

    settings = load_settings()
    with present.progress("simulating customers"):
        first, last = write_sample(settings, customers, days, _date(until), seed)
    present.note(f"wrote {days} daily snapshots of about {customers:,} customers, {first} to {last}")


@app.command()
def run(
    date: Date = None,
    first: First = None,
    last: Annotated[datetime | None, _day("--to", text="The last of a range of days.")] = None,
    json: Json = False,
) -> None:
    """Run the nightly chain for a day or a range of days, the source's latest where none is given."""
    launcher = _launcher(load_settings())
    _run_nights(launcher, launcher.days(_date(date), _date(first), _date(last)), json=json)


@app.command()
def quickstart() -> None:
    """See it work: a sample where the source is empty, a first model, and the last seven nights."""
    settings = load_settings()
    launcher = _launcher(settings)
    if launcher.chain.source.dated and not launcher.chain.source.days():
        sample()
    latest = launcher.latest()
    held = set(launcher.chain.source.days())
    week = [latest - dt.timedelta(days=back) for back in reversed(range(QUICKSTART_DAYS))]
    _run_nights(launcher, [day for day in week if day in held and day >= settings.start_date], json=False)
    customer = _published(settings).riskiest(latest)
    present.note(
        "Next:\n"
        "  make ui                                            see it all at http://127.0.0.1:3000\n"
        f"  .venv/bin/churn-assets scores show {customer:<14}  what the app reads of a customer\n"
        "  .venv/bin/churn-assets train                       a newer model; `models` and `promote` come after it"
    )


@app.command()
def train(
    as_of: Annotated[datetime | None, _day("--as-of", text="Only what was known at its end is learnt from.")] = None,
    json: Json = False,
) -> None:
    """Train a model version as of a day, the source's latest where none is given, and judge it by a backtest."""
    settings = load_settings()
    launcher = _launcher(settings)
    day = _date(as_of) or launcher.latest()
    launcher.check_day(day)
    with present.progress(f"training as of {day}"):
        told = launcher.train(day, promote_first=False)
    _show_models(settings, json=json, only=told["model_version"])
    if not told["created"]:
        present.note("it was there already: the same data, code and settings give the same version")
    if published := told.get("published_roc_auc"):
        present.note(f"the scores that were published on {told['backtest_date']} reach ROC-AUC {published:.4f} there")


@app.command()
def models(json: Json = False) -> None:
    """List every model version: trained as of, rows, metrics, status."""
    _show_models(load_settings(), json=json)


@app.command()
def promote(
    version: str,
    reason: Reason,
    force: Annotated[bool, typer.Option("--force", help="Also when it missed its gates.")] = False,
    json: Json = False,
) -> None:
    """Make a model version champion: its scores are published from the next run on."""
    settings = load_settings()
    promotion = _registry(settings).promote(version, actor=_person(), reason=_said(reason), force=force) or {}
    _announce(settings, "champion", None, {"model_version": version, "actor": _person(), "reason": reason})
    if json:
        present.print_json(promotion)
    else:
        before = promotion["from_version"]
        present.note(f"{version} is champion" + (f"; it was {before}" if before else ", the first"))


@scores.command("show")
def show(customer: str, date: Date = None, json: Json = False) -> None:
    """Show one customer's score as the app would read it."""
    row = _published(load_settings()).show(customer, _date(date))
    if json:
        present.print_json(row)
    else:
        present.print_table("Score", ["", ""], list(row.items()))


@scores.command("history")
def history(date: Annotated[datetime, _day("--date", text="A snapshot date.")], json: Json = False) -> None:
    """List every version of a day's scores, newest first."""
    rows = _published(load_settings()).history(date.date())
    if json:
        present.print_json(rows)
    else:
        present.print_table(f"Scores of {date.date()}", list(rows[0]), [list(row.values()) for row in rows])


@scores.command("export")
def export(file: Path, date: Date = None) -> None:
    """Write a day's scores to a plain Parquet or CSV file."""
    rows = _published(load_settings()).export(_date(date), file)
    present.note(f"wrote {rows:,} scores to {file}")


@app.command()
def rollback(
    reason: Reason,
    date: Date = None,
    first: First = None,
    last: Annotated[datetime | None, _day("--to-date", text="The last of a range of days.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="A score version; else the one before the current.")] = None,
    json: Json = False,
) -> None:
    """Make the version before the current one current again, at once; again to go further back."""
    settings = load_settings()
    table = _published(settings)
    days = table.days(_date(date), _date(first), _date(last))

    def report(each: dict[str, Any]) -> None:
        told = {"kind": "rollback", "version": each["to"], "previous_version": each["from"], "reason": reason}
        told |= {"actor": _person(), "model_version": each["model_version"]}
        told |= {"dagster/partition_row_count": each["rows"]}
        _announce(settings, "churn_scores", each["snapshot_date"].isoformat(), told)

    moved = table.rollback(days, to, _person(), _said(reason), report)
    if json:
        present.print_json(moved[0] if date else moved)
    else:
        present.print_table("Rolled back", list(moved[0]), [list(each.values()) for each in moved])


@app.command()
def trace(
    customer: str,
    date: Date = None,
    version: Annotated[str | None, typer.Option("--version", help="A score version; else the current one.")] = None,
    json: Json = False,
) -> None:
    """Tell what a score was made of: model, features, valid and raw row, versions, source files, code."""
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.trace import trace_score

    told = trace_score(Layout(load_settings().data_dir), customer, _date(date), version)
    if json:
        present.print_json(told)
    else:
        inputs = told["model"].pop("inputs")
        told["model"]["inputs"] = f"{len(inputs)} partition versions; --json lists them"
        present.print_tree(f"{customer}, {told['snapshot_date']}", told)


def _run_nights(launcher: "Launcher", days: list[dt.date], *, json: bool) -> None:
    nights = []
    try:
        with present.progress("the nightly chain"):
            if not launcher.chain.registry.has_champion():
                present.note(f"no champion yet: training the first model as of {days[0]}")
                told = launcher.train(days[0], promote_first=True)
                present.note(f"model {told['model_version']}: ROC-AUC {told['roc_auc']:.3f} in its backtest")
            for day in days:
                nights.append(asdict(launcher.night(day)))
                present.note(f"{day}: {nights[-1]['scored']:,} customers scored in {nights[-1]['seconds']:.1f} s")
    finally:
        if json:
            present.print_json(nights)
        elif nights:
            shown = [{name: value for name, value in night.items() if name != "score_version"} for night in nights]
            present.print_table("Nights", list(shown[0]), [list(night.values()) for night in shown])


def _show_models(settings: Settings, *, json: bool, only: str | None = None) -> None:
    rows = [each.row() for each in _registry(settings).registered()]
    rows = [row for row in rows if only in {None, row["model_version"]}]
    if json:
        present.print_json(rows[0] if only else rows)
    elif rows:
        present.print_table(
            "Models", [name.replace("_", " ") for name in rows[0]], [list(row.values()) for row in rows]
        )
    else:
        present.note("no model yet; `churn-assets run` trains the first one")


def _launcher(settings: Settings) -> "Launcher":
    with present.progress("loading"):
        from churn_assets.launch import Launcher

        return Launcher(settings, _person())


def _registry(settings: Settings) -> "Registry":
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.registry import Registry

    return Registry(Layout(settings.data_dir), settings.gates)


def _published(settings: Settings) -> "PublishedScores":
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.scores import PublishedScores

    return PublishedScores(Layout(settings.data_dir))


def _announce(settings: Settings, asset: str, partition: str | None, metadata: dict[str, Any]) -> None:
    from churn_assets.launch import announce

    if trouble := announce(settings, asset, partition, metadata):
        present.note(f"warning: done, but Dagster's storage could not be reached ({trouble}): its UI does not show it")


def _said(reason: str) -> str:
    if not reason.strip():
        raise InputError("--reason is empty: say why, for whoever reads the record")
    return reason


def _date(given: datetime | None) -> dt.date | None:
    return given.date() if given else None


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"
