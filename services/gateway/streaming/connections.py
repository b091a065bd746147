"""One client that listens. What waits for it is bounded: who does not read is cut off."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Any, Protocol

from starlette.requests import HTTPConnection
from starlette.types import Receive, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from services.chassis.security.caller import Caller
from services.gateway.streaming.channels import Channel
from services.gateway.streaming.events import HEARTBEAT, Names, StreamEvent

MAX_QUEUED_MESSAGES, MAX_QUEUED_BYTES = 64, 256 * 1024
"""How many messages, and how many bytes of them, may wait for a client."""

_SEND_BUFFER_BYTES = 128 * 1024
"""How much of what was sent the kernel keeps until the client takes it; it would be megabytes."""

Frame = bytes | str


class StreamTransport(Protocol):
    """How things get to the client."""

    def encode(self, news: StreamEvent, names: Names) -> Frame: ...

    def heartbeat(self) -> Frame: ...

    async def write(self, text: Frame) -> None: ...

    async def close(self) -> None: ...


class StreamConnection:
    """Who listens, to which channels, and what waits to be sent.

    It has no task of its own while nothing is to be sent: most of thousands are idle.
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

    def deliver(self, news: StreamEvent, names: Names) -> None:
        """Send news, when there is room."""
        self.enqueue(self._stream.encode(news, names))

    def heartbeat(self) -> None:
        """Say that all is well, where the wire does not do so by itself."""
        text = self._stream.heartbeat()
        if text and not self._queue:
            self.enqueue(text)

    def enqueue(self, text: Frame) -> None:
        """Have something sent; a client for which too much waits already is cut off."""
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
        """Close it in good order, without what waits."""
        self._is_closing = True
        self._clear_queue()
        self._wake()

    def abort(self) -> None:
        """Break it off: nothing more is sent, and what was kept for it is free."""
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
        except (OSError, WebSocketDisconnect):
            self._is_closing = True
            self._clear_queue()
        finally:
            self._writer = None


class SseTransport:
    """Server-sent events: a response that goes on."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def encode(self, news: StreamEvent, names: Names) -> Frame:
        return news.sse

    def heartbeat(self) -> Frame:
        return HEARTBEAT

    async def write(self, text: Frame) -> None:
        await self._send({"type": "http.response.body", "body": text, "more_body": True})

    async def close(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class WebSocketTransport:
    """A WebSocket, which the server pings."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    def encode(self, news: StreamEvent, names: Names) -> Frame:
        return news.frame(names)

    def heartbeat(self) -> Frame:
        return ""

    async def write(self, text: Frame) -> None:
        await self._socket.send({"type": "websocket.send", "text": text})

    async def close(self) -> None:
        await self._socket.close(1001)


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client of a response has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def transport_of(request: HTTPConnection) -> Any:
    """The connection's transport (services/chassis/http/server.py)."""
    return request.state.transport
