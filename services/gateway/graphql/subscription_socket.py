"""One WebSocket with its open subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import orjson
from starlette.websockets import WebSocket

from services.chassis.security.caller import Caller
from services.gateway.streaming.channels import Channel
from services.gateway.streaming.connections import (
    MAX_QUEUED_MESSAGES,
    StreamConnection,
    StreamKind,
    WebSocketTransport,
    transport_of,
)
from services.gateway.streaming.events import Names, StreamEvent
from services.gateway.streaming.hub import StreamHub

BAD_MESSAGE, UNAUTHORIZED, FORBIDDEN, UNSUPPORTED_PROTOCOL = 4400, 4401, 4403, 4406
INIT_TIMED_OUT, DUPLICATE_SUBSCRIBER, TOO_MANY_INIT = 4408, 4409, 4429
"""The close codes of the protocol."""


class ProtocolError(Exception):
    """The client violated the protocol. The socket is closed with the code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class SubscriptionSocket(StreamConnection):
    """A stream connection that carries subscriptions."""

    kind: StreamKind = "graphql"

    def __init__(self, hub: StreamHub, caller: Caller, socket: WebSocket) -> None:
        super().__init__(caller, WebSocketTransport(socket), transport_of(socket))
        self._hub = hub
        self._queues: dict[Names, set[asyncio.Queue[StreamEvent]]] = {}
        self.operations: dict[str, asyncio.Task[None]] = {}

    def deliver(self, event: StreamEvent, names: Names) -> None:
        """Queue an event for the subscriptions on a channel. A full queue aborts the socket."""
        for queue in self._queues.get(names, ()):
            if queue.full():
                self.abort()
            else:
                queue.put_nowait(event)

    async def listen(self, channel: Channel) -> AsyncGenerator[StreamEvent, None]:
        """Yield the events of a channel from now on."""
        queue: asyncio.Queue[StreamEvent] = asyncio.Queue(MAX_QUEUED_MESSAGES)
        queues = self._queues.setdefault(channel, set())
        queues.add(queue)
        self._hub.subscribe(self, channel, channel)
        try:
            while True:
                yield await queue.get()
        finally:
            queues.remove(queue)
            if not queues:
                self._hub.unsubscribe(self, channel)

    def send(self, kind: str, **message: Any) -> None:
        """Send a protocol message."""
        self.enqueue(orjson.dumps({"type": kind, **message}).decode())

    async def leave(self) -> None:
        """End all subscriptions."""
        for task in self.operations.values():
            task.cancel()
        await asyncio.gather(*self.operations.values(), return_exceptions=True)
        self._hub.remove(self)


async def next_message(socket: WebSocket) -> tuple[dict[str, Any], int] | None:
    """The next message and its size; None when the client leaves. Raises `ProtocolError`."""
    received = await socket.receive()
    if received["type"] != "websocket.receive":
        return None
    raw = received.get("text") or received.get("bytes") or ""
    try:
        message = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(BAD_MESSAGE, "The message is not JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ProtocolError(BAD_MESSAGE, "A message needs a type")
    return message, len(raw)


def message_id(message: dict[str, Any]) -> str:
    """The id of the subscription that a message is about."""
    id = message.get("id")
    if not isinstance(id, str) or not 1 <= len(id) <= 100:
        raise ProtocolError(BAD_MESSAGE, "This message needs an id")
    return id


def init_token(payload: Any) -> str:
    """The token of a `connection_init`: `{"Authorization": "Bearer …"}`, in any case."""
    message = payload if isinstance(payload, dict) else {}
    given = next((value for name, value in message.items() if name.lower() == "authorization"), "")
    kind, _, token = str(given).partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
