"""Who comes in: a valid key, a path that is text, a body that is not too large. Plain ASGI, for speed."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from churn_assets.app.web.fast_route import FastRoute
from churn_assets.app.web.problems import Refusal, problem, request_record

__all__ = ["BODY_LIMIT", "RequestGuard", "is_guarded"]

BODY_LIMIT = 1 << 20
BODY_SECONDS = 10.0  # between one piece of a body and the next
SCHEME = b"bearer "


def is_guarded(path: str) -> bool:
    """Whether a path asks for a key, where there are keys; probes and the page itself tell no scores."""
    return path.startswith("/v1/") or path == "/metrics"


class RequestGuard:
    """Refuses what must not reach an endpoint."""

    def __init__(self, app: ASGIApp, keys: Mapping[str, str], fast_route: FastRoute) -> None:
        """Before `app`, past which `fast_route` is answered.

        Args:
            app: the framework.
            keys: a name and the SHA-256 of a key in hexadecimal; none lets everybody in.
            fast_route: the route whose requests make the most of the load.
        """
        self.app = app
        self._fast_route = fast_route
        self._keys = [(name, bytes.fromhex(digest)) for name, digest in keys.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            await self._head(scope, receive, send)
            return
        try:
            if self._keys and is_guarded(scope["path"]):
                request_record(scope).key = self._holder(scope)
            if b"%" in scope["raw_path"]:
                _check_path(scope["raw_path"])
            if scope["method"] != "GET":
                receive = await _whole_body(scope, receive)
            elif scope["path"].startswith(self._fast_route.prefix):
                await self._fast_route.answer(scope, receive, send)
                return
        except Refusal as refusal:
            await problem(scope, refusal)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as GET is answered, without the body: one rule for every address."""
        as_get = {**scope, "method": "GET"}
        try:
            await self(as_get, receive, _without_body(send))
        finally:
            scope["route"] = as_get.get("route")  # logged and counted where the request came in

    def _holder(self, scope: Scope) -> str:
        """The name of the key that was given; every key is compared, in constant time."""
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, key = given[: len(SCHEME)], given[len(SCHEME) :].strip()
        digest = hashlib.sha256(key).digest()
        holders = [name for name, known in self._keys if hmac.compare_digest(digest, known)]
        if scheme.lower() != SCHEME or not key or not holders:  # an empty key is none, whatever is configured
            detail = "the key is wrong" if given else "a key is missing: send `Authorization: Bearer KEY`"
            raise Refusal(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
        return holders[0]


def _without_body(send: Send) -> Send:
    async def headers_only(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return headers_only


def _check_path(raw: bytes) -> None:
    try:
        unquote_to_bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise Refusal(422, "invalid-request", "the path is not UTF-8, percent-encoded", field="customer_id") from error


async def _whole_body(scope: Scope, receive: Receive) -> Receive:
    """Read the body while it is small enough; what is said of its length is not believed, only taken for a no."""
    too_large = Refusal(413, "too-large", f"a body has {BODY_LIMIT:,} bytes at most; ask in several batches")
    too_large.headers["Connection"] = "close"
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if int(length) > BODY_LIMIT:
        raise too_large
    body = bytearray()
    more = True
    while more:
        try:
            message = await asyncio.wait_for(receive(), BODY_SECONDS)
        except TimeoutError as error:
            late = "the body did not arrive in time"
            raise Refusal(408, "too-slow", late, headers={"Connection": "close"}) from error
        if message["type"] != "http.request":
            break  # gone: whoever reads on hears so too
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_LIMIT:
            raise too_large
    waiting: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
