"""The service of the contract suites: it echoes, fails, delays and records events.

The same program runs on the fakes, in this process, and beside real sidecars, in its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from services.chassis import telemetry
from services.chassis.consuming.events import Event, PoisonMessage
from services.chassis.errors import RateLimited, ServiceError, Unavailable
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.access_rules import read_access
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.contracts.events import EventType
from tests.contract.workflows import workflow_routes

ACCESS = Path(__file__).with_name("access.yaml")
TOPIC = "contract"
CHANGED: EventType[dict[str, Any]] = EventType("contract.changed", TOPIC, "alpha", dict)
WORKER = "orders"
"""The app that runs workflows, with the name that topology and components require."""


def create_echo_app(settings: Settings) -> FastAPI:
    service = Service(settings)
    received: list[dict[str, Any]] = []
    tries: Counter[str] = Counter()
    if service.name == "alpha":
        service.outbox(TOPIC)

    async def on_changed(event: Event[dict[str, Any]]) -> None:
        id = event.envelope.id
        tries[id] += 1
        do, _, times = str(event.data.get("do", "keep")).partition(":")
        if do == "drop":
            raise PoisonMessage("I was told to.")
        if do == "retry" and tries[id] <= int(times):
            raise Unavailable("I was told to.")
        trace = telemetry.current().traceparent
        received.append({**event.envelope.model_dump(), "traced": trace, "tries": tries[id]})

    service.on(CHANGED, on_changed, spread=True)
    routers = [_routes(received)]
    if service.name == WORKER:
        routers.append(workflow_routes(service))
    access = read_access(ACCESS)[service.name]
    access = replace(access, publishes=access.publishes & {TOPIC})  # the others are for the runner
    return service.create_app(*routers, access=access)


def _routes(received: list[dict[str, Any]]) -> APIRouter:
    router = APIRouter()

    @router.api_route("/echo/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def echo(rest: str, request: Request) -> Response:
        body = await request.body()
        seen = {
            "method": request.method,
            "path": rest,
            "params": dict(request.query_params),
            "headers": [[k.decode(), v.decode()] for k, v in request.headers.raw],
            "size": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        return OrjsonResponse(seen, 201, headers={"x-echo": "yes"})

    @router.get("/bytes/{count}")
    async def some(count: int) -> Response:
        return Response(bytes(count), media_type="application/octet-stream")

    @router.get("/for-alpha")
    async def for_alpha() -> dict[str, str]:
        return {"welcome": "alpha"}

    @router.get("/received")
    async def what_was_heard(stream: str) -> Response:
        return OrjsonResponse([event for event in received if event["stream"] == stream])

    _trouble(router)
    return router


def _trouble(router: APIRouter) -> None:
    calls: Counter[str] = Counter()

    @router.post("/tally/{name}")
    async def tally(name: str, status: int = 200, seconds: float = 0) -> Response:
        calls[name] += 1
        await asyncio.sleep(seconds)
        return OrjsonResponse({"code": "on_purpose", "message": "x"}, status)

    @router.get("/tally/{name}")
    async def tallied(name: str) -> int:
        return calls[name]

    @router.get("/fail/{status}")
    async def fail(status: int) -> None:
        if status == 429:
            raise RateLimited("Slow down.", code="too_fast", wait=3)
        failure = ServiceError(f"Failing with {status}.", code="on_purpose", why="asked to")
        failure.status = status
        raise failure

    @router.get("/empty/{status}")
    async def empty(status: int) -> Response:
        return Response(status_code=status)

    @router.get("/slow")
    async def slow(seconds: float) -> None:
        await asyncio.sleep(seconds)

    @router.post("/die")
    async def die() -> None:
        os._exit(7)


def main() -> None:
    app = create_echo_app(Settings())
    owner: Service = app.state.service
    owner.run(app)


if __name__ == "__main__":
    main()
