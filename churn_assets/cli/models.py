"""Commands about models: train one, list them, make one champion; bring one in, take one away."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_assets.cli import output
from churn_assets.cli.context import (
    announce,
    announce_champion,
    current_user,
    describe_emptiness,
    load_settings,
    open_launcher,
    open_registry,
)
from churn_assets.cli.options import Json, Reason, as_date, day_option, local_path, required_reason
from churn_assets.core.errors import ChurnError, InputError, ModelFault, UnknownVersion

if TYPE_CHECKING:
    from churn_assets.pipeline.training.train import TrainResult
    from churn_assets.storage.models.registry import Registry

__all__ = ["commands"]

SHOWN = {
    "model": "model_version",
    "trained": "trained_as_of",
    "judged": "backtest_date",
    "status": "status",
    "share": "canary_share",
    "rows": "train_rows",
    "tested": "holdout_rows",
    "AUC": "roc_auc",
    "AP": "average_precision",
    "Brier": "brier",
}
NO_MODEL = "no model yet; `churn-assets run` trains the first one"
commands = typer.Typer()
listed = typer.Typer(invoke_without_command=True)
commands.add_typer(listed, name="models")


@commands.command()
def train(
    as_of: Annotated[
        datetime | None, day_option("--as-of", text="Only what was known at its end is learnt from.")
    ] = None,
    json: Json = False,
) -> None:
    """Train a model version as of a day, the source's latest where none is given, and judge it by a backtest."""
    settings = load_settings()
    launcher = open_launcher(settings)
    day = as_date(as_of) or launcher.latest()
    launcher.check_day(day)
    with output.progress(f"training as of {day}"):
        trained = launcher.train(day)
    from churn_assets.core.models.card_markdown import leaderboard

    card, registry = trained.card, open_registry(settings)
    [row] = [each.row() for each in registry.registered() if each.card.model_version == card.model_version]
    if json:
        board = [each.model_dump(mode="json") for each in card.leaderboard]
        gates = [gate.model_dump() for gate in trained.gates]
        output.print_json(row | {"created": trained.created, "gates": gates, "leaderboard": board})
        return
    if card.leaderboard:
        output.print_table(f"Candidates, {card.selection}", *leaderboard(card))
    _show_models([row])
    if trained.fallback:
        output.print_note(f"warning: no model could be trained, these are the profile's rules: {trained.fallback}")
    if not trained.created:
        output.print_note("it was there already: the same data, code and settings give the same version")
    if published := trained.published_roc_auc:
        output.print_note(f"the scores that were published on {card.backtest_date} reach ROC-AUC {published:.4f} there")
    output.print_note(_next_step(trained, row["status"]))


@listed.callback()
def list_models(
    context: typer.Context,
    live_on: Annotated[
        datetime | None, day_option("--live-on", text="Only the model that was champion at the end of that day.")
    ] = None,
    card: Annotated[
        str | None, typer.Option("--card", help="Print the card of this model version, in Markdown.")
    ] = None,
    json: Json = False,
) -> None:
    """List every model version: trained as of, rows, metrics, status; import, export and sign one."""
    if context.invoked_subcommand:
        return
    settings = load_settings()
    if isinstance(settings.data_dir, Path) and not settings.data_dir.is_dir():
        raise UnknownVersion(NO_MODEL)
    registry = open_registry(settings)
    if card is not None:
        _show_card(registry, card, json=json)
        return
    rows, faults = _registered(registry)
    for fault in faults:
        output.print_note(f"warning: {fault}")
    if live_on is not None:
        promotion = registry.live_on(live_on.date(), settings.timezone)
        record = {name: promotion[name] for name in ("promoted_at", "actor", "reason", "forced")}
        live = [row | record for row in rows if row["model_version"] == promotion["to_version"]]
        rows = live or [{"model_version": promotion["to_version"], "status": "gone", **record}]
    if json:
        output.print_json(rows)
    elif live_on is not None:
        names = ("model_version", "trained_as_of", "status", "promoted_at", "actor", "reason")
        shown = [str(rows[0].get(name, "")) for name in names]
        output.print_table(f"Live on {live_on.date()}", ["", ""], list(zip(names, shown, strict=True)))
    elif rows:
        _show_models(rows)
    elif not faults:
        output.print_note(f"{NO_MODEL}{describe_emptiness()}")


@commands.command()
def promote(
    version: str,
    reason: Reason,
    force: Annotated[bool, typer.Option("--force", help="Also when it missed its gates.")] = False,
    json: Json = False,
) -> None:
    """Make a model version champion: its scores are published from the next run on."""
    settings = load_settings()
    registry = open_registry(settings)
    promotion = registry.promote(version, actor=current_user(), reason=required_reason(reason), force=force) or {}
    announce_champion(settings, registry)
    if json:
        output.print_json(promotion)
    else:
        before = promotion["from_version"]
        output.print_note(f"{version} is champion" + (f"; it was {before}" if before else ", the first"))


