"""Routing of our own: ids of any text, and an endpoint that costs little.

The endpoint that a customer's page waits for is documented as any other, and called without the
framework's work on its parameters: it reads its two parameters itself, and validating and
injecting them would cost more than finding the score.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Receive, Scope, Send

__all__ = ["FastRoute", "RawResponse"]


class AnyText(Convertor[str]):
    """The rest of a path, whatever it holds; `path` ends at a line break."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """The text as it stands."""
        return value

    def to_string(self, value: str) -> str:
        """The text as it stands."""
        return value


register_url_convertor("text", AnyText())


class FastRoute(APIRoute):
    """A route whose endpoint takes the request and gives the response, and nothing stands between."""

    def __init__(self, path: str, endpoint: Any, **given: Any) -> None:
        super().__init__(path, endpoint, **given)
        self.prefix, _, rest = self.path_format.partition("{")
        self._parameter = rest.removesuffix("}")

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            response: Response = await endpoint(Request(scope, receive))
            await response(scope, receive, send)

        self.app = respond

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose path begins with `prefix`, past the framework's own layers."""
        scope["route"] = self
        scope["path_params"] = {self._parameter: scope["path"][len(self.prefix) :]}
        await self.app(scope, receive, send)


class RawResponse(Response):
    """A response whose headers are bytes already."""

    def __init__(self, body: bytes, status_code: int, headers: Mapping[bytes, bytes]) -> None:
        self.status_code = status_code
        self.background = None
        self.body = body
        self.raw_headers = list(headers.items())
        if status_code != HTTPStatus.NOT_MODIFIED:
            self.raw_headers.append((b"content-length", b"%d" % len(body)))
