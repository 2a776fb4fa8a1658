"""The OpenAPI document: what the framework makes of the endpoints, with refusals and keys as they are."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from churn_assets.app.web.auth import is_guarded
from churn_assets.app.web.problems import MEDIA_TYPE

__all__ = ["describe"]

FIRST_REFUSAL = 400
PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def describe(app: FastAPI, *, keys: bool) -> dict[str, Any]:
    """The document of `app`; `keys` says whether endpoints ask for one."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            for status, response in responses.items():
                if int(status) >= FIRST_REFUSAL:
                    response["content"] = PROBLEM["content"]
            if keys and is_guarded(path):
                operation["security"] = [{"key": []}]
                responses["401"] = {"description": "The key is wrong or missing", **PROBLEM}
    if keys:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return document
