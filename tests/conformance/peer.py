"""A stand-in for one service around the service under test, beside a sidecar of its own.

It answers as it was told, keeps what it receives, and publishes and calls what it is told to. The
tests talk to it under `/peer/…`, with the token that its sidecar has, too.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.chassis.security.access_rules import read_access

_SUBJECT = "CONFORMANCE_SUBJECT"
"""The variable with the app-id of the service under test."""

_OPEN = ("/healthz", "/readyz")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass
class Peer:
    """What a stand-in was told, and what it has received."""

    app_id: str
    subject: str
    sidecar_port: int
    sidecar_token: str
    app_token: str
    answers: dict[str, Any] = field(default_factory=dict)
    """Bodies by method and path, such as `GET /jwks`."""
    streams: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    """The events that `/changes` gives, by topic and stream."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)

    @property
    def topics(self) -> list[str]:
        """The topics of the service under test that this service subscribes to."""
        access = read_access()
        own = access[self.app_id]
        return sorted(own.subscribes & access[self.subject].publishes)

    @property
    def pubsub(self) -> str:
        return read_access()[self.app_id].pubsub

    def subscriptions(self) -> list[dict[str, str]]:
        return [
            {"pubsubname": self.pubsub, "topic": topic, "route": f"/received/{topic}"}
            for topic in self.topics
        ]

    def heads(self, topics: list[str]) -> dict[str, dict[str, int]]:
        return {
            topic: {
                stream: max(event["sequence"] for event in events)
                for stream, events in self.streams.get(topic, {}).items()
            }
            for topic in topics
        }

    def changes(self, topic: str, stream: str, after: int, limit: int) -> dict[str, Any]:
        events = self.streams.get(topic, {}).get(stream, [])
        found = sorted(
            (event for event in events if event["sequence"] > after),
            key=lambda event: int(event["sequence"]),
        )[:limit]
        return {"events": found, "settled": found[-1]["sequence"] if found else after}


def create_app(peer: Peer) -> Starlette:
    """The stand-in as an ASGI app."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def subscribe(_: Request) -> Response:
        return JSONResponse(peer.subscriptions())

    async def receive(request: Request) -> Response:
        message = await request.json()
        peer.events += message["data"]["events"]
        return JSONResponse({"status": "SUCCESS"})

    def note(request: Request) -> str:
        name = f"{request.method} {request.url.path}"
        peer.requests.append({"route": name, "query": dict(request.query_params)})
        return name

    async def heads(request: Request) -> Response:
        note(request)
        return JSONResponse(peer.heads(request.query_params["topics"].split(",")))

    async def changes(request: Request) -> Response:
        note(request)
        asked = request.query_params
        after, limit = int(asked["after"]), int(asked.get("limit", 64))
        topic, stream = request.path_params["topic"], request.path_params["stream"]
        return JSONResponse(peer.changes(topic, stream, after, limit))

    async def tell(request: Request) -> Response:
        """Set answers and streams."""
        told = await request.json()
        peer.answers |= told.get("answers", {})
        for topic, streams in told.get("streams", {}).items():
            for stream, events in streams.items():
                peer.streams.setdefault(topic, {}).setdefault(stream, []).extend(events)
        return JSONResponse({})

    async def received(_: Request) -> Response:
        return JSONResponse({"requests": peer.requests, "events": peer.events})

    async def send(request: Request) -> Response:
        """Call the own sidecar, and return its answer as it is."""
        told = await request.json()
        headers = {**told.get("headers", {}), "dapr-api-token": peer.sidecar_token}
        url = f"http://127.0.0.1:{peer.sidecar_port}/v1.0{told['path']}"
        body = told.get("body")
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                told["method"], url, data=None if body is None else body, headers=headers
            ) as answer,
        ):
            text = (await answer.read()).decode(errors="replace")
            return JSONResponse({"status": answer.status, "body": text})

    async def answer(request: Request) -> Response:
        name = note(request)
        if name in peer.answers:
            return JSONResponse(peer.answers[name])
        return JSONResponse({"code": "not_found", "message": "The stand-in was not told."}, 404)

    routes = [
        *(Route(path, health) for path in _OPEN),
        Route("/dapr/subscribe", subscribe),
        Route("/received/{topic}", receive, methods=["POST"]),
        Route("/changes", heads),
        Route("/changes/{topic}/{stream}", changes),
        Route("/peer/tell", tell, methods=["POST"]),
        Route("/peer/send", send, methods=["POST"]),
        Route("/peer/received", received),
        Route("/{path:path}", answer, methods=_METHODS),
    ]
    app = Starlette(routes=routes)

    @app.middleware("http")
    async def only_with_the_token(request: Request, call_next: Any) -> Response:
        given = request.headers.get("dapr-api-token", "")
        if request.url.path in _OPEN or compare_digest(given, peer.app_token):
            response: Response = await call_next(request)
            return response
        return JSONResponse({"code": "unauthenticated", "message": "No token."}, 401)

    return app


def main() -> None:
    """Serve the stand-in of `APP_ID`."""
    env = os.environ
    peer = Peer(
        app_id=env["APP_ID"],
        subject=env[_SUBJECT],
        sidecar_port=int(env["DAPR_HTTP_PORT"]),
        sidecar_token=env["DAPR_API_TOKEN"],
        app_token=env["APP_API_TOKEN"],
        answers=json.loads(env.get("CONFORMANCE_ANSWERS", "{}")),
    )
    uvicorn.run(create_app(peer), host="127.0.0.1", port=int(env["APP_PORT"]), log_level="warning")


if __name__ == "__main__":
    main()
