"""The endpoints. Each takes one snapshot and answers from it alone."""

import datetime as dt
import json
from collections.abc import Set as AbstractSet
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from churn_assets.app.scores.current import CurrentScores
from churn_assets.app.scores.reasons import CurrentReasons
from churn_assets.app.scores.snapshot import ScoreSnapshot
from churn_assets.app.telemetry.metrics import Metrics
from churn_assets.app.web.fast_route import FastRoute, RawResponse
from churn_assets.app.web.problems import Refusal, problem, request_record
from churn_assets.app.web.reasons import add_drivers, with_reasons
from churn_assets.app.web.schemas import (
    AtRiskPage,
    Batch,
    BatchRequest,
    Day,
    ExplainedScore,
    Health,
    History,
    Problem,
    Readiness,
    Score,
    Snapshots,
    Summary,
)
from churn_assets.core.errors import InputError
from churn_assets.storage.lookup.reader import Cursor

__all__ = ["add_endpoints", "known_parameters"]

MEDIA_TYPE = "application/json"
REVALIDATE = b"private, no-cache"  # a rollback is seen within a second, by caches too
CustomerId = Annotated[str, Path(min_length=1, description="Any text, percent-encoded; `/` too")]
SnapshotDate = Annotated[Day | None, Query(description="Another day than the newest")]
SCORE_PARAMETERS = [  # of the one endpoint whose parameters are read by hand: validation costs more than the answer
    {
        "name": "customer_id",
        "in": "path",
        "required": True,
        "description": "Any text, percent-encoded; `/` too",
        "schema": {"type": "string", "minLength": 1},
    },
    {
        "name": "snapshot_date",
        "in": "query",
        "required": False,
        "description": "Another day than the newest",
        "schema": {"type": "string", "format": "date"},
    },
    {
        "name": "reasons",
        "in": "query",
        "required": False,
        "description": "Whether to tell why",
        "schema": {"type": "boolean", "default": False},
    },
]
A_DAY: TypeAdapter[dt.date] = TypeAdapter(Day)
REASONS = {
    404: "No score of this customer, or no scores of this day",
    422: "The request is not valid; `errors` names the fields",
    503: "There are no scores, or they are too old to be served",
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem, "description": REASONS[status]} for status in statuses}


def add_endpoints(app: FastAPI, current: CurrentScores, reasons: CurrentReasons, metrics: Metrics) -> FastRoute:
    """Every endpoint that answers in JSON; the one that most requests ask for is given back."""
    _add_score(app, current, reasons)
    [fast_route] = [route for route in app.routes if isinstance(route, FastRoute)]
    _add_scores(app, current, reasons)
    add_drivers(app, current, reasons)
    _add_lists(app, current)
    _add_probes(app, current, metrics)
    return fast_route


def _add_score(app: FastAPI, current: CurrentScores, reasons: CurrentReasons) -> None:
    not_modified: dict[int | str, dict[str, Any]] = {304: {"description": "`If-None-Match` names these scores"}}

    async def score(request: Request) -> Response:
        customer_id, day, tells_why = _parameters(request)
        snapshot, stale = current.newest() if day is None else await current.at(day)
        request_record(request.scope).score_version = snapshot.version
        hit = snapshot.lookup.find(customer_id)
        if hit is None:
            raise Refusal(404, "unknown-customer", f"this customer has no score on {snapshot.day}")
        if tells_why:
            told = await reasons.of(snapshot, [customer_id])
            row = with_reasons(snapshot.row(customer_id, hit, stale=stale), told[customer_id])
            return Response(row, 200, {"Cache-Control": "no-store"}, MEDIA_TYPE)
        etag = snapshot.etag(stale=stale)
        if _is_known(request, etag):
            return RawResponse(b"", 304, {b"etag": etag, b"cache-control": REVALIDATE})
        headers = {b"content-type": b"application/json", b"etag": etag, b"cache-control": REVALIDATE}
        return RawResponse(snapshot.row(customer_id, hit, stale=stale), 200, headers)

    app.router.add_api_route(
        "/v1/scores/{customer_id:text}",
        score,
        methods=["GET"],
        route_class_override=FastRoute,
        response_model=Score | ExplainedScore,
        responses=not_modified | _problems(404, 422, 503),
        summary="One customer's score",
        openapi_extra={"parameters": SCORE_PARAMETERS},
    )


