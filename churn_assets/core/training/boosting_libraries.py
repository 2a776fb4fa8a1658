"""LightGBM, XGBoost and CatBoost by their short names: extras, which are imported when they are asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

from churn_assets.core.errors import SettingsError

__all__ = ["build_library_estimator"]


def build_library_estimator(name: str, parameters: Mapping[str, Any], seed: int, categorical: Sequence[str]) -> Any:
    """An unfitted estimator that takes categories and missing values as they are, on one thread.

    Raises:
        SettingsError: its extra is not installed, or it has no such parameter.
    """
    try:
        match name:
            case "lightgbm":
                return _lightgbm(parameters, seed)
            case "xgboost":
                return _xgboost(parameters, seed)
            case _:
                return _catboost(parameters, seed, categorical)
    except (ImportError, OSError) as error:  # OSError: a library of the system that is not there
        raise SettingsError(
            f"training.estimator: {name} cannot be loaded ({error}); install churn-assets[{name}], or name another one"
        ) from error
    except TypeError as error:
        raise SettingsError(f"training.parameters: {error}") from error


def _lightgbm(parameters: Mapping[str, Any], seed: int) -> Any:
    from lightgbm import LGBMClassifier  # noqa: PLC0415  # an extra
    from lightgbm.basic import _ConfigAliases  # noqa: PLC0415  # it ignores unknown names, and nothing public lists them

    fixed = {"random_state": seed, "n_jobs": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}
    aliases = _ConfigAliases._get_all_param_aliases()  # noqa: SLF001  # as above
    _refuse_unknown(parameters, set(LGBMClassifier().get_params()).union(aliases, *aliases.values()))
    return LGBMClassifier(**(fixed | dict(parameters)))


def _xgboost(parameters: Mapping[str, Any], seed: int) -> Any:
    from xgboost import XGBClassifier  # noqa: PLC0415  # an extra

    fixed = {"random_state": seed, "n_jobs": 1, "tree_method": "hist", "enable_categorical": True, "verbosity": 0}
    _refuse_unknown(parameters, set(XGBClassifier().get_params()))
    return XGBClassifier(**(fixed | dict(parameters)))


def _catboost(parameters: Mapping[str, Any], seed: int, categorical: Sequence[str]) -> Any:
    from catboost import CatBoostClassifier  # noqa: PLC0415  # an extra

    fixed = {"random_seed": seed, "thread_count": 1, "verbose": False, "allow_writing_files": False}
    return CatBoostClassifier(**(fixed | {"cat_features": list(categorical)} | dict(parameters)))


def _refuse_unknown(parameters: Mapping[str, Any], known: set[str]) -> None:
    """The libraries pass over a name that they do not know: a slip of the pen would be a model of defaults."""
    if unknown := sorted(parameters.keys() - known):
        raise TypeError(f"the estimator has no parameter {', '.join(unknown)}")
