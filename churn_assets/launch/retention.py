"""What may expire, with an eye on Dagster's runs in progress."""

import datetime as dt

from churn_assets.assets.maintenance.integrity import running_since
from churn_assets.composition import build_chain
from churn_assets.core.errors import InputError
from churn_assets.instance import open_instance
from churn_assets.launch.processes import end_dead_runs
from churn_assets.pipeline.maintenance.expire import Expired, expire, plan_expiry
from churn_assets.settings import Settings

__all__ = ["expire_old"]


def expire_old(settings: Settings, actor: str, *, dry_run: bool) -> tuple[list[Expired], dt.datetime | None]:
    """Let go what the configuration no longer keeps, or only tell of it; and when the oldest run in progress began.

    Raises:
        InputError: which runs are in progress cannot be told.
    """
    chain = build_chain(settings)
    if not chain.layout.tables():  # nothing ever ran: opening Dagster's storage would make its folders
        return [], None
    try:
        with open_instance(settings) as instance:
            end_dead_runs(instance)
            since = running_since(instance)
    except Exception as error:  # whatever keeps Dagster from answering
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"Dagster's storage does not say which runs are in progress ({reason}), and what they read must stay: see "
            "dagster.yaml and data_dir; nothing was removed"
        ) from error
    now = dt.datetime.now(dt.UTC)
    return (plan_expiry(chain, now, since) if dry_run else expire(chain, actor, now, since)), since
