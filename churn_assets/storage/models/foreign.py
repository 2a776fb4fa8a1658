"""Models that were made elsewhere, opened: joblib and pickle files, and MLflow model folders."""

import hashlib
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from churn_assets.core.errors import InputError, SettingsError
from churn_assets.core.models.foreign import BoosterClassifier, ForeignModel

__all__ = ["open_foreign"]

DESCRIPTION = "MLmodel"
SKOPS = ".skops"
PLAIN = (".txt", ".lgb", ".json", ".ubj", ".xgb")  # what the libraries' own loaders read, which runs no code


def open_foreign(path: Path, *, trust: bool) -> ForeignModel:
    """The model that a file or an MLflow folder holds.

    A pickle runs code when it is opened: it is opened only where the caller says `trust`. A booster that LightGBM
    or XGBoost saved as plain data runs none.

    Raises:
        InputError: there is no such file, it is no model, or it is not trusted.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder; give a joblib or pickle file, or an MLflow folder")
    if path.is_dir():
        kind, data, load = _of_mlflow(path)
    else:
        kind, data, load = "pickle", path, _unpickle
    if data.suffix == SKOPS:
        load = partial(_load_skops, trust=trust)
    if load is _unpickle and not trust:
        raise InputError(
            f"{path}: a {kind} file runs whatever code its maker put into it, with your rights, when it is opened: "
            "give --trust where you know who made it and how it came here; it was not opened"
        )
    digest = _sha256(path)
    try:
        return ForeignModel(load(data), path.name, kind, digest)
    except InputError:
        raise
    except ImportError as error:
        raise InputError(
            f"{path}: the model needs {error.name or error}, which is not installed: install it"
        ) from error
    except Exception as error:
        raise InputError(
            f"{path}: it cannot be opened as a model ({type(error).__name__}: {error}); save it under the libraries "
            "that are installed here, with its own classes in a module that can be imported"
        ) from error


def _of_mlflow(folder: Path) -> tuple[str, Path, Callable[[Path], Any]]:
    """What kind of model an MLflow folder holds, where it lies, and how it is loaded; MLflow itself is not needed."""
    import yaml  # noqa: PLC0415  # for this alone

    try:
        flavors: dict[str, dict[str, Any]] = yaml.safe_load((folder / DESCRIPTION).read_text())["flavors"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: no MLflow model, it holds no readable file {DESCRIPTION} with flavors") from error
    for name in ("lightgbm", "xgboost", "sklearn", "catboost"):
        flavor = flavors.get(name, {})
        data = flavor.get("data") or flavor.get("pickled_model") or flavor.get("model_data")
        if data:
            file = _inside(folder, data)
            kind = f"MLflow {name}"
            if name in {"lightgbm", "xgboost"} and file.suffix in PLAIN:
                return kind, file, _load_lightgbm if name == "lightgbm" else _load_xgboost
            return kind, file, _unpickle
    raise InputError(
        f"{folder}: its flavors are {', '.join(flavors)}; sklearn, lightgbm, xgboost and catboost can be imported"
    )


def _inside(folder: Path, name: str) -> Path:
    """The file of a flavor, which some versions put into a folder of that name."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.exists():
        raise InputError(f"{folder}: {DESCRIPTION} names {name}, which is not in the folder")
    if path.is_dir():
        return next((each for each in sorted(path.iterdir()) if each.is_file()), path)
    return path


def _unpickle(path: Path) -> Any:
    import joblib  # noqa: PLC0415  # opens plain pickles too

    try:
        return joblib.load(path)
    except (KeyError, ValueError):  # joblib takes some protocols for files of its own
        return pickle.loads(path.read_bytes())  # noqa: S301  # the caller trusts it


def _load_skops(path: Path, *, trust: bool) -> Any:
    """What newer versions of MLflow write: types by their names, of which only known ones are made unasked."""
    try:
        from skops import io  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise SettingsError(
            f"{path} is a skops file, and skops is not installed: install churn-assets[mlflow]"
        ) from error
    types = io.get_untrusted_types(file=path)
    if types and not trust:
        raise InputError(
            f"{path}: it holds {', '.join(types)}, which skops does not know to be harmless: give --trust where you "
            "know who made it; it was not opened"
        )
    return io.load(path, trusted=types)


def _load_lightgbm(path: Path) -> Any:
    try:
        from lightgbm import Booster  # noqa: PLC0415  # an extra
    except (ImportError, OSError) as error:
        raise SettingsError(f"lightgbm cannot be loaded ({error}); install churn-assets[lightgbm]") from error
    return BoosterClassifier(Booster(model_file=path))


def _load_xgboost(path: Path) -> Any:
    try:
        from xgboost import XGBClassifier  # noqa: PLC0415  # an extra
    except (ImportError, OSError) as error:
        raise SettingsError(f"xgboost cannot be loaded ({error}); install churn-assets[xgboost]") from error
    model = XGBClassifier(n_jobs=1)
    model.load_model(path)
    return model


def _sha256(path: Path) -> str:
    """The digest of a file, or of all files of a folder with their names."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for each in _files(path):
        digest.update(f"{each.relative_to(path)} {hashlib.sha256(each.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in sorted(folder.rglob("*")) if each.is_file())
