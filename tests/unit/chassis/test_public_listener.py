"""Replicas that share a listening socket: one comes, one goes, and no client notices."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import uvicorn

from services.chassis.http import server as servers
from services.chassis.http.http_protocol import BoundedHttpProtocol
from services.chassis.http.server import DatedState, PublicListener, Server
from tests.fakes import until


class Replica:
    """One server on a port of its own and on the shared socket; it answers with its name."""

    def __init__(self, name: str, shared: socket.socket) -> None:
        self.name = name
        self.is_ready = True
        self.answered = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        config = uvicorn.Config(
            self._app,
            port=0,
            http=BoundedHttpProtocol,
            lifespan="off",
            log_config=None,
            interface="asgi3",
            timeout_graceful_shutdown=20,
        )
        self.server = Server(config, [], PublicListener(shared.dup(), self._ready))
        self._task = asyncio.create_task(self._serve())

    async def _ready(self) -> bool:
        return self.is_ready

    async def _serve(self) -> None:
        self.server.config.load()
        self.server.lifespan = self.server.config.lifespan_class(self.server.config)
        await self.server.startup()
        await self.server.main_loop()
        await self.server.shutdown()

    async def stop(self) -> None:
        self.server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(self._task, 30)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        await self.may_answer.wait()
        self.answered += 1
        length = (b"content-length", str(len(self.name)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": self.name.encode()})


@pytest.fixture
async def shared() -> AsyncIterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def address(shared: socket.socket) -> str:
    return f"http://127.0.0.1:{shared.getsockname()[1]}/"


async def test_connections_wait_for_a_replica_that_is_ready(shared: socket.socket) -> None:
    replica = Replica("first", shared)
    replica.is_ready = False
    await until(lambda: replica.server.started)
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.get(address(shared)))
        port = replica.server.servers[0].sockets[0].getsockname()[1]
        async with session.get(f"http://127.0.0.1:{port}/") as own:  # of its sidecar
            assert await own.text() == "first"
        assert not asking.done()
        replica.is_ready = True
        async with await asking as answer:
            assert await answer.text() == "first"
    await replica.stop()


async def test_no_request_fails_while_one_replica_follows_another(
    shared: socket.socket,
) -> None:
    """On connections that are kept, and on new ones; a POST is not repeated by the client."""
    old = Replica("old", shared)
    stop = asyncio.Event()

    async def ask(*, keep: bool) -> int:
        asked = 0
        connector = aiohttp.TCPConnector(force_close=not keep, limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            while not stop.is_set():
                async with session.post(address(shared), data=b"x") as answer:
                    assert await answer.text() in ("old", "new")
                    asked += 1
        return asked

    asking = [asyncio.create_task(ask(keep=number % 2 == 0)) for number in range(6)]
    await until(lambda: old.answered > 50)
    new = Replica("new", shared)
    await until(lambda: new.answered > 50)
    await old.stop()
    before = old.answered
    await until(lambda: new.answered > 400)
    stop.set()
    asked = sum(await asyncio.gather(*asking))
    assert asked == old.answered + new.answered
    assert old.answered == before
    await new.stop()


async def test_a_request_in_the_works_is_answered_and_its_connection_ends(
    shared: socket.socket,
) -> None:
    replica = Replica("old", shared)
    replica.may_answer.clear()
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.get(address(shared)))
        await until(lambda: len(replica.server.server_state.tasks) == 1)
        stopping = asyncio.create_task(replica.stop())
        await until(
            lambda: (b"connection", b"close") in replica.server.server_state.default_headers
        )
        replica.may_answer.set()
        async with await asking as answer:
            assert await answer.text() == "old"
    await stopping


async def test_an_idle_client_delays_a_stop_only_briefly(
    shared: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "LAST_REQUEST_TIMEOUT", 0.2)
    replica = Replica("old", shared)
    async with aiohttp.ClientSession() as session:
        async with session.get(address(shared)) as answer:
            await answer.read()
        with contextlib.suppress(aiohttp.ClientError):
            await replica.stop()
    assert not replica.server.server_state.connections


async def test_responses_have_the_current_date(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [784_111_777.4]
    monkeypatch.setattr("services.chassis.http.server.time.time", lambda: now[0])
    state = DatedState()
    assert state.default_headers == [(b"date", b"Sun, 06 Nov 1994 08:49:37 GMT")]
    now[0] += 0.5
    assert state.default_headers == [(b"date", b"Sun, 06 Nov 1994 08:49:37 GMT")]
    now[0] += 0.5
    state.default_headers = [(b"connection", b"close")]
    date = (b"date", b"Sun, 06 Nov 1994 08:49:38 GMT")
    assert state.default_headers == [date, (b"connection", b"close")]
