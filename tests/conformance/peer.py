"""A stand-in for one service around the service under test, beside a sidecar of its own.

It answers as it was told, keeps what it receives, and publishes and calls what it is told to. The
tests talk to it under `/peer/…`, with the token that its sidecar has, too.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from services.chassis.security.access_rules import read_access

_SUBJECT = "CONFORMANCE_SUBJECT"
"""The variable with the app-id of the service under test."""

_OPEN = ("/healthz", "/readyz")
_REVOCATIONS_AT_ONCE = 3
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
    revoked: list[str] = field(default_factory=list)
    """What auth answers of revocations, a few at a time."""
    deleted: set[str] = field(default_factory=set)
    """The users of whose deletion auth knows."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    """The messages that brought the events, without these, and with their number."""

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

    def revocations(self, after: int) -> dict[str, Any]:
        found = self.revoked[after : after + _REVOCATIONS_AT_ONCE]
        return {"revoked": found, "next": after + len(found)}


class PeerRoutes:
    """The routes of a stand-in."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def app(self) -> Starlette:
        """The stand-in as an ASGI app."""
        routes = [
            *(Route(path, self._health) for path in _OPEN),
            Route("/dapr/subscribe", self._subscribe),
            Route("/received/{topic}", self._receive, methods=["POST"]),
            Route("/revocations", self._revocations),
            Route("/deletions", self._deletions),
            Route("/changes", self._heads),
            Route("/changes/{topic}/{stream}", self._changes),
            Route("/peer/tell", self._tell, methods=["POST"]),
            Route("/peer/send", self._send, methods=["POST"]),
            Route("/peer/received", self._received),
            Route("/{path:path}", self._answer, methods=_METHODS),
        ]
        return Starlette(
            routes=routes, middleware=[Middleware(_OnlyWithToken, token=self._peer.app_token)]
        )

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _subscribe(self, _: Request) -> Response:
        return JSONResponse(self._peer.subscriptions())

    async def _receive(self, request: Request) -> Response:
        message = await request.json()
        events = message["data"]["events"]
        self._peer.events += events
        self._peer.messages.append(message | {"data": None, "number": len(events)})
        return JSONResponse({"status": "SUCCESS"})

    async def _heads(self, request: Request) -> Response:
        self._note(request)
        return JSONResponse(self._peer.heads(request.query_params["topics"].split(",")))

    async def _changes(self, request: Request) -> Response:
        self._note(request)
        asked = request.query_params
        after, limit = int(asked["after"]), int(asked.get("limit", 64))
        topic, stream = request.path_params["topic"], request.path_params["stream"]
        return JSONResponse(self._peer.changes(topic, stream, after, limit))

    async def _revocations(self, request: Request) -> Response:
        self._note(request)
        return JSONResponse(self._peer.revocations(int(request.query_params["after"])))

    async def _deletions(self, request: Request) -> Response:
        self._note(request)
        asked = request.query_params["ids"].split(",")
        return JSONResponse({"user_ids": [id for id in asked if id in self._peer.deleted]})

    async def _tell(self, request: Request) -> Response:
        told = await request.json()
        self._peer.answers |= told.get("answers", {})
        self._peer.revoked += told.get("revoked", [])
        self._peer.deleted |= set(told.get("deleted", []))
        for topic, streams in told.get("streams", {}).items():
            for stream, events in streams.items():
                self._peer.streams.setdefault(topic, {}).setdefault(stream, []).extend(events)
        return JSONResponse({})

    async def _received(self, _: Request) -> Response:
        peer = self._peer
        return JSONResponse(
            {"requests": peer.requests, "events": peer.events, "messages": peer.messages}
        )

    async def _send(self, request: Request) -> Response:
        """Call the own sidecar, and return its answer as it is."""
        told = await request.json()
        headers = {**told.get("headers", {}), "dapr-api-token": self._peer.sidecar_token}
        url = f"http://127.0.0.1:{self._peer.sidecar_port}/v1.0{told['path']}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(told["method"], url, data=told.get("body"), headers=headers) as answer,
        ):
            text = (await answer.read()).decode(errors="replace")
            return JSONResponse({"status": answer.status, "body": text})

    async def _answer(self, request: Request) -> Response:
        name = self._note(request)
        if name in self._peer.answers:
            return JSONResponse(self._peer.answers[name])
        return JSONResponse({"code": "not_found", "message": "The stand-in was not told."}, 404)

    def _note(self, request: Request) -> str:
        name = f"{request.method} {request.url.path}"
        self._peer.requests.append(
            {
                "route": name,
                "query": dict(request.query_params),
                "trace": request.headers.get("traceparent", "")[3:35],
                "request_id": request.headers.get("x-request-id", ""),
            }
        )
        return name


class _OnlyWithToken:
    """Lets in whoever has the token of the app: its sidecar, and the tests."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in _OPEN:
            given = dict(scope["headers"]).get(b"dapr-api-token", b"")
            if not compare_digest(given, self._token):
                answer = JSONResponse({"code": "unauthenticated", "message": "No token."}, 401)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def main() -> None:
    """Serve the stand-in of `APP_ID`."""
    env = os.environ
    peer = Peer(
        app_id=env["APP_ID"],
        subject=env[_SUBJECT],
        sidecar_port=int(env["DAPR_HTTP_PORT"]),
        sidecar_token=env["DAPR_API_TOKEN"],
        app_token=env["APP_API_TOKEN"],
    )
    sockets = [socket.create_server(("127.0.0.1", int(env["APP_PORT"])))]
    if "MICROGRAM_LISTEN_FD" in env:  # the gateway's public socket
        sockets.append(socket.socket(fileno=int(env["MICROGRAM_LISTEN_FD"])))
    config = uvicorn.Config(PeerRoutes(peer).app(), log_level="warning")
    uvicorn.Server(config).run(sockets=sockets)


if __name__ == "__main__":
    main()
