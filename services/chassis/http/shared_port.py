"""One port for HTTP/1.1 and gRPC: a sidecar has one port of its app, whatever protocol is called.

A connection that begins as HTTP/2 does is passed on to a gRPC server of the same process, which
listens on a port of its own: gRPC for Python takes no connections that others have accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from services.chassis.http.http_protocol import HEAD_TIMEOUT, BoundedHttpProtocol

_HTTP2 = b"PRI * HTTP/2.0\r\n"
"""The first line of what a client of HTTP/2 sends (RFC 9113, section 3.4)."""

MAX_RELAYS = 100
"""Connections by HTTP/2 at once: a sidecar needs one, and each takes three file descriptors."""

GrpcPort = Callable[[], int]
"""The port of the gRPC server of this process, once it has been started."""


def shared_protocol(port: GrpcPort) -> Callable[..., asyncio.Protocol]:
    """Return uvicorn's factory of protocols for a port that is shared with a gRPC server."""
    return partial(_FirstBytes, port)


class _FirstBytes(asyncio.Protocol):
    """A new connection, until its first bytes say what it speaks."""

    def __init__(
        self,
        port: GrpcPort,
        *,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._port = port
        self._server_state = server_state
        self._http = partial(
            BoundedHttpProtocol,
            config=config,
            server_state=server_state,
            app_state=app_state,
            _loop=_loop,
        )
        self._received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HEAD_TIMEOUT, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.startswith(_HTTP2) and self._relays() >= MAX_RELAYS:
            self._transport.abort()
        elif self._received.startswith(_HTTP2):
            self._become(_Relay(self._port(), self._server_state))
        elif not _HTTP2.startswith(self._received):
            self._become(self._http())

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()

    def _relays(self) -> int:
        return sum(isinstance(each, _Relay) for each in self._server_state.connections)

    def _become(self, protocol: asyncio.Protocol) -> None:
        self._timer.cancel()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._received)


class _Half(asyncio.Protocol):
    """One side of a relay: what it receives is sent by the other side, which can make it wait."""

    other: _Half
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.other.transport.write(data)

    def pause_writing(self) -> None:
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.other.transport.close()


class _Relay(_Half):
    """A connection of a client to the gRPC server. The server of HTTP waits for its end."""

    def __init__(self, port: int, server_state: ServerState) -> None:
        self._port = port
        self._server_state = server_state
        self._early = b""
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._server_state.connections.add(self)  # type: ignore[arg-type]
        transport.pause_reading()
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        if self._connecting is not None:
            self._early += data
        else:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server_state.connections.discard(self)
        if self._connecting is not None:
            self._connecting.cancel()
        else:
            super().connection_lost(exc)

    def shutdown(self) -> None:
        """Do nothing: the gRPC server finishes its calls, and then closes the connection."""

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        server = _Half()
        server.other = self
        try:
            await loop.create_connection(lambda: server, "127.0.0.1", self._port)
        except OSError:
            self.transport.abort()
            return
        self.other, self._connecting = server, None
        server.transport.write(self._early)
        self._early = b""
        self.transport.resume_reading()
