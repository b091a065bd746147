"""Streams: server-sent events, or several channels over one WebSocket."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response, WebSocket
from starlette.types import Receive, Scope, Send

from services.chassis.errors import Forbidden, ServiceError
from services.chassis.metrics import mark_as_stream
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user_of_any_scope
from services.gateway.http.openapi import responses
from services.gateway.http.paths import STREAMING
from services.gateway.http.query import query_flag
from services.gateway.streaming.channels import Channel, channel_of, frame_names, scope_of
from services.gateway.streaming.connections import (
    SseTransport,
    StreamConnection,
    WebSocketTransport,
    transport_of,
    wait_for_disconnect,
)
from services.gateway.streaming.events import HELLO, error_frame
from services.gateway.streaming.hub import StreamHub

_MAX_CHANNELS = 50
"""Channels per WebSocket."""

StreamUser = Annotated[Caller, Depends(require_user_of_any_scope)]
_EVENTS = responses(
    "event: update\ndata: {…}\n\n",
    "Events, until the client disconnects: `update` and `status.update` (Status), `delete` "
    "(an id), `notification` (Notification), `conversation` (Conversation).",
    media="text/event-stream",
)


def create_router(hub: StreamHub) -> APIRouter:
    """Routes of streams."""
    router = APIRouter(prefix=STREAMING, tags=["streaming"])

    @router.get("/health", responses=responses("OK", media="text/plain"))
    async def health() -> Response:
        """OK, as text."""
        return Response("OK", media_type="text/plain")

    @router.get("/user", responses=_EVENTS)
    async def user(request: Request, caller: StreamUser) -> Response:
        """The caller's home and notifications."""
        return EventStreamResponse(hub, request, caller, "user")

    @router.get("/user/notification", responses=_EVENTS)
    async def notifications(request: Request, caller: StreamUser) -> Response:
        """The caller's notifications."""
        return EventStreamResponse(hub, request, caller, "user:notification")

    @router.get("/public", responses=_EVENTS)
    @router.get("/public/local", responses=_EVENTS)
    @router.get("/public/remote", responses=_EVENTS)
    async def public(request: Request, caller: StreamUser) -> Response:
        """All public posts; with `only_media` those with pictures."""
        stream = request.url.path.removeprefix(f"{STREAMING}/").replace("/", ":")
        media = ":media" if query_flag(request, "only_media") else ""
        return EventStreamResponse(hub, request, caller, stream + media)

    @router.get("/hashtag", responses=_EVENTS)
    @router.get("/hashtag/local", responses=_EVENTS)
    async def tagged(
        request: Request, caller: StreamUser, tag: Annotated[str, Query(max_length=200)] = ""
    ) -> Response:
        """Public posts with a hashtag."""
        return EventStreamResponse(hub, request, caller, "hashtag", tag)

    @router.get("/direct", responses=_EVENTS)
    async def direct(request: Request, caller: StreamUser) -> Response:
        """The caller's conversations, as the event `conversation`."""
        return EventStreamResponse(hub, request, caller, "direct")

    @router.websocket("")
    async def everything(socket: WebSocket, caller: StreamUser) -> None:
        """Several channels, by frames that subscribe. The query string may name the first one."""
        hub.check_capacity(caller.user_id)
        offered = socket.scope["subprotocols"]
        await socket.accept(offered[0] if offered else None)
        connection = StreamConnection(caller, WebSocketTransport(socket), transport_of(socket))
        hub.add(connection)
        try:
            if "stream" in socket.query_params:
                _handle_frame(hub, connection, {"type": "subscribe", **socket.query_params})
            while (frame := await socket.receive())["type"] == "websocket.receive":
                _handle_frame(
                    hub, connection, _parse_frame(frame.get("text") or frame.get("bytes") or "")
                )
        finally:
            hub.remove(connection)

    return router


class EventStreamResponse(Response):
    """A response that lasts until one side ends it. Raises `Forbidden` without the scope."""

    media_type = "text/event-stream"

    def __init__(
        self, hub: StreamHub, request: Request, caller: Caller, stream: str, tag: str = ""
    ) -> None:
        super().__init__(headers={"cache-control": "private, no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._channel = _allowed_channel(caller, stream, tag)
        self._names = frame_names(stream, tag)
        hub.check_capacity(caller.user_id)
        self._hub = hub
        self._caller = caller
        self._transport = transport_of(request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mark_as_stream(scope)
        connection = StreamConnection(self._caller, SseTransport(send), self._transport)
        self._hub.add(connection)
        try:
            self._hub.subscribe(connection, self._channel, self._names)
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
            connection.enqueue(HELLO)
            await wait_for_disconnect(receive)
        finally:
            self._hub.remove(connection)


def _allowed_channel(caller: Caller, stream: str, tag: str) -> Channel:
    found = channel_of(stream, tag, caller.user_id)
    scope = scope_of(stream)
    if not caller.may(scope):
        raise Forbidden(f"The access token does not cover the scope {scope}.")
    return found


def _parse_frame(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _handle_frame(hub: StreamHub, connection: StreamConnection, frame: Any) -> None:
    """Handle a frame of a client, or report its error."""
    frame = frame if isinstance(frame, dict) else {}
    stream, tag = frame.get("stream"), frame.get("tag", "")
    if not isinstance(stream, str) or not isinstance(tag, str) or len(stream) + len(tag) > 300:
        connection.enqueue(error_frame("A frame needs a type and a stream.", 400))
        return
    try:
        found = _allowed_channel(connection.caller, stream, tag)
    except ServiceError as failure:
        connection.enqueue(error_frame(failure.message, failure.status))
        return
    if frame.get("type") == "unsubscribe":
        hub.unsubscribe(connection, found)
    elif frame.get("type") != "subscribe":
        connection.enqueue(
            error_frame("The type of a frame must be subscribe or unsubscribe.", 400)
        )
    elif len(connection.channels) >= _MAX_CHANNELS and found not in connection.channels:
        connection.enqueue(
            error_frame(f"A socket can listen to at most {_MAX_CHANNELS} channels.", 429)
        )
    else:
        hub.subscribe(connection, found, frame_names(stream, tag))
