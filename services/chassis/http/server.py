"""The HTTP server of a service: uvicorn, extended for long-lived streams and with limits.

Nothing in it wakes a process that nobody calls.

Streams need two things that ASGI does not have. They are told of a shutdown before uvicorn waits
for them to end. And they can cut off a client that does not read: each scope's `state` has the
connection's `transport`, whose `abort()` drops it without sending the rest first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from services.chassis.http.http_protocol import BoundedHttpProtocol
from services.chassis.http.shared_port import GrpcPort, shared_protocol
from services.chassis.http.websocket_protocol import (
    MAX_FRAME_BYTES,
    PING_INTERVAL,
    BoundedWebSocketProtocol,
)

GRACEFUL_SHUTDOWN_TIMEOUT = 12
"""Seconds for which a server that stops finishes requests: longer than an invocation may take. An
ordinary stop by the runner waits less."""


LAST_REQUEST_TIMEOUT = 1.0
"""Seconds for which a public server that stops waits for one more request on each connection. The
response says that the connection ends, so that no client sends a request into its end."""

_POLL_INTERVAL = 0.05


@dataclass(frozen=True)
class PublicListener:
    """A listening socket that replicas of a service share: each takes connections from its queue.

    A replica takes some from when it `is_ready` until it stops; the queue outlives it.
    """

    socket: socket.socket
    is_ready: Callable[[], Awaitable[bool]]


class DatedState(ServerState):
    """The state of a server whose responses have the current date, made when one needs it."""

    def __init__(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._dated: list[tuple[bytes, bytes]] = []
        self._second = 0
        super().__init__()

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of every response: the date, and those that were set."""
        second = int(time.time())
        if second != self._second:
            date = formatdate(second, usegmt=True).encode()
            self._dated, self._second = [(b"date", date), *self._headers], second
        return self._dated

    @default_headers.setter
    def default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._headers, self._second = headers, 0


class Server(uvicorn.Server):
    """A server that calls back when it stops, before it waits for open requests.

    It waits for the signal to stop, while that of uvicorn looks for it ten times a second.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        on_shutdown: Sequence[Callable[[], None]],
        listener: PublicListener | None = None,
    ) -> None:
        super().__init__(config)
        self.server_state = DatedState()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_shutdown = on_shutdown
        self._listener = listener
        self._opening: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self._listener is not None:
            self._opening = asyncio.create_task(self._open(self._listener))

    async def main_loop(self) -> None:
        while not self.should_exit:
            await self._stopping.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.stop()

    def stop(self) -> None:
        """Stop, from any thread or from the handler of a signal, which must wake the loop."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for callback in self._on_shutdown:
            callback()
        if self._listener is not None and self._opening is not None:
            self._opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._opening
            with self._listener.socket as listener:
                await self._let_clients_finish(listener.getsockname())
        await super().shutdown(sockets)

    async def _open(self, listener: PublicListener) -> None:
        """Take connections of the shared socket as soon as they can be served."""
        while not await listener.is_ready():  # noqa: ASYNC110 (it is a call to the sidecar)
            await asyncio.sleep(_POLL_INTERVAL)
        protocol = partial(
            BoundedHttpProtocol,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        public = await asyncio.get_running_loop().create_server(
            protocol, sock=listener.socket.dup(), backlog=self.config.backlog
        )
        self.servers.append(public)

    async def _let_clients_finish(self, address: Any) -> None:
        """Take no more connections, and end each one with the response to its next request."""
        for server in self.servers[1:]:
            server.close()
        state = self.server_state
        state.default_headers = [(b"connection", b"close")]
        give_up_at = asyncio.get_running_loop().time() + LAST_REQUEST_TIMEOUT
        while asyncio.get_running_loop().time() < give_up_at:
            open_here = [
                each.transport.get_extra_info("sockname") == address for each in state.connections
            ]
            if not any(open_here):
                return
            await asyncio.sleep(_POLL_INTERVAL)


def serve(
    app: Any,
    address: str,
    port: int,
    on_shutdown: Sequence[Callable[[], None]],
    listener: PublicListener | None = None,
    grpc_port: GrpcPort | None = None,
) -> None:
    """Serve an application at an address until a signal stops it.

    With a listener, also what comes to that socket. With a port of a gRPC server, connections of
    HTTP/2 are passed on to it.
    """
    config = uvicorn.Config(
        app,
        host=address,
        port=port,
        loop="uvloop",
        http=shared_protocol(grpc_port) if grpc_port else BoundedHttpProtocol,  # type: ignore[arg-type]
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
    server = Server(config, on_shutdown, listener)
    try:
        server.run()
    except KeyboardInterrupt:  # uvicorn raises the handled signal again
        return
    if not server.started:
        raise SystemExit(3)
