"""A real HTTP and a real SMTP server on this machine, which take what alerts are sent by; for tests only."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

__all__ = ["Mailbox", "Posts", "mail_server", "web_server"]


@dataclass
class Posts:
    """What was posted, and what is answered: one status after the other, the last for ever."""

    answers: list[int] = field(default_factory=lambda: [204])
    bodies: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""


@dataclass
class Mailbox:
    """The mails that came; refused where so told."""

    refuse: bool = False
    mails: list[str] = field(default_factory=list)
    port: int = 0


@contextmanager
def web_server(*answers: int) -> Iterator[Posts]:
    """A web server that gives these answers."""
    posts = Posts(list(answers) or [204])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.bodies.append(json.loads(body))
            self.send_response(posts.answers.pop(0) if len(posts.answers) > 1 else posts.answers[0])
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
            """Say nothing."""

    with _serving(HTTPServer(("127.0.0.1", 0), Handler)) as port:
        posts.url = f"http://127.0.0.1:{port}/hook?token=SECRET-TOKEN"
        yield posts


@contextmanager
def mail_server(*, refuse: bool = False) -> Iterator[Mailbox]:
    """A mail server, as far as RFC 5321 asks of one that takes a mail."""
    box = Mailbox(refuse)

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            self.say("220 here")
            while line := self.rfile.readline().decode().strip():
                verb = line.split(maxsplit=1)[0].upper()
                if verb == "QUIT":
                    self.say("221 bye")
                    return
                if verb == "RCPT" and box.refuse:
                    self.say("550 no such mailbox")
                elif verb == "DATA":
                    self.say("354 go on")
                    box.mails.append("".join(iter(lambda: self.rfile.readline().decode(), ".\r\n")))
                    self.say("250 taken")
                else:
                    self.say("250 ok")

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        box.port = port
        yield box


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
