"""What commands work with, opened from the settings: the chain, models, scores, Dagster's event log; and who asks."""

import gc
import getpass
import os
from typing import TYPE_CHECKING, Any

from churn_assets.cli import output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster import AssetCheckResult

    from churn_assets.launch.launcher import Launcher
    from churn_assets.settings import Settings
    from churn_assets.storage.models.registry import Registry
    from churn_assets.storage.scores.published import PublishedScores

__all__ = [
    "announce",
    "announce_champion",
    "current_user",
    "describe_emptiness",
    "load_settings",
    "open_launcher",
    "open_registry",
    "open_scores",
]


def load_settings() -> "Settings":
    """The settings of this process; what reads them is loaded only now, as `--help` needs none."""
    from churn_assets import settings

    return settings.load_settings()


def describe_emptiness() -> str:
    """Where nothing was found, to be put behind a sentence; nothing where there are tables.

    Whoever stands in another folder than the installation's sees it by this.
    """
    from churn_assets import settings
    from churn_assets.core.errors import ChurnError
    from churn_assets.storage.layout import Layout

    in_force = settings.load_settings()
    try:
        return "" if Layout.of(in_force.data_dir).tables() else f" ({settings.describe_origin(in_force)})"
    except ChurnError as error:
        return f" ({error})"


def current_user() -> str:
    """Who runs the command, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"


def open_launcher(settings: "Settings") -> "Launcher":
    """The chain through Dagster; loads everything heavy."""
    with output.progress("loading"):
        gc.disable()  # what is loaded now lives to the end: nobody need look through it for garbage, now or later
        try:
            from churn_assets.launch.launcher import Launcher

            return Launcher(settings, current_user())
        finally:
            gc.freeze()
            gc.enable()


def open_registry(settings: "Settings") -> "Registry":
    """The model versions."""
    from churn_assets.settings import signing_of
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.models.registry import Registry

    return Registry(Layout.of(settings.data_dir), settings.gates, settings.profile, signing_of(settings))


def open_scores(settings: "Settings") -> "PublishedScores":
    """The published scores."""
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.scores.published import PublishedScores

    return PublishedScores(Layout.of(settings.data_dir))


def announce_champion(settings: "Settings", registry: "Registry") -> None:
    """Tell Dagster of the promotions and the canary as they stand now."""
    from churn_assets.assets.promotion_log import promotion_metadata

    if registry.has_champion():
        announce(settings, "champion", None, promotion_metadata(registry))


def announce(
    settings: "Settings",
    asset: str,
    partition: str | None,
    metadata: dict[str, Any],
    repeats: str = "",
    checks: "Sequence[AssetCheckResult]" = (),
) -> None:
    """Report a change that was made without Dagster to it; a warning where it cannot be reached.

    It `repeats` what was shown of that version, where one is named; the results of `checks` follow.
    """
    from churn_assets import instance

    if fault := instance.announce(settings, asset, partition, metadata, repeats, checks):
        output.print_note(
            f"warning: done, but Dagster's storage could not be reached ({fault}): its UI does not show it"
        )
