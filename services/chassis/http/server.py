"""The HTTP server of a service: uvicorn, extended for long-lived streams and with limits.

Streams need two things that ASGI does not have. They are told of a shutdown before uvicorn waits
for them to end. And they can cut off a client that does not read: each scope's `state` has the
connection's `transport`, whose `abort()` drops it without sending the rest first.

The head of a request has a limit in bytes and in time, which uvicorn's httptools protocol lacks:
one connection could fill the memory, and silent ones could stay open for ever.
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
"""The longest message that a client may send over a WebSocket."""

MAX_HEAD_BYTES = 64 * 1024
"""The longest head of a request, and the longest trailer after its body."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 with the transport in the scope, and limited heads.

    A head may take as long as a connection may be idle.
    """

    _head_bytes = 0
    """Bytes received since the end of the last head or piece of a body."""

    _head_timeout: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timeout()

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("The head of the request is too large.")
        elif self._head_bytes:
            self._start_timeout()
        else:
            self._cancel_timeout()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timeout()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        super().on_message_complete()

    def _start_timeout(self) -> None:
        if self._head_timeout is None:
            self._head_timeout = self.loop.call_later(self.timeout_keep_alive, self.transport.abort)

    def _cancel_timeout(self) -> None:
        if self._head_timeout is not None:
            self._head_timeout.cancel()
            self._head_timeout = None


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket with the transport in the scope."""

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):  # missing if the handshake was refused
            self.scope["state"]["transport"] = self.transport

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # else uvicorn logs the refusal as a fault


class Server(uvicorn.Server):
    """A server that calls back when it stops, before it waits for open requests."""

    def __init__(self, config: uvicorn.Config, on_shutdown: Sequence[Callable[[], None]]) -> None:
        super().__init__(config)
        self._on_shutdown = on_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for callback in self._on_shutdown:
            callback()
        await super().shutdown(sockets)


def serve(app: Any, port: int, on_shutdown: Sequence[Callable[[], None]]) -> None:
    """Serve an application on the loopback interface until a signal stops it."""
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
        ws_per_message_deflate=False,  # its buffers would take most of a connection's memory
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=75,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # INFO logs URLs with tokens
    server = Server(config, on_shutdown)
    try:
        server.run()
    except KeyboardInterrupt:  # uvicorn raises the handled signal again
        return
    if not server.started:
        raise SystemExit(3)
