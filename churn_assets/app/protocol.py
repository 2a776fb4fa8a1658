"""Bounds of the protocol, before anything else sees a byte: a request's head in bytes and in time, and connections.

uvicorn's own reading of a head has no bound, and takes time by the square of it. Whatever is refused here is a problem
detail like every other refusal.
"""

import json
import logging
import secrets
from http import HTTPStatus
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from churn_assets.app.web.problems import MEDIA_TYPE, problem_body

__all__ = ["HEAD_LIMIT", "BoundedProtocol", "server_config"]

HEAD_LIMIT = 64 * 1024  # bytes of request line and headers together
HEAD_SECONDS = 10.0  # from the first chance to send a head to its end
CONNECTIONS_LIMIT = 1000
GRACE_SECONDS = 2  # for requests under way, when the process is told to end
END_OF_HEAD = b"\r\n\r\n"
logger = logging.getLogger("churn_assets.app")


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which gives up on a head that is too long or too slow, and on connections beyond a bound."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head = True
        self._head_bytes = 0
        self._tail = b""
        self._deadline: Any = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection, if there is room for it."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_LIMIT:
            self._refuse(503, "too-many-connections", f"more than {CONNECTIONS_LIMIT:,} connections are open")
        else:
            self._begin_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what waited for it."""
        self._end_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand on what arrived, as long as the head it belongs to is not too long."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._begin_deadline()  # a further request of the same connection begins
            end = (self._tail + data).find(END_OF_HEAD)
            self._head_bytes += len(data) if end < 0 else max(0, end - len(self._tail))
            self._tail = (self._tail + data)[-len(END_OF_HEAD) + 1 :]
            if self._head_bytes > HEAD_LIMIT:
                limit = (
                    f"the request line and its headers have {HEAD_LIMIT:,} bytes at most; ask for long ids in a batch"
                )
                self._refuse(431, "head-too-large", limit)
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """The head is there: what follows is bounded elsewhere."""
        self._in_head = False
        self._end_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is another head."""
        super().on_message_complete()
        self._in_head, self._head_bytes, self._tail = True, 0, b""

    def on_response_complete(self) -> None:
        """What has arrived of the next head by now has its time from here."""
        super().on_response_complete()
        if self._in_head and self._head_bytes:
            self._begin_deadline()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn says of a request that it cannot parse."""
        del msg
        self._refuse(400, "invalid-request", "this is no HTTP request that can be parsed")

    def _too_slow(self) -> None:
        self._deadline = None
        self._refuse(408, "too-slow", f"the head of a request did not arrive within {HEAD_SECONDS:g} seconds")

    def _begin_deadline(self) -> None:
        """Give a head its time, once nothing before it is still being answered: a refusal would go in between."""
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self._deadline is None and not is_answering and not self.transport.is_closing():
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int, kind: str, detail: str) -> None:
        """Answer in a line of the protocol, log it, and close the connection."""
        self._end_deadline()
        request_id = secrets.token_hex(8)
        logger.info("request refused", extra={"fields": {"request_id": request_id, "status": status, "kind": kind}})
        body = json.dumps(problem_body(status, kind, detail, request_id)).encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\ncache-control: no-store\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def server_config(app: Any) -> uvicorn.Config:
    """How uvicorn serves the app."""
    return uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        log_config=None,
        access_log=False,  # it would log customers' ids
        server_header=False,
        proxy_headers=False,  # nobody's address is looked at
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
