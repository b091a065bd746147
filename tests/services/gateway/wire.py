"""Raw bytes to the gateway on its real server, and what it logs about them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import uvicorn

from services.chassis.http.http_protocol import BoundedHttpProtocol
from services.chassis.http.server import Server
from services.chassis.http.websocket_protocol import MAX_FRAME_BYTES, BoundedWebSocketProtocol
from tests.fakes import until
from tests.services.gateway.deployment import GatewayDeployment

T = TypeVar("T")

UNLIMITED: dict[str, Any] = {
    f"microgram_limit_{what}": 10**9
    for what in (
        *("user", "address", "media", "reports", "logins", "tokens", "webhooks"),
        *("registrations", "apps"),
    )
}
"""Settings of a gateway that refuses nobody for the number of requests."""

_ANSWER_TIMEOUT = 20.0

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Wire:
    """Connections to the gateway."""

    port: int
    server: Server

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection, which is cut off at the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def ask(self, request: bytes) -> bytes:
        """All bytes that answer a request, which must end its connection; empty if it was cut."""
        async with self.connection() as (reader, writer):
            writer.write(request)
            return await rest_of(reader)


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What the server sends until it ends a connection; empty if it cuts it."""
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT):
            return await reader.read()
    except ConnectionError:
        return b""


def status_of(answer: bytes) -> int:
    """The status of an answer; 0 if the connection was cut without one."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def running_target(
    open_target: Callable[[AsyncExitStack], Coroutine[Any, Any, T]],
) -> Iterator[tuple[asyncio.Runner, T]]:
    """The content of a fixture: something that is opened once for all tests of a module."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        yield runner, runner.run(open_target(stack))
        runner.run(stack.aclose())


@asynccontextmanager
async def on_the_wire(deployment: GatewayDeployment, **config: Any) -> AsyncIterator[Wire]:
    """The gateway on a port, with the protocols of the real server."""
    given: dict[str, Any] = {"timeout_keep_alive": 30} | config
    server = Server(
        uvicorn.Config(
            deployment.gateway.app,
            port=0,
            http=BoundedHttpProtocol,
            ws=BoundedWebSocketProtocol,
            ws_max_size=MAX_FRAME_BYTES,
            lifespan="off",
            log_config=None,
            access_log=False,
            **given,
        ),
        [deployment.hub.stop],
    )
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield Wire(server.servers[0].sockets[0].getsockname()[1], server)
    finally:
        server.stop()
        await asyncio.wait_for(task, 30)


@dataclass(slots=True)
class ErrorLog(logging.Handler):
    """Errors in the log, and exceptions that no task handled."""

    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        logging.Handler.__init__(self, logging.ERROR)

    __hash__ = logging.Handler.__hash__

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))


@contextmanager
def faults() -> Iterator[list[str]]:
    """What goes wrong on the server meanwhile; the event loop reports to the log as well."""
    handler = ErrorLog()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield handler.found
    finally:
        root.removeHandler(handler)
