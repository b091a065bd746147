"""Streams: server-sent events by address, or many channels over one WebSocket."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response, WebSocket
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from services.chassis.errors import Forbidden, ServiceError
from services.chassis.security.token_verifier import Caller, require_user_of_any_scope
from services.gateway.bodies import asks
from services.gateway.documents import gives
from services.gateway.streaming.channels import Channel, channel, names, scope_of
from services.gateway.streaming.connections import Connection, EventStream, Socket, gone
from services.gateway.streaming.hub import Hub
from services.gateway.streaming.messages import HELLO, complaint
from services.gateway.streaming.tokens import PATH

_CHANNELS = 50
"""How many channels one WebSocket may listen to."""

Somebody = Annotated[Caller, Depends(require_user_of_any_scope)]
_EVENTS = gives(
    "event: update\ndata: {…}\n\n",
    "Events, for as long as the client listens: `update` and `status.update` (Status), `delete` "
    "(an id), `notification` (Notification), `conversation` (Conversation).",
    media="text/event-stream",
)


def create_router(hub: Hub) -> APIRouter:
    """Routes to what happens."""
    router = APIRouter(prefix=PATH, tags=["streaming"])

    @router.get("/health", responses=gives("OK", media="text/plain"))
    async def health() -> Response:
        """OK, as text."""
        return Response("OK", media_type="text/plain")

    @router.get("/user", responses=_EVENTS)
    async def user(request: Request, caller: Somebody) -> Response:
        """The caller's home and notifications."""
        return Events(hub, request, caller, "user")

    @router.get("/user/notification", responses=_EVENTS)
    async def notifications(request: Request, caller: Somebody) -> Response:
        """The caller's notifications."""
        return Events(hub, request, caller, "user:notification")

    @router.get("/public", responses=_EVENTS)
    @router.get("/public/local", responses=_EVENTS)
    @router.get("/public/remote", responses=_EVENTS)
    async def public(request: Request, caller: Somebody) -> Response:
        """Everybody's public posts; with `only_media` those with pictures."""
        stream = request.url.path.removeprefix(f"{PATH}/").replace("/", ":")
        media = ":media" if asks(request, "only_media") else ""
        return Events(hub, request, caller, stream + media)

    @router.get("/hashtag", responses=_EVENTS)
    @router.get("/hashtag/local", responses=_EVENTS)
    async def tagged(
        request: Request, caller: Somebody, tag: Annotated[str, Query(max_length=200)] = ""
    ) -> Response:
        """Public posts with a hashtag."""
        return Events(hub, request, caller, "hashtag", tag)

    @router.get("/direct", responses=_EVENTS)
    async def direct(request: Request, caller: Somebody) -> Response:
        """The caller's conversations: the event is `conversation`."""
        return Events(hub, request, caller, "direct")

    @router.websocket("")
    async def everything(socket: WebSocket, caller: Somebody) -> None:
        """Any channels, by frames that subscribe; the first may stand in the address."""
        hub.check_room(caller.user_id)
        offered = socket.scope["subprotocols"]
        await socket.accept(offered[0] if offered else None)
        connection = Connection(caller, Socket(socket), transport_of(socket))
        hub.enter(connection)
        try:
            if "stream" in socket.query_params:
                _obey(hub, connection, {"type": "subscribe", **socket.query_params})
            while (said := await socket.receive())["type"] == "websocket.receive":
                _obey(hub, connection, _parsed(said.get("text") or said.get("bytes") or ""))
        finally:
            hub.leave(connection)

    return router


class Events(Response):
    """An answer that goes on until one side ends it. Raises where the caller may not have it."""

    media_type = "text/event-stream"

    def __init__(
        self, hub: Hub, request: Request, caller: Caller, stream: str, tag: str = ""
    ) -> None:
        super().__init__(headers={"cache-control": "private, no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._channel = _allowed(caller, stream, tag)
        self._names = names(stream, tag)
        hub.check_room(caller.user_id)
        self._hub = hub
        self._caller = caller
        self._transport = transport_of(request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = Connection(self._caller, EventStream(send), self._transport)
        self._hub.enter(connection)
        try:
            self._hub.subscribe(connection, self._channel, self._names)
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
            connection.say(HELLO)
            await gone(receive)
        finally:
            self._hub.leave(connection)


def transport_of(request: HTTPConnection) -> Any:
    """The connection's transport (services/chassis/http/server.py)."""
    return request.state.transport


def _allowed(caller: Caller, stream: str, tag: str) -> Channel:
    found = channel(stream, tag, caller.user_id)
    scope = scope_of(stream)
    if not caller.may(scope):
        raise Forbidden(f"The access token does not cover the scope {scope}.")
    return found


def _parsed(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _obey(hub: Hub, connection: Connection, said: Any) -> None:
    """Do what a client's frame says, or say what is wrong with it."""
    said = said if isinstance(said, dict) else {}
    stream, tag = said.get("stream"), said.get("tag", "")
    if not isinstance(stream, str) or not isinstance(tag, str) or len(stream) + len(tag) > 300:
        connection.say(complaint("A frame needs a type and a stream.", 400))
        return
    try:
        found = _allowed(connection.caller, stream, tag)
    except ServiceError as failure:
        connection.say(complaint(failure.message, failure.status))
        return
    if said.get("type") == "unsubscribe":
        hub.unsubscribe(connection, found)
    elif said.get("type") != "subscribe":
        connection.say(complaint("The type of a frame is subscribe or unsubscribe.", 400))
    elif len(connection.channels) >= _CHANNELS and found not in connection.channels:
        connection.say(complaint(f"One socket listens to {_CHANNELS} channels at most.", 429))
    else:
        hub.subscribe(connection, found, names(stream, tag))
