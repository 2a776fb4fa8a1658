"""The parts of the service put together."""

import asyncio
import datetime as dt
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI

from churn_assets.app.scores.current import CurrentScores
from churn_assets.app.scores.monitoring import MonitoringTables
from churn_assets.app.scores.reasons import CurrentReasons
from churn_assets.app.scores.standing import JudgedBy
from churn_assets.app.telemetry import logs
from churn_assets.app.telemetry.metrics import Metrics
from churn_assets.app.telemetry.middleware import ObservabilityMiddleware
from churn_assets.app.web.auth import RequestGuard
from churn_assets.app.web.endpoints import add_endpoints, known_parameters
from churn_assets.app.web.monitoring import add_monitoring
from churn_assets.app.web.openapi import describe
from churn_assets.app.web.pages import add_pages
from churn_assets.app.web.problems import install_handlers
from churn_assets.core.options import AppOptions
from churn_assets.storage.layout import Layout

__all__ = ["build_app"]

FIRST_READ_SECONDS = 1.0  # for so long the start waits for scores, before the service answers without


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def build_app(
    layout: Layout,
    options: AppOptions,
    timezone: str = "UTC",
    clock: Callable[[], dt.datetime] = _now,
    bounds: JudgedBy | None = None,
) -> FastAPI:
    """The score service over the tables below `layout`.

    Args:
        layout: of the data folder, which is only read (but for a lookup that has to be made again).
        options: keys, freshness, how often to look for new scores.
        timezone: in which a snapshot day ends.
        clock: the time now, in UTC.
        bounds: what figures are judged by; the defaults where none are given.
    """
    judged_by = bounds or JudgedBy()
    current = CurrentScores(layout, options, timezone, clock, judged_by.monitoring.fresh_by)
    metrics = Metrics(current)
    app = FastAPI(
        title="Churn scores",
        version="1",
        description="Read-only scores of the nightly chain. Refusals are problem details (RFC 9457).",
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lambda _: _following(current),
        dependencies=[Depends(known_parameters)],
    )
    install_handlers(app)
    fast_route = add_endpoints(app, current, CurrentReasons(layout), metrics)
    add_monitoring(app, current, MonitoringTables(layout), judged_by)
    add_pages(app)
    app.add_middleware(RequestGuard, keys=options.keys, fast_route=fast_route)
    app.add_middleware(ObservabilityMiddleware, metrics=metrics, log=logs.write_line)
    document = describe(app, keys=bool(options.keys))
    app.openapi = lambda: document  # type: ignore[method-assign]  # the framework's own way to replace it
    return app


@asynccontextmanager
async def _following(current: CurrentScores) -> AsyncIterator[None]:
    """Follow the table while the service answers, from the first scores on if they come soon."""
    follower = asyncio.create_task(current.follow())
    for _ in range(int(FIRST_READ_SECONDS * 100)):
        if current.has_read or current.failures:
            break
        await asyncio.sleep(0.01)
    gc.collect()
    gc.freeze()  # what is loaded now stays: the collector need not look through it again
    try:
        yield
    finally:
        follower.cancel()
        with suppress(asyncio.CancelledError):
            await follower
        current.close()
