"""Streams on the real server over real sockets: slow clients and shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import uvicorn

from services.chassis.http.http_protocol import BoundedHttpProtocol
from services.chassis.http.server import Server
from services.chassis.http.websocket_protocol import BoundedWebSocketProtocol
from services.gateway.streaming.events import StreamEvent
from tests.fakes import until
from tests.services.gateway.deployment import GatewayDeployment

UPDATE = StreamEvent("update", b'"%b"' % (b"x" * 8_000))


@asynccontextmanager
async def served(
    deployment: GatewayDeployment, patience: int = 5
) -> AsyncIterator[tuple[int, Any, Server]]:
    """The gateway on its own port, with its hub."""
    hub = deployment.hub
    app = deployment.gateway.app
    config = uvicorn.Config(
        app,
        port=0,
        http=BoundedHttpProtocol,
        ws=BoundedWebSocketProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=patience,
    )
    server = Server(config, [hub.stop])
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield server.servers[0].sockets[0].getsockname()[1], hub, server
    finally:
        server.stop()
        await asyncio.wait_for(task, 30)


HOST = {"host": "127.0.0.1:8080"}
"""The public address: tests listen on any free port."""


def request(path: str, token: str, more: str = "") -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {HOST['host']}",
        f"Authorization: Bearer {token}",
        more,
        "",
    ]
    return "\r\n".join(line for line in lines if line or line is lines[-1]).encode() + b"\r\n"


UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
)


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nX-A: ", b"a" * 65_536),
        (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n", b"X-A: a\r\n" * 8_192),
        (b"GET /", b"a" * 65_536),
        (
            b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X-A: a\r\n" * 8_192,
        ),
    ],
)
async def test_headers_are_bounded(
    deployment: GatewayDeployment, begin: bytes, more: bytes
) -> None:
    async with served(deployment) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begin)
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 64 * len(more) and not writer.is_closing() and not reader.at_eof():
                writer.write(more)
                await writer.drain()
                sent += len(more)
                await asyncio.sleep(0)
        assert sent < 64 * len(more)
        writer.close()


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost:"])
async def test_idle_connections_are_closed(deployment: GatewayDeployment, said: bytes) -> None:
    async with served(deployment, patience=1) as (port, _, server):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()
        await until(lambda: not server.server_state.connections)


async def test_large_bodies_and_responses_are_not_limited_as_headers(
    deployment: GatewayDeployment,
) -> None:
    async with served(deployment, patience=1) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (
            b"POST /api/v1/apps HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: 300000\r\n\r\n"
        )
        writer.write(head)
        for _ in range(30):
            writer.write(b" " * 10_000)
            await writer.drain()
        assert (await reader.readline()).startswith(b"HTTP/1.1 422")
        writer.close()


@pytest.mark.parametrize(
    ("path", "more"),
    [("/api/v1/streaming/public", ""), ("/api/v1/streaming?stream=public", UPGRADE)],
)
async def test_a_client_that_never_reads_is_aborted_and_its_queue_freed(
    deployment: GatewayDeployment, path: str, more: str
) -> None:
    anna = await deployment.register("anna")
    async with served(deployment) as (port, hub, _):
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", port))
            deaf.sendall(request(path, anna.token, more))
            await until(lambda: hub.has_listeners(("public", "")))
            count = 0
            while len(hub):
                hub.publish(("public", ""), UPDATE)
                count += 1
                await asyncio.sleep(0)
                # Its queue and the buffers on the way, which are bounded too, hold less than this.
                assert count * len(UPDATE.sse) < 3_000_000
            assert not hub.channels()


async def test_stopping_the_server_closes_streams_at_once(
    deployment: GatewayDeployment,
) -> None:
    anna = await deployment.register("anna")
    headers = {"Authorization": f"Bearer {anna.token}"}
    async with (
        served(deployment) as (port, hub, server),
        aiohttp.ClientSession(headers=HOST | headers) as client,
    ):
        base = f"http://127.0.0.1:{port}/api/v1/streaming"
        async with client.get(f"{base}/user") as events, client.ws_connect(base) as frames:
            await until(lambda: len(hub) == 2)
            server.stop()
            assert b":)\n" in await asyncio.wait_for(events.read(), 30)  # read to its proper end
            end = await asyncio.wait_for(frames.receive(), 30)
            assert end.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING)
            assert end.data in (1001, 1012)


async def test_a_rejected_socket_gets_an_api_error(deployment: GatewayDeployment) -> None:
    async with served(deployment) as (port, _, _), aiohttp.ClientSession(headers=HOST) as client:
        url = f"http://127.0.0.1:{port}/api/v1/streaming"
        for token in ("", "?access_token=nonsense"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.ws_connect(url + token)
            assert refused.value.status == 401
            headers: Any = refused.value.headers
            assert headers["X-Request-Id"]
            assert headers["Content-Type"] == "application/json"
