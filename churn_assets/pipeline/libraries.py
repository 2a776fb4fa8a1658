"""The versions of what a model's numbers depend on: libraries, and a company's own modules by their source."""

import hashlib
import importlib.util
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from churn_assets.core.options import Recipe

__all__ = ["installed_libraries", "is_source", "libraries_of", "names_of_modules"]

LIBRARIES = ("churn-assets", "joblib", "numba", "numpy", "pandas", "pyarrow", "python", "scikit-learn", "scipy")
DISTRIBUTIONS = {"lightgbm": ("lightgbm",), "xgboost": ("xgboost-cpu", "xgboost"), "catboost": ("catboost",)}
ABSENT = "not installed"
SOURCE = "source "


def installed_libraries(names: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """The version of each of `names` as it is installed; of a module of no package, its source's digest."""
    return {name: _version(name) for name in names}


def libraries_of(recipe: Recipe) -> dict[str, str]:
    """What the numbers of a model of this recipe depend on."""
    modules = [name.partition(":")[0] for name in recipe.estimators if ":" in name or name in DISTRIBUTIONS]
    return installed_libraries([*LIBRARIES, *names_of_modules(modules)])


def names_of_modules(modules: Iterable[str]) -> list[str]:
    """The distributions that modules belong to; a module that belongs to none stands for itself."""
    names: set[str] = set()
    for module in modules:
        package = module.partition(".")[0]
        known = DISTRIBUTIONS.get(package) or _distributions().get(package, [])
        names.update([name for name in known if _released(name)] or [module])
    return sorted(names - set(LIBRARIES))


@cache
def _distributions() -> Mapping[str, list[str]]:
    """The distributions of each package, for which all that is installed is read."""
    return metadata.packages_distributions()


@cache
def _version(name: str) -> str:
    if name == "python":
        return platform.python_version()
    return _released(name) or _source(name)


def _released(distribution: str) -> str | None:
    """Its version; None where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def is_source(version: str) -> bool:
    """Whether this is the digest of a module, and no version of a package."""
    return version.startswith(SOURCE)


def _source(module: str) -> str:
    """The digest of a module's source."""
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        found = None
    if found is None or not found.has_location or found.origin is None:
        return ABSENT
    return f"{SOURCE}{hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()[:12]}"
