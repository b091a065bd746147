"""A client's connection. Its queue is bounded: a client that does not read is disconnected."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Any, Literal, Protocol

from starlette.requests import HTTPConnection
from starlette.types import Receive, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from services.chassis.security.caller import Caller
from services.gateway.streaming.channels import Channel
from services.gateway.streaming.events import HEARTBEAT, Names, StreamEvent

MAX_QUEUED_MESSAGES, MAX_QUEUED_BYTES = 64, 256 * 1024
"""How many messages, and how many bytes, may be queued for a client."""

_SEND_BUFFER_BYTES = 128 * 1024
"""The send buffer of the socket. The kernel's default would be megabytes."""

Frame = bytes | str


StreamKind = Literal["sse", "websocket", "graphql"]


class StreamTransport(Protocol):
    """How events are encoded and sent to a client."""

    kind: StreamKind

    def encode(self, event: StreamEvent, names: Names) -> Frame: ...

    def heartbeat(self) -> Frame: ...

    async def write(self, text: Frame) -> None: ...

    async def close(self) -> None: ...


class StreamConnection:
    """A caller, the channels of the connection, and the queue of frames to send.

    It has a task only while the queue is not empty: most of thousands of connections are idle.
    """

    __slots__ = (
        "_is_closing",
        "_queue",
        "_queued_bytes",
        "_stream",
        "_transport",
        "_writer",
        "caller",
        "channels",
    )

    def __init__(self, caller: Caller, wire: StreamTransport, transport: asyncio.Transport) -> None:
        self.caller = caller
        self.channels: dict[Channel, Names] = {}
        self._stream = wire
        self._transport = transport
        self._queue: deque[Frame] = deque()
        self._queued_bytes = 0
        self._is_closing = False
        self._writer: asyncio.Task[None] | None = None
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    @property
    def kind(self) -> StreamKind:
        """What the client sees."""
        return self._stream.kind

    def deliver(self, event: StreamEvent, names: Names) -> None:
        """Send an event."""
        self.enqueue(self._stream.encode(event, names))

    def heartbeat(self) -> None:
        """Send a heartbeat, unless the transport sends its own."""
        text = self._stream.heartbeat()
        if text and not self._queue:
            self.enqueue(text)

    def enqueue(self, text: Frame) -> None:
        """Queue a frame. A client whose queue is full is disconnected."""
        if self._is_closing:
            return
        full = (
            len(self._queue) >= MAX_QUEUED_MESSAGES
            or self._queued_bytes + len(text) > MAX_QUEUED_BYTES
        )
        if full and self._queue:
            self.abort()
            return
        self._queue.append(text)
        self._queued_bytes += len(text)
        self._wake()

    def close(self) -> None:
        """Close the connection properly, without sending what is queued."""
        self._is_closing = True
        self._clear_queue()
        self._wake()

    def abort(self) -> None:
        """Abort the connection and free its queue."""
        self._is_closing = True
        self._clear_queue()
        self._transport.abort()

    def _clear_queue(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0

    def _wake(self) -> None:
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._queue:
                text = self._queue.popleft()
                self._queued_bytes -= len(text)
                await self._stream.write(text)
            if self._is_closing and not self._transport.is_closing():
                await self._stream.close()
        except (OSError, WebSocketDisconnect, WebSocketDisconnected):
            self._is_closing = True
            self._clear_queue()
        finally:
            self._writer = None


class SseTransport:
    """Server-sent events."""

    kind: StreamKind = "sse"

    def __init__(self, send: Send) -> None:
        self._send = send

    def encode(self, event: StreamEvent, names: Names) -> Frame:
        return event.sse

    def heartbeat(self) -> Frame:
        return HEARTBEAT

    async def write(self, text: Frame) -> None:
        await self._send({"type": "http.response.body", "body": text, "more_body": True})

    async def close(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class WebSocketTransport:
    """A WebSocket. The server sends its pings."""

    kind: StreamKind = "websocket"

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    def encode(self, event: StreamEvent, names: Names) -> Frame:
        return event.frame(names)

    def heartbeat(self) -> Frame:
        return ""

    async def write(self, text: Frame) -> None:
        await self._socket.send({"type": "websocket.send", "text": text})

    async def close(self) -> None:
        await self._socket.close(1001)


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client of a response disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass


def transport_of(request: HTTPConnection) -> Any:
    """The connection's transport (services/chassis/http/http_protocol.py)."""
    return request.state.transport
