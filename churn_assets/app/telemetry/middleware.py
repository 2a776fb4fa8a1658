"""Around every request: its id, its line in the log, its count, and an answer when the code is at fault. Plain ASGI."""

import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from churn_assets.app.telemetry.metrics import Metrics
from churn_assets.app.web.problems import Refusal, RequestRecord, problem

__all__ = ["ObservabilityMiddleware"]

SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")
UNMATCHED = "unmatched"
logger = logging.getLogger("churn_assets.app")


class ObservabilityMiddleware:
    """The outermost layer."""

    def __init__(self, app: ASGIApp, metrics: Metrics, log: Callable[[Mapping[str, Any]], None]) -> None:
        self.app = app
        self.metrics = metrics
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `app` answer, and log how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        record = scope["churn_record"] = RequestRecord(_request_id(scope))
        status = 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", record.request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        try:
            await self.app(scope, receive, observed)
        except Exception:
            logger.exception("failed", extra={"fields": {"request_id": record.request_id}})
            failure = Refusal(500, "internal", "this is a fault of the service; its log says more")
            if not status:
                await problem(scope, failure)(scope, receive, observed)
            record.kind = failure.kind
        seconds = time.perf_counter() - started
        route = getattr(scope.get("route"), "path_format", UNMATCHED)
        self.metrics.count(scope["method"], route, status, record.kind, seconds)
        line = {
            "request_id": record.request_id,
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 3),
            "score_version": record.score_version,
        }
        if record.kind:
            line["kind"] = record.kind
        if record.key:
            line["key"] = record.key
        self.log(line)


def _request_id(scope: Scope) -> str:
    """The caller's request id where it is sane, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and SANE.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(8)
