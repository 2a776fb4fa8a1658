"""The parts of the service put together."""

import asyncio
import datetime as dt
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI

from churn_assets.app.scores.current import CurrentScores
from churn_assets.app.telemetry import logs
from churn_assets.app.telemetry.metrics import Metrics
from churn_assets.app.telemetry.middleware import ObservabilityMiddleware
from churn_assets.app.web.auth import RequestGuard
from churn_assets.app.web.endpoints import add_endpoints, known_parameters
from churn_assets.app.web.openapi import describe
from churn_assets.app.web.pages import add_pages
from churn_assets.app.web.problems import install_handlers
from churn_assets.core.options import AppOptions
from churn_assets.storage.layout import Layout

__all__ = ["build_app"]

PATIENCE = 1.0  # for the scores, before the service starts without


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def build_app(
    layout: Layout, options: AppOptions, timezone: str = "UTC", clock: Callable[[], dt.datetime] = _now
) -> FastAPI:
    """The score service over the tables below `layout`.

    Args:
        layout: of the data folder, which is only read (but for a lookup that has to be made again).
        options: keys, freshness, how often to look for new scores.
        timezone: in which a snapshot day ends.
        clock: the time now, in UTC.
    """
    current = CurrentScores(layout, options, timezone, clock)
    metrics = Metrics(current)

    @asynccontextmanager
    async def follow(_: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(current.follow())
        for _tick in range(int(PATIENCE * 100)):
            if current.looked or current.failures:
                break
            await asyncio.sleep(0.01)
        gc.collect()
        gc.freeze()  # what is loaded now stays: the collector need not look through it again
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            current.close()

    app = FastAPI(
        title="Churn scores",
        version="1",
        description="Read-only scores of the nightly chain. Refusals are problem details (RFC 9457).",
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=follow,
        dependencies=[Depends(known_parameters)],
    )
    app.state.current = current
    install_handlers(app)
    fast_route = add_endpoints(app, current, metrics)
    add_pages(app)
    app.add_middleware(RequestGuard, keys=options.keys, fast_route=fast_route)
    app.add_middleware(ObservabilityMiddleware, metrics=metrics, log=logs.write_line)
    document = describe(app, keys=bool(options.keys))
    app.openapi = lambda: document  # type: ignore[method-assign]  # the framework's own way to replace it
    return app
