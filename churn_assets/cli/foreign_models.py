"""Models that are brought in and taken away: `models import` and `models export`. The list itself is in `models`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from churn_assets.cli import output
from churn_assets.cli.context import announce, current_user, load_settings, open_registry
from churn_assets.cli.options import Json, Reason, day_option, required_reason

__all__ = ["commands", "show_models"]

commands = typer.Typer(invoke_without_command=True)


@commands.command("import")
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
        foreign = open_foreign(file, trust=trust)
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
    show_models([row])
    if unused := [name for name in chain.profile.feature_columns if name not in card.feature_columns]:
        output.print_note(f"it does not look at {', '.join(unused)}")
    if not made.created:
        output.print_note("it was there already: the same file, data, code and settings give the same version")
    output.print_note(
        f"judged on {card.backtest_date}; `churn-assets promote {card.model_version} --reason TEXT` makes it champion"
    )


@commands.command("export")
def export(
    version: str,
    folder: Annotated[Path, typer.Argument(help="Where the MLflow model folder is written; it must not exist.")],
) -> None:
    """Write a model version as an MLflow model folder, which `mlflow.pyfunc.load_model` opens."""
    from churn_assets.profiles.loading import load_profile
    from churn_assets.storage.models.export import export_mlflow

    settings = load_settings()
    export_mlflow(open_registry(settings).models, version, load_profile(settings.profile), folder)
    output.print_note(f"wrote {version} to {folder}: mlflow.pyfunc.load_model({str(folder)!r})")


def show_models(rows: list[dict[str, Any]]) -> None:
    """The lines of model versions, and the gates that they missed."""
    shown = [{name: value for name, value in row.items() if name != "missed"} for row in rows]
    output.print_table("Models", list(shown[0]), [list(row.values()) for row in shown])
    for row in rows:
        for finding in row.get("missed", []):
            output.print_note(f"{row['model_version']} missed: {finding}")
