"""An endpoint that is documented as any other and called without the framework's work on its parameters.

For the one that a customer's page waits for: it reads its two parameters itself, and validating
and injecting them would cost more than finding the score.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

__all__ = ["DirectRoute", "Ready"]


class DirectRoute(APIRoute):
    """A route whose endpoint takes the request and gives the response, and nothing stands between."""

    def __init__(self, path: str, endpoint: Any, **given: Any) -> None:
        super().__init__(path, endpoint, **given)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            response: Response = await endpoint(Request(scope, receive))
            await response(scope, receive, send)

        self.app = answer


class Ready(Response):
    """A response whose headers are bytes already."""

    def __init__(self, body: bytes, status_code: int, headers: Mapping[bytes, bytes]) -> None:
        self.status_code = status_code
        self.background = None
        self.body = body
        self.raw_headers = list(headers.items())
        if status_code != HTTPStatus.NOT_MODIFIED:
            self.raw_headers.append((b"content-length", b"%d" % len(body)))
