"""Dagster's instance, opened from outside a run: to leave an event, or to run the chain in this process."""

import dagster as dg

from churn_assets.core.errors import ChurnError, InputError
from churn_assets.settings import Settings, checkout, dagster_home
from churn_assets.storage.layout import Layout

__all__ = ["open_instance"]


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance `DAGSTER_HOME` names, else that of this checkout, else one below `data_dir`.

    Raises:
        InputError: it cannot be opened.
    """
    home = dagster_home()
    if home is None and (checkout() / "dagster.yaml").is_file():
        home = checkout()
    if home is None:
        home = Layout.of(settings.data_dir).dagster
        home.mkdir(parents=True, exist_ok=True)
    try:
        return dg.DagsterInstance.from_config(str(home))
    except ChurnError:
        raise
    except Exception as error:  # a path that is not there, a broken dagster.yaml, a storage that does not answer
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"Dagster's storage cannot be opened ({reason}); see dagster.yaml and data_dir") from error
