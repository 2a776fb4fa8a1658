"""Why customers are at risk: reasons within the answers about scores, and what drives the risk of a whole day."""

import json
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response

from churn_assets.app.scores.current import CurrentScores
from churn_assets.app.scores.reasons import CurrentReasons
from churn_assets.app.web.problems import request_record
from churn_assets.app.web.schemas import Day, Drivers, Problem

__all__ = ["add_drivers", "with_reasons"]


def with_reasons(row: bytes, told: dict[str, Any]) -> bytes:
    """A score as JSON, and after its own fields what is told of its reasons."""
    return row[:-1] + b"," + json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()[1:]


def add_drivers(app: FastAPI, current: CurrentScores, reasons: CurrentReasons) -> None:
    """`GET /v1/drivers`."""

    @app.get(
        "/v1/drivers",
        response_model=Drivers,
        responses={
            404: {"model": Problem, "description": "No scores of this day"},
            422: {"model": Problem, "description": "The request is not valid; `errors` names the fields"},
            503: {"model": Problem, "description": "There are no scores or reasons that can be read"},
        },
        summary="What drives a day's high risk",
    )
    async def drivers(
        request: Request,
        snapshot_date: Annotated[Day | None, Query(description="Another day than the newest")] = None,
    ) -> Response:
        snapshot, stale = await current.at(snapshot_date)
        request_record(request.scope).score_version = snapshot.version
        found = await reasons.day(snapshot)
        first: dict[str, int] = {} if found is None else found.details["first_families_of_high"]
        customers = sum(first.values())
        answer = {
            "snapshot_date": str(snapshot.day),
            "score_version": snapshot.version,
            "stale": stale,
            "explained": None if found is None else found.details["explained"],
            "high_risk": customers,
            "drivers": [
                {"family": family, "customers": count, "share": count / customers} for family, count in first.items()
            ],
        }
        return Response(json.dumps(answer, ensure_ascii=False), 200, {"Cache-Control": "no-store"}, "application/json")