def _add_scores(app: FastAPI, current: CurrentScores, reasons: CurrentReasons) -> None:
    @app.post(
        "/v1/scores:batchGet",
        response_model=Batch,
        responses=_problems(404, 422, 503) | {413: {"model": Problem, "description": "The body is too large"}},
        summary="The scores of up to 1,000 customers",
    )
    async def scores(request: Request, batch: BatchRequest) -> Response:
        snapshot, stale = await current.at(batch.snapshot_date)
        request_record(request.scope).score_version = snapshot.version
        hits = {customer: snapshot.lookup.find(customer) for customer in batch.customer_ids}
        found = [(customer, hit) for customer, hit in hits.items() if hit]
        if batch.reasons:
            told = await reasons.of(snapshot, [customer for customer, _ in found])
            each = [with_reasons(snapshot.row(name, hit, stale=stale), told[name]) for name, hit in found]
            rows = b"[" + b",".join(each) + b"]"
        else:
            rows = snapshot.rows(found, stale=stale)
        missing = json.dumps([customer for customer, hit in hits.items() if not hit]).encode()
        body = b'%b,"scores":%b,"missing":%b}' % (snapshot.opening(stale=stale), rows, missing)
        return Response(body, 200, {"Cache-Control": "no-store"}, MEDIA_TYPE)

    @app.get(
        "/v1/history/{customer_id:text}",
        response_model=History,
        responses=_problems(404, 422, 503),
        summary="One customer's scores of the last days",
    )
    async def history(customer_id: CustomerId, days: Annotated[int, Query(ge=1, le=31)] = 14) -> Response:
        current.newest()  # where the newest are refused, so are these
        served, rows, unreadable = current.served, [], []
        for day in sorted(served.catalog.days, reverse=True)[:days]:
            try:
                snapshot = await current.snapshot_of(served, day)
            except Refusal:  # one day that cannot be read takes nothing from the others
                unreadable.append(str(day))
                continue
            if hit := snapshot.lookup.find(customer_id):
                rows.append(snapshot.row(customer_id, hit, stale=current.is_stale(snapshot)))
        if not rows:
            raise Refusal(404, "unknown-customer", f"this customer has no score on the last {days} days with scores")
        body = b'{"customer_id":%b,"scores":[%b],"unreadable":%b}' % (
            json.dumps(customer_id).encode(),
            b",".join(rows),
            json.dumps(unreadable).encode(),
        )
        return Response(body, 200, {"Cache-Control": "no-store"}, MEDIA_TYPE)


def _add_lists(app: FastAPI, current: CurrentScores) -> None:
    @app.get("/v1/snapshots", response_model=Snapshots, responses=_problems(503), summary="Every day with scores")
    async def snapshots() -> Response:
        catalog = current.served.catalog
        if not catalog.days:
            current.newest()
        listed = [
            {
                "snapshot_date": str(day),
                "score_version": each.scores.version,
                "rows": each.rows,
                "model_version": each.model_version,
                "published_at": each.published_at.isoformat(),
            }
            for day, each in sorted(catalog.days.items(), reverse=True)
        ]
        return _json({"snapshots": listed})

    @app.get(
        "/v1/customers/at-risk",
        response_model=AtRiskPage,
        responses=_problems(404, 422, 503),
        summary="The customers at risk, the highest probability first",
    )
    async def at_risk(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        after: Annotated[str | None, Query(description="`next` of the page before")] = None,
        snapshot_date: SnapshotDate = None,
    ) -> Response:
        snapshot, stale = await current.at(snapshot_date)
        request_record(request.scope).score_version = snapshot.version
        listed = list(snapshot.lookup.at_risk(_cursor(after), limit + 1))
        page = listed[:limit]
        following = Cursor.after(page[-1][1].probability, page[-1][0]).token() if len(listed) > limit else None
        body = b'%b,"scores":%b,"next":%b}' % (
            snapshot.opening(stale=stale),
            snapshot.rows(page, stale=stale),
            json.dumps(following).encode(),
        )
        return Response(body, 200, {"Cache-Control": "no-store"}, MEDIA_TYPE)

    @app.get("/v1/summary", response_model=Summary, responses=_problems(404, 422, 503), summary="A day in figures")
    async def summary(request: Request, snapshot_date: SnapshotDate = None) -> Response:
        snapshot, stale = await current.at(snapshot_date)
        request_record(request.scope).score_version = snapshot.version
        return _json(_summary(snapshot, stale=stale))


