"""Every refusal in one shape: problem details after RFC 9457, and never a traceback."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Scope

__all__ = ["MEDIA_TYPE", "Refusal", "RequestRecord", "install_handlers", "problem", "problem_body", "request_record"]

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:churn-assets:problem:"
KINDS = {404: "not-found", 405: "method-not-allowed"}


@dataclass(slots=True)
class RequestRecord:
    """What becomes known of a request while it is answered, for the log and the metrics."""

    request_id: str
    kind: str = ""
    score_version: str = ""
    key: str = ""


class Refusal(Exception):  # it is an answer, not an accident
    """A request that gets no answer, and why; `kind` is the class of failure that metrics count."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        field: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors: Sequence[tuple[str, str]] | None = [(field, detail)] if field else None
        self.headers = dict(headers or {})


def request_record(scope: Scope) -> RequestRecord:
    """What is known of the request so far."""
    record: RequestRecord = scope["churn_record"]
    return record


def problem_body(status: int, kind: str, detail: str, request_id: str) -> dict[str, Any]:
    """The members of a problem detail."""
    return {
        "type": TYPE + kind,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": f"urn:churn-assets:request:{request_id}",
    }


def problem(scope: Scope, refusal: Refusal) -> Response:
    """The answer that tells a refusal."""
    record = request_record(scope)
    record.kind = refusal.kind
    body = problem_body(refusal.status, refusal.kind, refusal.detail, record.request_id)
    if refusal.errors is not None:
        body["errors"] = [{"field": field, "message": message} for field, message in refusal.errors]
    headers = {"Cache-Control": "no-store", **refusal.headers}
    return Response(json.dumps(body), refusal.status, headers, MEDIA_TYPE)


def install_handlers(app: FastAPI) -> None:
    """Let the framework's own refusals have the same shape."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        return problem(request.scope, refusal)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        refusal = Refusal(422, "invalid-request", "the request is not valid; `errors` says where")
        refusal.errors = [(_field(fault["loc"]), fault["msg"]) for fault in error.errors()]
        return problem(request.scope, refusal)

    @app.exception_handler(HTTPException)
    async def unmatched(request: Request, error: HTTPException) -> Response:
        if error.status_code not in KINDS:  # a body that is not even text
            unreadable = Refusal(422, "invalid-request", str(error.detail), field="body")
            return problem(request.scope, unreadable)
        status = error.status_code
        details = {404: "there is nothing here; /openapi.json lists what there is"}
        detail = details.get(status, str(error.detail))
        return problem(request.scope, Refusal(status, KINDS[status], detail, headers=_with_head(error.headers or {})))


def _with_head(headers: Mapping[str, str]) -> dict[str, str]:
    """`Allow` as it is: the framework does not know that HEAD is answered wherever GET is."""
    methods = set(headers.get("Allow", "").split(", "))
    return {**headers, "Allow": ", ".join(sorted(methods | {"HEAD"}))} if "GET" in methods else dict(headers)


def _field(place: Sequence[Any]) -> str:
    """The name of a field: `snapshot_date`, `customer_ids.3`, or `body` as a whole."""
    inner = [str(part) for part in place[1:] if isinstance(part, str) or place[0] != "body" or len(place) > 2]  # noqa: PLR2004  # a position alone is a place in the text, not a field
    return ".".join(inner) or str(place[0])
