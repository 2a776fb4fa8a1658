"""A model version as an MLflow model folder. MLflow itself is not needed to write one."""

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from churn_assets.core.errors import InputError
from churn_assets.core.models.card import ModelCard
from churn_assets.core.profile import Profile
from churn_assets.storage.models.store import ARTEFACT, ModelStore

__all__ = ["export_mlflow"]

LOADER = "churn_pyfunc"
OURS = b"churn_assets."  # in a pickle of classes of this package
UNNEEDED = {"python", "numba", "churn-assets"}


def export_mlflow(store: ModelStore, version: str, profile: Profile, folder: Path) -> None:
    """Write `version` to `folder`, which must not exist, or be left as it was where that fails.

    `mlflow.pyfunc.load_model` opens it; what it gives a frame of the model's features are the model's own
    probabilities, before a night's correction of their level.

    Raises:
        InputError: there is something at `folder`, or the model is none that can be exported.
        UnknownVersion, ModelFault: there is no such model, or it is not what it was made as.
    """
    import yaml  # noqa: PLC0415  # for this alone

    card = store.verify(version)
    if card.is_rules:
        raise InputError(f"model {version} is the rules of {card.profile}, which are code: there is nothing to export")
    if card.profile != profile.name:
        raise InputError(f"model {version} was trained for profile {card.profile}, and {profile.name} is in force")
    if folder.exists():
        raise InputError(f"{folder} is there already; name a folder that is not, nothing is overwritten")
    artefact = store.read_file(card, ARTEFACT)
    histograms = store.reference(card).features
    columns = {name: "text" if histograms[name].categories else "number" for name in card.feature_columns}
    key = profile.id_column if card.out_of_fold else None
    staged = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    try:
        (staged / "data").mkdir(parents=True)
        (staged / "code").mkdir()
        (staged / "data" / ARTEFACT).write_bytes(artefact)
        (staged / "data" / "columns.json").write_text(json.dumps({"columns": columns, "key": key}, indent=2) + "\n")
        shutil.copyfile(Path(__file__).with_name("pyfunc.py"), staged / "code" / f"{LOADER}.py")
        requirements = _requirements(card, needs_us=OURS in artefact)
        (staged / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements))
        (staged / "python_env.yaml").write_text(
            yaml.safe_dump({"python": card.libraries["python"], "dependencies": ["-r requirements.txt"]})
        )
        (staged / "MLmodel").write_text(yaml.safe_dump(_description(card, columns, key), sort_keys=False))
        staged.rename(folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _requirements(card: ModelCard, *, needs_us: bool) -> list[str]:
    """The libraries as the model knew them; this package only where the artefact holds a class of it."""
    names = [name for name, version in card.libraries.items() if name not in UNNEEDED and " " not in version]
    if needs_us:
        names.append("churn-assets")
    return [f"{name}=={card.libraries[name]}" for name in sorted(names)]


def _description(card: ModelCard, columns: dict[str, str], key: str | None) -> dict[str, Any]:
    inputs = [{"type": "string", "name": key, "required": True}] if key else []
    inputs += [
        {"type": "double" if kind == "number" else "string", "name": name, "required": True}
        for name, kind in columns.items()
    ]
    return {
        "flavors": {
            "python_function": {
                "loader_module": LOADER,
                "code": "code",
                "data": "data",
                "env": {"virtualenv": "python_env.yaml"},
                "python_version": card.libraries["python"],
            }
        },
        "metadata": {"model_version": card.model_version, "trained_as_of": card.trained_as_of.isoformat()},
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps([{"type": "double", "required": True}])},
    }
