"""The pages for the retention team and for whoever watches the model: files, and headers that let nothing else in.

The pages ask the same endpoints as any program, so they say nothing that those do not; where keys
are set they ask their reader for one, and keep it until the tab is closed.
"""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response

__all__ = ["POLICY", "add_pages"]

FOLDER = Path(__file__).with_name("site")
PAGES = {"/": "index.html", "/monitoring": "monitoring.html"}
ASSETS = (
    *("shared.js", "page.js", "reasons.js", "page.css", "favicon.svg"),
    *("charts.js", "drift.js", "monitoring.js", "monitoring.css"),
)
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def add_pages(app: FastAPI) -> None:
    """The pages and what they are made of, read once."""
    for path, name in (PAGES | {f"/{name}": name for name in ASSETS}).items():
        answer = _file(FOLDER / name, MEDIA_TYPES[Path(name).suffix])
        app.add_api_route(path, answer, methods=["GET"], include_in_schema=False)


def _file(path: Path, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = path.read_bytes()
    headers = HEADERS | {"ETag": f'"{hashlib.sha256(content).hexdigest()[:16]}"'}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(None, 304, headers)
        return Response(content, 200, headers, media_type)

    return answer
