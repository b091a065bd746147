"""The HTTP server of a service: uvicorn, with two things that long-lived streams need, and a bound.

A stream must hear of the end before uvicorn waits for it, and a client that does not read must be
cut off: an ASGI application cannot do that by itself, since to close is to send the rest first. So
each scope's `state` has the connection's `transport`, with its `abort()`.

What comes before a body has a bound in bytes and in time, which uvicorn's httptools has not: one
connection could fill the memory, and many that say nothing could be held open for ever.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PING_INTERVAL = 20.0
"""Seconds between the pings of a WebSocket, and how long its peer may take to answer."""

MAX_FRAME_BYTES = 16 * 1024
"""How long a message may be that a client sends over a WebSocket."""


MAX_HEAD_BYTES = 64 * 1024
"""How long the head of a request may be, and what follows its body."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1, with its transport in the scope, and heads that are bounded.

    A head may take as long as a connection may be idle.
    """

    _head = 0
    """Bytes that came since the last that belonged to a body, or ended a head."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._hurry()

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if self._head > MAX_HEAD_BYTES:
            self.send_400_response("The head of the request is too large.")
        elif self._head:
            self._hurry()
        else:
            self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport

    def on_headers_complete(self) -> None:
        self._head = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head = 0
        super().on_message_complete()

    def _hurry(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.timeout_keep_alive, self.transport.abort)

    def _rest(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket, with its transport in the scope."""

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):  # not where the handshake was refused
            self.scope["state"]["transport"] = self.transport

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # refused for a reason, which uvicorn takes for a fault


class Server(uvicorn.Server):
    """A server that says when it stops, before it waits for what is under way."""

    def __init__(self, config: uvicorn.Config, stopping: Sequence[Callable[[], None]]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for tell in self._stopping:
            tell()
        await super().shutdown(sockets)


def serve(app: Any, port: int, stopping: Sequence[Callable[[], None]]) -> None:
    """Serve an application on loopback until a signal says stop."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http=BoundedHttpProtocol,
        ws=BoundedWebSocketProtocol,
        ws_max_size=MAX_FRAME_BYTES,
        ws_ping_interval=PING_INTERVAL,
        ws_ping_timeout=PING_INTERVAL,
        ws_per_message_deflate=False,  # its windows would be most of what a connection costs
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=75,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # else addresses, tokens and all
    server = Server(config, stopping)
    try:
        server.run()
    except KeyboardInterrupt:  # uvicorn raises anew the signal that it has handled
        return
    if not server.started:
        raise SystemExit(3)