def _add_probes(app: FastAPI, current: CurrentScores, metrics: Metrics) -> None:
    @app.get("/healthz", response_model=Health, summary="Whether the process answers")
    async def healthz() -> Response:
        return _json({"status": "alive"})

    @app.get("/readyz", response_model=Readiness, responses=_problems(503), summary="Whether fresh scores are served")
    async def readyz(request: Request) -> Response:
        snapshot, refusal = current.served.newest, current.unready()
        if refusal is not None or snapshot is None:
            return problem(request.scope, refusal or Refusal(503, "no-scores", "there are no scores"))
        answer = {"status": "ready", "snapshot_date": str(snapshot.day), "score_version": snapshot.version}
        return _json(answer | {"fresh_until": snapshot.fresh_until.isoformat()})

    @app.get("/metrics", include_in_schema=False)
    async def prometheus() -> Response:
        return metrics.page()


def _summary(snapshot: ScoreSnapshot, *, stale: bool) -> dict[str, Any]:
    day = snapshot.lookup.card.summary
    return {
        "snapshot_date": str(snapshot.day),
        "score_version": snapshot.version,
        "model_version": snapshot.published.model_version,
        "published_at": snapshot.published.published_at.isoformat(),
        "stale": stale,
        "fresh_until": snapshot.fresh_until.isoformat(),
        "rows": snapshot.lookup.card.rows,
        "mean_probability": day.mean_probability,
        "tiers": day.tiers,
        "actions": day.actions,
        "models": day.models,
        "histogram": day.histogram,
    }


def _parameters(request: Request) -> tuple[str, dt.date | None, bool]:
    """The customer and the day of a request for one score, and whether reasons are asked for."""
    customer_id: str = request.path_params["customer_id"]
    if not customer_id:
        raise Refusal(422, "invalid-request", "an id has at least one character", field="customer_id")
    if not request.scope["query_string"]:
        return customer_id, None, False
    refuse_unknown(request, {"snapshot_date", "reasons"})
    asked = request.query_params.get("reasons", "false")
    if asked not in {"true", "false"}:
        raise Refusal(422, "invalid-request", "write true or false", field="reasons")
    named = request.query_params.get("snapshot_date")
    try:
        return customer_id, None if named is None else A_DAY.validate_python(named), asked == "true"
    except ValidationError as error:
        raise Refusal(422, "invalid-request", "write a day as 2026-11-01", field="snapshot_date") from error


def refuse_unknown(request: Request, known: AbstractSet[str]) -> None:
    """Refuse parameters that are not there: a day that is misspelled must not be answered with another."""
    for name in request.query_params.keys() - known:
        raise Refusal(422, "invalid-request", "there is no such parameter", field=name)


async def known_parameters(request: Request) -> None:
    """The same for every endpoint below `/v1/`."""
    route = request.scope["route"]
    if request.scope["query_string"] and route.path.startswith("/v1/"):
        refuse_unknown(request, {parameter.alias for parameter in route.dependant.query_params})


def _cursor(after: str | None) -> Cursor | None:
    try:
        return None if after is None else Cursor.of(after)
    except InputError as error:
        raise Refusal(422, "invalid-request", str(error), field="after") from error


def _is_known(request: Request, etag: bytes) -> bool:
    given = next((value for name, value in request.scope["headers"] if name == b"if-none-match"), b"")
    return bool(given) and any(each.strip().removeprefix(b"W/") in {etag, b"*"} for each in given.split(b","))


def _json(answer: dict[str, Any]) -> Response:
    return Response(json.dumps(answer, ensure_ascii=False), 200, {"Cache-Control": "no-store"}, MEDIA_TYPE)
