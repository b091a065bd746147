"""Operations over HTTP, as the GraphQL over HTTP specification says.

A status of 200 means that operations were executed, even if fields failed. A rejected request has
the status of its error.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from fastapi import Request, Response

from services.chassis.errors import ServiceError, Unavailable
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user_of_any_scope
from services.contracts.invalidations import reader_document
from services.gateway.container import Gateway
from services.gateway.graphql import engine, graphiql, limits
from services.gateway.graphql.budget import RequestBudget
from services.gateway.graphql.engine import GraphqlEngine
from services.gateway.graphql.errors import (
    BAD_REQUEST,
    TOO_COMPLEX,
    Entity,
    RequestRejected,
    failure_error,
)
from services.gateway.graphql.resolvers import create_context
from services.gateway.http.body import read_body
from services.gateway.http.json_body import parse_json
from services.gateway.ratelimit.charge import charge_of

_RESPONSE_TYPE = "application/graphql-response+json"
_QUERY_TIMEOUT = 20.0
"""Seconds. Mutations have no timeout."""


class GraphqlHandler:
    """Handles requests."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        settings = gateway.settings
        self.engine = GraphqlEngine(
            development=settings.microgram_development or settings.microgram_graphiql
        )

    async def handle(self, request: Request) -> Response:
        """Execute the operations of one request."""
        media = (
            _RESPONSE_TYPE
            if _RESPONSE_TYPE in request.headers.get("accept", "")
            else "application/json"
        )
        try:
            caller = await optional_user_of_any_scope(request)
            budget = RequestBudget(charge_of(request), charged=1)  # the rate limit counted one
            payload = await _read_json(request, budget)
            body = await self._run_all(payload, caller, budget)
            return Response(orjson.dumps(body), media_type=media)
        except ServiceError as failure:
            return error_response(failure, media)

    def page(self, request: Request) -> Response:
        """GraphiQL for browsers, if it is enabled; else 405."""
        if self._gateway.settings.microgram_graphiql and _is_browser(request):
            return graphiql.page()
        refused = RequestRejected("Send operations by POST.", BAD_REQUEST, 405)
        answer = error_response(refused, "application/json")
        answer.headers["allow"] = "POST"
        return answer

    async def _run_all(self, payload: Any, caller: Caller | None, budget: RequestBudget) -> Any:
        if not isinstance(payload, list):
            return await self._run(payload, caller, budget)
        if not 1 <= len(payload) <= limits.MAX_BATCH:
            raise RequestRejected(
                f"A list must have between 1 and {limits.MAX_BATCH} operations.",
                TOO_COMPLEX,
                limit="operations",
                most=limits.MAX_BATCH,
            )
        answers = []
        for each in payload:
            try:
                answers.append(await self._run(each, caller, budget))
            except ServiceError as failure:
                answers.append({"errors": errors_of(failure)})
        return answers

    async def _run(self, payload: Any, caller: Caller | None, budget: RequestBudget) -> Entity:
        prepared = self.engine.prepare(engine.GraphqlRequest.of(payload), budget)
        if prepared.kind == "subscription":
            raise RequestRejected("Send subscriptions over a WebSocket.", BAD_REQUEST)
        context = create_context(self._gateway, caller)
        if prepared.kind == "mutation":
            try:
                return await self.engine.run(prepared, context)
            finally:
                self._drop_pages_of(caller)
        try:
            async with asyncio.timeout(_QUERY_TIMEOUT):
                return await self.engine.run(prepared, context)
        except TimeoutError as error:
            raise Unavailable("A query took too long.") from error

    def _drop_pages_of(self, caller: Caller | None) -> None:
        """Let a user who wrote see it at once: the invalidation comes later."""
        if caller is not None:
            self._gateway.ready_pages.changed([reader_document(caller.user_id)])


def error_response(failure: ServiceError, media: str) -> Response:
    """The response to a request that is not executed."""
    answer = Response(
        orjson.dumps({"errors": errors_of(failure)}), failure.status, media_type=media
    )
    if "retry_after" in failure.details:
        answer.headers["retry-after"] = str(failure.details["retry_after"])
    return answer


def errors_of(failure: ServiceError) -> list[Entity]:
    """The GraphQL errors of a failure."""
    if isinstance(failure, engine.ValidationFailed):
        return failure.entities()
    return [failure_error(failure)]


def _is_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


async def _read_json(request: Request, budget: RequestBudget) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestRejected("Send the request as application/json.", BAD_REQUEST, 415)
    raw = await read_body(request, limits.MAX_BODY_BYTES)
    budget.charge_size(len(raw))
    try:
        payload = parse_json(raw)
    except ValueError as error:
        raise RequestRejected("The body is not valid JSON.", BAD_REQUEST) from error
    budget.charge_size(len(raw), len(payload) if isinstance(payload, list) else 1)
    return payload
