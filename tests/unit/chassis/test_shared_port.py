"""One port for HTTP/1.1 and gRPC: each connection gets to the server that it speaks to."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import grpc
import pytest
import uvicorn

from services.chassis.http import shared_port
from services.chassis.http.server import Server
from services.chassis.http.shared_port import shared_protocol
from tests.fakes import until

LARGE = 2_000_000
"""More than the buffers of a connection hold: somebody has to wait."""


class TwoServers:
    """A server of HTTP that answers "http", and one of gRPC that answers what it was asked."""

    def __init__(self) -> None:
        self.grpc: Any = None
        self.grpc_port = 0
        self.held = asyncio.Event()
        self.held.set()
        self.asked = 0

    async def start(self) -> None:
        self.grpc = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        echo = grpc.unary_unary_rpc_method_handler(self._echo)
        handler = grpc.method_handlers_generic_handler("test.Echo", {"Say": echo})
        self.grpc.add_generic_rpc_handlers([handler])
        self.grpc_port = self.grpc.add_insecure_port("127.0.0.1:0")
        await self.grpc.start()
        config = uvicorn.Config(
            self._http,
            port=0,
            http=shared_protocol(lambda: self.grpc_port),  # type: ignore[arg-type]
            lifespan="off",
            log_config=None,
            interface="asgi3",
            timeout_graceful_shutdown=20,
        )
        self.server = Server(config, [])
        self._task = asyncio.create_task(self._serve())
        await until(lambda: self.server.started)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.server.handle_exit(signal.SIGTERM, None)
        await self.grpc.stop(20)
        await asyncio.wait_for(self._task, 30)

    async def _serve(self) -> None:
        self.server.config.load()
        self.server.lifespan = self.server.config.lifespan_class(self.server.config)
        await self.server.startup()
        await self.server.main_loop()
        await self.server.shutdown()

    async def _echo(self, request: bytes, _: Any) -> bytes:
        self.asked += 1
        await self.held.wait()
        return request

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        length = (b"content-length", b"4")
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": b"http"})


@pytest.fixture
async def servers() -> AsyncIterator[TwoServers]:
    servers = TwoServers()
    await servers.start()
    yield servers
    await servers.stop()


async def ask_http(port: int) -> str:
    async with aiohttp.request("GET", f"http://127.0.0.1:{port}/") as answer:
        return await answer.text()


def channel(port: int) -> Any:
    options = [("grpc.max_receive_message_length", -1)]
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options)


async def test_each_gets_its_server(servers: TwoServers) -> None:
    async with channel(servers.port) as peer:
        say = peer.unary_unary("/test.Echo/Say")
        assert await say(b"hello", timeout=20) == b"hello"
        assert await ask_http(servers.port) == "http"
        large = b"x" * LARGE
        answers = await asyncio.gather(*(say(large, timeout=20) for _ in range(4)))
        assert all(answer == large for answer in answers)


async def test_a_beginning_may_come_byte_by_byte(servers: TwoServers) -> None:
    for sent, expected in (
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"HTTP/1.1 200"),
        (b"PUT / HTTP/1.1\r\nhost: x\r\n\r\n", b"HTTP/1.1 200"),  # it has the first letter
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", b"\x00\x00"),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.port)
        for byte in sent:
            writer.write(bytes([byte]))
            await writer.drain()
        async with asyncio.timeout(20):
            assert (await reader.read(64)).startswith(expected)
        writer.close()


async def test_who_says_nothing_is_cut_off(
    servers: TwoServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_port, "HEAD_TIMEOUT", 0.05)
    for sent in (b"", b"PRI * HTTP"):
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.port)
        writer.write(sent)
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read(1) == b""
        writer.close()


async def test_connections_by_http2_are_bounded(
    servers: TwoServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_port, "MAX_RELAYS", 1)
    async with channel(servers.port) as first:
        assert await first.unary_unary("/test.Echo/Say")(b"hello", timeout=20) == b"hello"
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.port)
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read(1) == b""
        writer.close()
        assert await ask_http(servers.port) == "http"
    async with channel(servers.port) as later:
        say = later.unary_unary("/test.Echo/Say")
        assert await say(b"again", timeout=20, wait_for_ready=True) == b"again"


async def test_without_a_server_of_grpc_the_connection_ends(servers: TwoServers) -> None:
    servers.grpc_port = 1
    async with channel(servers.port) as peer:
        with pytest.raises(grpc.RpcError) as error:
            await peer.unary_unary("/test.Echo/Say")(b"", timeout=20)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    assert await ask_http(servers.port) == "http"


async def test_a_server_that_stops_finishes_the_calls_of_both() -> None:
    servers = TwoServers()
    await servers.start()
    servers.held.clear()
    async with channel(servers.port) as peer:
        asked = asyncio.ensure_future(peer.unary_unary("/test.Echo/Say")(b"last", timeout=20))
        await until(lambda: servers.asked)
        stopping = asyncio.create_task(servers.stop())
        await until(lambda: servers.server.should_exit)
        servers.held.set()
        assert await asked == b"last"
        await stopping
