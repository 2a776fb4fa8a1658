"""What several commands open, each from the settings: the chain, the registry, the scores, Dagster's event log."""

from typing import TYPE_CHECKING, Any

from churn_assets.cli import output
from churn_assets.cli.options import current_user

if TYPE_CHECKING:
    from churn_assets.launch.launcher import Launcher
    from churn_assets.settings import Settings
    from churn_assets.storage.models.registry import Registry
    from churn_assets.storage.scores.published import PublishedScores

__all__ = ["announce", "announce_champion", "load_settings", "open_launcher", "open_registry", "open_scores"]


def load_settings() -> "Settings":
    """The settings of this process; what reads them is loaded only now, as `--help` needs none."""
    from churn_assets import settings

    return settings.load_settings()


def open_launcher(settings: "Settings") -> "Launcher":
    """The chain through Dagster; loads everything heavy."""
    with output.progress("loading"):
        from churn_assets.launch.launcher import Launcher

        return Launcher(settings, current_user())


def open_registry(settings: "Settings") -> "Registry":
    """The model versions."""
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.models.registry import Registry

    return Registry(Layout(settings.data_dir), settings.gates, settings.profile)


def open_scores(settings: "Settings") -> "PublishedScores":
    """The published scores."""
    from churn_assets.storage.layout import Layout
    from churn_assets.storage.scores.published import PublishedScores

    return PublishedScores(Layout(settings.data_dir))


def announce_champion(settings: "Settings", registry: "Registry") -> None:
    """Tell Dagster of the promotions and the canary as they stand now."""
    from churn_assets.assets.promotion_log import promotion_metadata

    if registry.has_champion():
        announce(settings, "champion", None, promotion_metadata(registry))


def announce(settings: "Settings", asset: str, partition: str | None, metadata: dict[str, Any]) -> None:
    """Tell Dagster of a change that was made beside it; a warning where it cannot be reached."""
    from churn_assets import instance

    if trouble := instance.announce(settings, asset, partition, metadata):
        output.note(f"warning: done, but Dagster's storage could not be reached ({trouble}): its UI does not show it")
