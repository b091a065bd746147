"""Requests over HTTP: read within bounds, counted, run, answered in the words of GraphQL over HTTP.

A status of 200 means that operations were run, whatever came of their fields; what is refused
before that has the status that says why.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from fastapi import Request, Response
from starlette.requests import HTTPConnection

from services.chassis.errors import ServiceError, TooLarge, Unavailable
from services.chassis.security.token_verifier import Caller, optional_user_of_any_scope
from services.gateway.desk import Desk
from services.gateway.graphql import engine, graphiql, limits
from services.gateway.graphql.engine import Engine
from services.gateway.graphql.errors import (
    BAD_REQUEST,
    RATE_LIMITED,
    TOO_COMPLEX,
    Entity,
    Refused,
    of_failure,
)
from services.gateway.graphql.http import COUNT, Count
from services.gateway.graphql.loaders import Reads
from services.gateway.graphql.needs import Context

_MEDIA = "application/graphql-response+json"
_PATIENCE = 20.0
"""Seconds that a query may take. Changes are not broken off."""


class Answering:
    """Answers requests."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        settings = desk.settings
        self.engine = Engine(
            development=settings.microgram_development or settings.microgram_graphiql
        )

    async def answer(self, request: Request) -> Response:
        """All that one request asks for."""
        media = _MEDIA if _MEDIA in request.headers.get("accept", "") else "application/json"
        try:
            caller = await optional_user_of_any_scope(request)
            said = await _said(request)
            body = await self._body(said, caller, counting(request))
            return Response(orjson.dumps(body), media_type=media)
        except ServiceError as failure:
            return refusal(failure, media)

    def page(self, request: Request) -> Response:
        """GraphQL is posted; where it is switched on, browsers get a page that does so."""
        if self._desk.settings.microgram_graphiql and _is_browser(request):
            return graphiql.page()
        refused = Refused("Operations are sent by POST.", BAD_REQUEST, 405)
        answer = refusal(refused, "application/json")
        answer.headers["allow"] = "POST"
        return answer

    async def _body(self, said: Any, caller: Caller | None, count: Count) -> Any:
        if not isinstance(said, list):
            return await self._run(said, caller, count, counted=1)
        if not 1 <= len(said) <= limits.BATCH:
            raise Refused(
                f"A list has between 1 and {limits.BATCH} operations.",
                TOO_COMPLEX,
                limit="operations",
                most=limits.BATCH,
            )
        answers = []
        for turn, each in enumerate(said):
            try:
                answers.append(await self._run(each, caller, count, counted=0 if turn else 1))
            except ServiceError as failure:
                answers.append({"errors": errors_of(failure)})
        return answers

    async def _run(self, said: Any, caller: Caller | None, count: Count, counted: int) -> Entity:
        prepared = self.engine.prepare(engine.Request.of(said))
        if prepared.kind == "subscription":
            raise Refused("Subscriptions are taken over a WebSocket.", BAD_REQUEST)
        charge(count, prepared.requests - counted)
        context = Context(self._desk, caller, Reads(self._desk, caller))
        if prepared.kind == "mutation":
            return await self.engine.run(prepared, context)
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self.engine.run(prepared, context)
        except TimeoutError as error:
            raise Unavailable("A query took too long.") from error


def counting(asked: HTTPConnection) -> Count:
    """What counts the requests of somebody; of the operator nothing does."""
    count: Count = asked.scope["state"].get(COUNT, _uncounted)
    return count


def charge(count: Count, times: int) -> None:
    """Count some requests more. Raises `Refused` where one is too many."""
    for _ in range(times):
        wait = count()
        if wait is not None:
            raise Refused("Too many requests", RATE_LIMITED, 429, retry_after=max(1, round(wait)))


def refusal(failure: ServiceError, media: str) -> Response:
    """The answer to a request of which nothing is run."""
    answer = Response(
        orjson.dumps({"errors": errors_of(failure)}), failure.status, media_type=media
    )
    if "retry_after" in failure.details:
        answer.headers["retry-after"] = str(failure.details["retry_after"])
    return answer


def errors_of(failure: ServiceError) -> list[Entity]:
    """A failure as errors."""
    if isinstance(failure, engine.Invalidated):
        return failure.entities()
    return [of_failure(failure)]


def _is_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _uncounted() -> float | None:
    return None


async def _said(request: Request) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused("A request is sent as application/json.", BAD_REQUEST, 415)
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > limits.BODY_BYTES:
            raise TooLarge(f"A request has at most {limits.BODY_BYTES // 1024} KiB.")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refused("The body is not valid JSON.", BAD_REQUEST) from error
