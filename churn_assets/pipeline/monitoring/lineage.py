"""Telling a lineage server of a run, where one is configured: it may be down, and then a run goes on all the same."""

import datetime as dt
import logging

from pydantic import SecretStr

from churn_assets.core.monitoring.openlineage import EventType, LineageRun, run_event
from churn_assets.pipeline.chain import logger

__all__ = ["tell_lineage"]

SECONDS = 5.0


def tell_lineage(url: SecretStr, kind: EventType, run: LineageRun, when: dt.datetime) -> bool:
    """Post the event of a run to `url`; whether it arrived. A server that is down, or refuses it, is only warned of."""
    import httpx  # noqa: PLC0415  # only where a server is configured

    for name in ("httpx", "httpcore"):  # they log every address
        logging.getLogger(name).setLevel(logging.WARNING)

    try:
        answer = httpx.post(url.get_secret_value(), json=run_event(kind, run, when), timeout=SECONDS)
        fault = "" if answer.is_success else f"status {answer.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fault = type(error).__name__  # its words may hold the address
    if fault:
        logger.warning("the %s event of run %s was not taken by openlineage.url: %s", kind, run.run_id, fault)
    return not fault
