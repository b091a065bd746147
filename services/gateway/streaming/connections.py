"""One client that listens. What waits for it is bounded: who does not read is cut off."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Protocol

from starlette.types import Receive, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from services.chassis.security.token_verifier import Caller
from services.gateway.streaming.channels import Channel
from services.gateway.streaming.messages import THUMP, Names, News

MESSAGES, BYTES = 64, 256 * 1024
"""How many messages, and how many bytes of them, may wait for a client."""

_IN_FLIGHT = 128 * 1024
"""How much of what was sent the kernel keeps until the client takes it; it would be megabytes."""

Text = bytes | str


class Wire(Protocol):
    """How things get to the client."""

    def text_of(self, news: News, names: Names) -> Text: ...

    def heartbeat(self) -> Text: ...

    async def write(self, text: Text) -> None: ...

    async def finish(self) -> None: ...


class Connection:
    """Who listens, to which channels, and what waits to be sent.

    It has no task of its own while nothing is to be sent: most of thousands are idle.
    """

    __slots__ = (
        "_bytes",
        "_ending",
        "_transport",
        "_waiting",
        "_wire",
        "_writer",
        "caller",
        "channels",
    )

    def __init__(self, caller: Caller, wire: Wire, transport: asyncio.Transport) -> None:
        self.caller = caller
        self.channels: dict[Channel, Names] = {}
        self._wire = wire
        self._transport = transport
        self._waiting: deque[Text] = deque()
        self._bytes = 0
        self._ending = False
        self._writer: asyncio.Task[None] | None = None
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _IN_FLIGHT)

    def tell(self, news: News, names: Names) -> None:
        """Send news, when there is room."""
        self.say(self._wire.text_of(news, names))

    def thump(self) -> None:
        """Say that all is well, where the wire does not do so by itself."""
        text = self._wire.heartbeat()
        if text and not self._waiting:
            self.say(text)

    def say(self, text: Text) -> None:
        """Have something sent; a client for which too much waits already is cut off."""
        if self._ending:
            return
        full = len(self._waiting) >= MESSAGES or self._bytes + len(text) > BYTES
        if full and self._waiting:
            self.cut()
            return
        self._waiting.append(text)
        self._bytes += len(text)
        self._wake()

    def end(self) -> None:
        """Close it in good order, without what waits."""
        self._ending = True
        self._forget()
        self._wake()

    def cut(self) -> None:
        """Break it off: nothing more is sent, and what was kept for it is free."""
        self._ending = True
        self._forget()
        self._transport.abort()

    def _forget(self) -> None:
        self._waiting.clear()
        self._bytes = 0

    def _wake(self) -> None:
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._waiting:
                text = self._waiting.popleft()
                self._bytes -= len(text)
                await self._wire.write(text)
            if self._ending and not self._transport.is_closing():
                await self._wire.finish()
        except (OSError, WebSocketDisconnect):
            self._ending = True
            self._forget()
        finally:
            self._writer = None


class EventStream:
    """Server-sent events: a response that goes on."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def text_of(self, news: News, names: Names) -> Text:
        return news.sse

    def heartbeat(self) -> Text:
        return THUMP

    async def write(self, text: Text) -> None:
        await self._send({"type": "http.response.body", "body": text, "more_body": True})

    async def finish(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class Socket:
    """A WebSocket, which the server pings."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    def text_of(self, news: News, names: Names) -> Text:
        return news.frame(names)

    def heartbeat(self) -> Text:
        return ""

    async def write(self, text: Text) -> None:
        await self._socket.send({"type": "websocket.send", "text": text})

    async def finish(self) -> None:
        await self._socket.close(1001)


async def gone(receive: Receive) -> None:
    """Return when the client of a response has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
