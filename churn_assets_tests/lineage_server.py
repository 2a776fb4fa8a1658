"""A lineage server for tests: it keeps what is posted to it."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["LineageServer", "lineage_server"]


class LineageServer(http.server.HTTPServer):
    """Answers every POST with `status`, and keeps (path, type of content, JSON document) of each in `events`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 201
        self.events: list[tuple[str, str, Any]] = []

    @property
    def url(self) -> str:
        """The address to post to."""
        return f"http://127.0.0.1:{self.server_port}/api/v1/lineage"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Take one event."""
        assert isinstance(self.server, LineageServer)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.events.append((self.path, self.headers["Content-Type"], json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def lineage_server() -> Iterator[LineageServer]:
    """A server on a free port."""
    with LineageServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
