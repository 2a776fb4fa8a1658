"""From settings to a chain: the one place where the parts are put together."""

import importlib.util
import subprocess
from typing import get_args

from churn_assets.core.errors import SettingsError
from churn_assets.core.options import OF_PROFILE, BuiltIn, Recipe
from churn_assets.core.profile import Profile
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.execution.dask_engine import DaskEngine
from churn_assets.pipeline.execution.engine import Engine, LocalEngine
from churn_assets.pipeline.libraries import is_source, libraries_of
from churn_assets.profiles.loading import load_profile
from churn_assets.settings import Settings, checkout, configuration_folder, secret_of, signing_of
from churn_assets.storage.databases.database import Database
from churn_assets.storage.layout import Layout
from churn_assets.storage.scores.sink import ScoreSink
from churn_assets.storage.source.files import FileSource, Source
from churn_assets.storage.source.sql import SqlSource

__all__ = ["build_chain", "build_sink"]


def build_chain(settings: Settings) -> Chain:
    """The chain that `settings` describe.

    Raises:
        ProfileError, SettingsError: the profile, its feature parameters or another setting are not valid.
    """
    profile = load_profile(settings.profile, configuration_folder())
    recipe = _recipe(settings, profile)
    if settings.alerts.smtp.lacks_addresses:
        raise SettingsError("alerts.smtp.host is set: name alerts.smtp.sender and alerts.smtp.to as well")
    return Chain(
        profile=profile,
        parameters=profile.feature_parameters(settings.features),
        source=_source(settings),
        layout=Layout.of(settings.data_dir),
        validation=settings.validation,
        recipe=recipe,
        gates=settings.gates,
        decisions=settings.decisions,
        reasons=settings.reasons,
        audit=settings.audit,
        start_date=settings.start_date,
        timezone=settings.timezone,
        code_revision=settings.code_revision or _git_revision(),
        engine=_engine(settings, recipe),
        bounds=settings.monitoring,
        openlineage=settings.openlineage,
        alerts=settings.alerts,
        retraining=settings.retraining,
        signing=signing_of(settings),
        run_history=settings.run_history,
        do_not_score=settings.local_dir / settings.do_not_score.path if settings.do_not_score.path else None,
        sink=build_sink(settings),
        retention=settings.retention,
    )


def _source(settings: Settings) -> Source:
    """Where customers come from.

    Raises:
        SettingsError: its keys do not go together, or the address of a database cannot be used.
    """
    given = settings.source
    if given.conflict:
        raise SettingsError(f"source: {given.conflict}")
    if given.kind == "sql":
        uri = secret_of(given.uri, "source.uri")
        return SqlSource(Database("source", uri, given.driver, settings.local_dir), given.query, given.days)
    return FileSource(
        given.path,
        settings.local_dir,
        follow_links=given.follow_links,
        manifest=given.manifest,
        csv=given.csv,
        row_number=given.row_number,
    )


def build_sink(settings: Settings) -> ScoreSink | None:
    """The database that published scores go to as well, where one is configured.

    Raises:
        SettingsError: its address cannot be used.
    """
    given = settings.sink
    if not given.is_configured:
        return None
    return ScoreSink(Database("sink", secret_of(given.uri, "sink.uri"), given.driver, settings.local_dir), given.table)


def _engine(settings: Settings, recipe: Recipe) -> Engine:
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
    versions = libraries_of(recipe)
    libraries = sorted(name for name in versions.keys() - {"python"} if not is_source(versions[name]))
    return DaskEngine(wanted.scheduler, Layout.of(settings.data_dir).models.path, libraries)


def _recipe(settings: Settings, profile: Profile) -> Recipe:
    """The recipe, with the profile's own estimator by its path.

    Raises:
        SettingsError: an estimator that could not be built, or rules that are not there: before anything runs.
    """
    recipe = settings.training
    if profile.rules is None and (recipe.is_rules or settings.gates.fallback == "rules"):
        key = "training.estimator" if recipe.is_rules else "gates.fallback"
        raise SettingsError(f"{key} is rules, and profile {profile.name} has none: give it `rules=`, or change the key")
    if OF_PROFILE in recipe.estimators:
        recipe = _with_estimator_of_profile(recipe, profile)
    own = recipe.estimator == "auto" or recipe.estimator in get_args(BuiltIn)
    if recipe.candidates or not own or (recipe.parameters and not recipe.is_rules):  # else there is nothing to refuse
        from churn_assets.core.training.estimators import build_all  # noqa: PLC0415  # loads scikit-learn, a second or more

        build_all(recipe)
    return recipe


def _with_estimator_of_profile(recipe: Recipe, profile: Profile) -> Recipe:
    if profile.build_estimator is None:
        raise SettingsError(
            f"training.estimator is {OF_PROFILE}, and profile {profile.name} builds none: give it `build_estimator=`, "
            "or change the key"
        )
    path = f"{profile.name}:PROFILE.build_estimator"
    candidates = tuple(
        each.model_copy(update={"estimator": path}) if each.estimator == OF_PROFILE else each
        for each in recipe.candidates
    )
    estimator = path if recipe.estimator == OF_PROFILE else recipe.estimator
    return recipe.model_copy(update={"estimator": estimator, "candidates": candidates})


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
