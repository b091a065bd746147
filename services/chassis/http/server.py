"""The HTTP server of a service: uvicorn, extended for long-lived streams and with limits.

Streams need two things that ASGI does not have. They are told of a shutdown before uvicorn waits
for them to end. And they can cut off a client that does not read: each scope's `state` has the
connection's `transport`, whose `abort()` drops it without sending the rest first.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn

from services.chassis.http.http_protocol import BoundedHttpProtocol
from services.chassis.http.websocket_protocol import (
    MAX_FRAME_BYTES,
    PING_INTERVAL,
    BoundedWebSocketProtocol,
)

GRACEFUL_SHUTDOWN_TIMEOUT = 12
"""Seconds for which a server that stops finishes requests: longer than an invocation may take. An
ordinary stop by the runner waits less."""


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
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_TIMEOUT,
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