@commands.command()
def canary(
    version: Annotated[str | None, typer.Argument(help="The model version that scores a share.")] = None,
    share: Annotated[float, typer.Option("--share", min=0.0, max=1.0, help="Share of the customers.")] = 0.05,
    off: Annotated[bool, typer.Option("--off", help="The champion scores everybody again.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the record.")] = "",
    json: Json = False,
) -> None:
    """Let a model version score a share of the customers in the published table, from the next run on."""
    from churn_assets.storage.models.registry import Canary

    if off == (version is not None):
        raise InputError("give either the VERSION of a model, or --off")
    if not off and not 0 < share < 1:
        raise InputError(f"--share is {share:g}; it lies between 0 and 1: promote a model that is to score everybody")
    settings = load_settings()
    registry = open_registry(settings)
    wanted = None if version is None else Canary(version, share)
    record = registry.set_canary(wanted, actor=current_user(), reason=required_reason(reason)) or {}
    announce_champion(settings, registry)
    if json:
        output.print_json(record)
    elif wanted is None:
        output.print_note("the canary is off: the champion scores everybody")
    else:
        output.print_note(f"{version} scores {share:.1%} of the customers from the next run on")


def _show_card(registry: "Registry", version: str, *, json: bool) -> None:
    if json:
        output.print_json(registry.models.card(version).model_dump(mode="json"))
    else:
        output.print_text(registry.models.page(version))


def _registered(registry: "Registry") -> tuple[list[dict[str, Any]], list[ChurnError]]:
    """The line of each model version, and what is wrong with those that have none."""
    faults: list[ChurnError] = []
    rows = [each.row() for each in registry.registered(faults)]
    if registry.has_champion() and (champion := registry.champion()) not in registry.models.versions():
        gone = f"model {champion} is champion, and its folder below {registry.models.folder} is gone"
        faults.append(ModelFault(f"{gone}: restore it from a backup, or promote another version"))
    return rows, faults


@listed.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A joblib or pickle file, or an MLflow model folder.")],
    trained_as_of: Annotated[
        datetime,
        day_option("--trained-as-of", text="Nothing that became known later was learnt from."),
    ],
    reason: Reason,
    trust: Annotated[
        bool, typer.Option("--trust", help="Open a pickle, which RUNS THE CODE that its maker put into it.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring a model that was made elsewhere: checked, judged on the backtest's day, and left a challenger."""
    from churn_assets.composition import build_chain
    from churn_assets.pipeline.chain import RunContext
    from churn_assets.pipeline.training.import_model import import_model
    from churn_assets.storage.models.foreign import open_foreign

    settings = load_settings()
    why = required_reason(reason)
    with output.progress(f"importing {file.name}"):
        chain = build_chain(settings)
        if trust:
            output.print_note(f"warning: opening {file} runs the code that its maker put into it, with your rights")
        foreign = open_foreign(local_path(file), trust=trust)
        run = RunContext(current_user(), reason=why, code_revision=chain.code_revision)
        made = import_model(chain, foreign, trained_as_of.date(), why, run)
    card = made.card
    [row] = [each.row() for each in chain.registry.registered() if each.card.model_version == card.model_version]
    if made.created:
        metadata = {"model_version": card.model_version, "imported": file.name, "reason": why, "missed": made.missed}
        announce(settings, "churn_model", card.trained_as_of.isoformat(), metadata)
    if json:
        gates = [gate.model_dump() for gate in made.gates]
        output.print_json(row | {"created": made.created, "gates": gates, "kernel": card.kernel})
        return
    _show_models([row])
    if unused := [name for name in chain.profile.feature_columns if name not in card.feature_columns]:
        output.print_note(f"it does not look at {', '.join(unused)}")
    if not made.created:
        output.print_note("it was there already: the same file, data, code and settings give the same version")
    output.print_note(
        f"judged on {card.backtest_date}; `churn-assets promote {card.model_version} --reason TEXT` makes it champion"
    )


@listed.command("export")
def export(
    version: str,
    folder: Annotated[Path, typer.Argument(help="Where the MLflow model folder is written; it must not exist.")],
) -> None:
    """Write a model version as an MLflow model folder, which `mlflow.pyfunc.load_model` opens."""
    from churn_assets.profiles.loading import load_profile
    from churn_assets.settings import configuration_folder
    from churn_assets.storage.models.export import export_mlflow

    settings = load_settings()
    profile = load_profile(settings.profile, configuration_folder())
    export_mlflow(open_registry(settings).models, version, profile, local_path(folder))
    output.print_note(f"wrote {version} to {folder}: mlflow.pyfunc.load_model({str(folder)!r})")


@listed.command("sign")
def sign(version: str) -> None:
    """Sign a model that is there with the key in force: one from before the key, or of a key that is given up."""
    card = open_registry(load_settings()).models.sign(version)
    output.print_note(f"{version}, trained as of {card.trained_as_of}, is signed: you vouch for what its folder holds")


def _next_step(trained: "TrainResult", status: str) -> str:
    """What the gates said, and what makes the model serve."""
    version, missed, asked = trained.card.model_version, len(trained.missed), len(trained.gates)
    if missed:
        return (
            f"{missed} of {asked} gates were missed, so that it scores nobody: `churn-assets models --card {version}` "
            f"says more, `churn-assets promote {version} --force --reason TEXT` promotes it all the same"
        )
    if status == "champion":
        return f"all {asked} gates were passed: it is the champion already"
    return (
        f"all {asked} gates were passed; `churn-assets promote {version} --reason TEXT` makes it champion, "
        f"`churn-assets canary {version} --share 0.05 --reason TEXT` lets it score a share of the customers first"
    )


def _show_models(rows: list[dict[str, Any]]) -> None:
    """The lines of model versions, and the gates that they missed."""
    names = {
        heading: name for heading, name in SHOWN.items() if name != "canary_share" or any(row[name] for row in rows)
    }
    output.print_table("Models", list(names), [[row[name] for name in names.values()] for row in rows])
    for row in rows:
        for finding in row.get("missed", []):
            output.print_note(f"{row['model_version']} missed: {finding}")
