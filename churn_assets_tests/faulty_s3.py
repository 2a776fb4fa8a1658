"""A proxy in front of an S3 server that answers badly when it is told to; a process of its own, for tests only."""

import http.client
import json
import re
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

__all__ = ["Fault", "inject"]

CONTROL = "/--faults"
FOREVER = 1_000_000
HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "expect"}
Kind = Literal["500", "503", "slow", "cut", "half", "unheard"]


@dataclass
class Fault:
    """What befalls requests of a `method` whose path matches: each of the first `times`, and then none.

    `500` and `503` are answered at once; `slow` is passed on after `seconds`; `cut` ends the connection
    when half of the request has come; `half` when half of the answer has gone; `unheard` when the request was done and
    nothing of the answer has gone.
    """

    kind: Kind
    method: str = "GET|HEAD|PUT|POST|DELETE"
    path: str = ".*"
    times: int = FOREVER
    seconds: float = 3.0


def inject(endpoint: str, *faults: Fault) -> int:
    """Let these befall requests from now on, and no others; how many were befallen since the last time."""
    body = json.dumps([asdict(fault) for fault in faults]).encode()
    with urlopen(Request(endpoint + CONTROL, body, method="PUT")) as answer:  # noqa: S310  # of this machine
        return int(answer.read())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target = ""
    faults: list[Fault] = []  # noqa: RUF012  # replaced as a whole
    befallen = 0
    lock = threading.Lock()

    def log_message(self, *_: object) -> None:
        """Nothing: a line for each request tells a test nothing."""

    def do_GET(self) -> None:
        """Pass a request on, or not."""
        if self.path == CONTROL:
            self._control(self._body())
            return
        fault = self._fault()
        if fault is not None and fault.kind == "cut":
            self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
            self._hang_up()
            return
        body = self._body()
        if fault is not None and fault.kind in {"500", "503"}:
            self._answer(int(fault.kind), {"Content-Type": "application/xml"}, _refusal(fault.kind))
            return
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        self._pass_on(body, fault)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815  # names of the base class

    def _body(self) -> bytes:
        """All of a request's body, also of one that comes in chunks, as those of AWS's own library do."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _pass_on(self, body: bytes, fault: Fault | None) -> None:
        connection = http.client.HTTPConnection(self.target, timeout=30)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(self.command, self.path, body, kept | {"Content-Length": str(len(body))})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if fault is not None and fault.kind == "unheard":
            self._hang_up()
            return
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        half = fault is not None and fault.kind == "half"
        self._answer(answer.status, kept, content, half=half)

    def _answer(self, status: int, headers: dict[str, str], content: bytes, *, half: bool = False) -> None:
        self.send_response_only(status)
        length = next((value for name, value in headers.items() if name.lower() == "content-length"), str(len(content)))
        for name, value in {**headers, "Content-Length": length}.items():
            if name.lower() != "content-length" or name == "Content-Length":
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else content[: len(content) // 2] if half else content)
        if half:
            self._hang_up()

    def _fault(self) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times and re.fullmatch(fault.method, self.command) and re.search(fault.path, self.path):
                    fault.times -= 1
                    type(self).befallen += 1
                    return fault
        return None

    def _control(self, body: bytes) -> None:
        with self.lock:
            before = self.befallen
            type(self).faults, type(self).befallen = [Fault(**each) for each in json.loads(body)], 0
        self._answer(200, {}, str(before).encode())

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


def _refusal(status: str) -> bytes:
    code = {"500": "InternalError", "503": "SlowDown"}[status]
    return f"<Error><Code>{code}</Code><Message>again</Message></Error>".encode()


if __name__ == "__main__":
    _Handler.target = urlsplit(sys.argv[1]).netloc
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    sys.stdout.write(f"{proxy.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
