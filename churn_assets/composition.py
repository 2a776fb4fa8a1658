"""From settings to a chain: the one place where the parts are put together."""

import importlib.util
import subprocess

from churn_assets.core.errors import SettingsError
from churn_assets.core.profile import Profile
from churn_assets.pipeline.chain import Chain, installed_libraries
from churn_assets.pipeline.execution.dask_engine import DaskEngine
from churn_assets.pipeline.execution.engine import Engine, LocalEngine
from churn_assets.profiles.loading import load_profile
from churn_assets.settings import Settings, checkout, configuration_folder
from churn_assets.storage.layout import Layout
from churn_assets.storage.source.files import FileSource

__all__ = ["build_chain"]


def build_chain(settings: Settings) -> Chain:
    """The chain that `settings` describe.

    Raises:
        ProfileError, SettingsError: the profile, its feature parameters or another setting are not valid.
    """
    profile = load_profile(settings.profile, configuration_folder())
    _check_recipe(settings, profile)
    return Chain(
        profile=profile,
        parameters=profile.feature_parameters(settings.features),
        source=FileSource(
            settings.source.path,
            settings.data_dir,
            follow_links=settings.source.follow_links,
            manifest=settings.source.manifest,
            csv=settings.source.csv,
            row_number=settings.source.row_number,
        ),
        layout=Layout(settings.data_dir),
        validation=settings.validation,
        recipe=settings.training,
        gates=settings.gates,
        decisions=settings.decisions,
        audit=settings.audit,
        start_date=settings.start_date,
        timezone=settings.timezone,
        code_revision=settings.code_revision or _git_revision(),
        engine=_engine(settings),
        bounds=settings.monitoring,
        openlineage=settings.openlineage,
    )


def _engine(settings: Settings) -> Engine:
    """Who scores the parts of a day.

    Raises:
        SettingsError: a cluster is asked for, and it has no address, or the library for it is not installed.
    """
    wanted = settings.scoring
    if wanted.engine == "local":
        return LocalEngine()
    if not wanted.scheduler:
        raise SettingsError(
            "scoring.engine is dask and scoring.scheduler is empty: name the scheduler's address, such as "
            "tcp://dask-scheduler:8786"
        )
    if importlib.util.find_spec("distributed") is None:
        raise SettingsError(
            "scoring.engine is dask and the package distributed is not installed: install churn-assets[dask], "
            "or set scoring.engine to local"
        )
    libraries = sorted(installed_libraries().keys() - {"python"})
    return DaskEngine(wanted.scheduler, Layout(settings.data_dir).models, libraries)


def _check_recipe(settings: Settings, profile: Profile) -> None:
    """Refuse, before anything runs, an estimator that could not be built and rules that are not there."""
    recipe = settings.training
    if profile.rules is None and (recipe.is_rules or settings.gates.fallback == "rules"):
        key = "training.estimator" if recipe.is_rules else "gates.fallback"
        raise SettingsError(f"{key} is rules, and profile {profile.name} has none: give it `rules=`, or change the key")
    if recipe.candidates or (recipe.parameters and not recipe.is_rules):  # without any, there is nothing to refuse
        from churn_assets.core.training.estimators import build_all  # noqa: PLC0415  # loads scikit-learn, a second or more

        build_all(recipe)


def _git_revision() -> str:
    """The commit this code was checked out from, with a mark where files differ from it."""
    folder = checkout()
    if not (folder / ".git").exists():  # installed somewhere, perhaps within another project's checkout
        return "unknown"
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603  # fixed words
    except (OSError, subprocess.SubprocessError):
        return "unknown"
