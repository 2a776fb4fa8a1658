"""Telling a lineage server of a run, where one is configured: it may be down, and then a run goes on all the same."""

import datetime as dt

from churn_assets.core.monitoring.openlineage import EventType, LineageRun, run_event
from churn_assets.pipeline.chain import logger

__all__ = ["tell_lineage"]

SECONDS = 5.0


def tell_lineage(url: str, kind: EventType, run: LineageRun, when: dt.datetime) -> bool:
    """Post the event of a run to `url`; whether it arrived. A server that is down, or refuses it, is only warned of."""
    import httpx  # noqa: PLC0415  # only where a server is configured

    try:
        httpx.post(url, json=run_event(kind, run, when), timeout=SECONDS).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        logger.warning("the %s event of run %s was not taken by openlineage.url: %s", kind, run.run_id, error)
        return False
    return True
