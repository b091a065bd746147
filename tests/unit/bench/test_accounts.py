"""Where people come from, on a fake server of the client API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from rich.progress import Progress

from bench import accounts
from bench.accounts import RegisteredAccounts, TokenFile
from bench.api_client import BenchClient


class FakeServer:
    """Registers everybody; accounts are locked at first."""

    def __init__(self, confirms: str = "at once") -> None:
        self.names: dict[str, str] = {}
        self.unlocked: set[str] = set()
        self._numbers: Iterator[int] = iter(range(100, 1_000))
        self._confirms = confirms

    async def app(self, request: web.Request) -> web.Response:
        return web.json_response({"client_id": "a", "client_secret": "b", "access_token": "app"})

    async def register(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert request.headers["authorization"] == "Bearer app"
        assert form["reason"]
        assert form["locale"]
        token = f"t{next(self._numbers)}"
        self.names[token] = str(form["username"])
        return web.json_response({"access_token": token})

    async def own(self, request: web.Request) -> web.Response:
        if self._confirms != "at once":
            return web.json_response({"error": "unconfirmed"}, status=403)
        token = request.headers["authorization"].removeprefix("Bearer ")
        body = {"id": token[1:], "username": self.names[token]}
        return web.json_response(body | {"locked": token not in self.unlocked})

    async def update(self, request: web.Request) -> web.Response:
        assert (await request.post())["locked"] == "false"
        self.unlocked.add(request.headers["authorization"].removeprefix("Bearer "))
        return web.json_response({})


@asynccontextmanager
async def serving(server: FakeServer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/api/v1/apps", server.app)
    app.router.add_post("/oauth/token", server.app)
    app.router.add_post("/api/v1/accounts", server.register)
    app.router.add_get("/api/v1/accounts/verify_credentials", server.own)
    app.router.add_patch("/api/v1/accounts/update_credentials", server.update)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_registered_people_can_be_followed_by_anybody() -> None:
    server = FakeServer()
    async with serving(server) as url, BenchClient(url) as client:
        people = await RegisteredAccounts().take(client, 3, Progress(disable=True))
    assert len({person.id for person in people}) == 3
    assert {person.token for person in people} == server.unlocked
    assert sorted(person.name for person in people) == sorted(server.names.values())


async def test_people_of_a_file_are_taken_once_each(tmp_path: Path) -> None:
    server = FakeServer()
    server.names = {f"t{number}": f"name{number}" for number in range(3)}
    file = tmp_path / "tokens"
    file.write_text("t0 ada\n\nt1\nt2\n")
    tokens = TokenFile(file)
    async with serving(server) as url, BenchClient(url) as client:
        first = await tokens.take(client, 2, Progress(disable=True))
        assert [(person.id, person.name) for person in first] == [("0", "name0"), ("1", "name1")]
        with pytest.raises(ValueError, match="lacks 1 tokens"):
            await tokens.take(client, 2, Progress(disable=True))
        assert [p.token for p in await tokens.take(client, 1, Progress(disable=True))] == ["t2"]


async def test_people_can_be_signed_up_before_anybody_confirms_them() -> None:
    server = FakeServer(confirms="later")
    async with serving(server) as url:
        lines = await accounts._sign_up(url, 2, Progress(disable=True))
    assert dict(line.split() for line in lines) == server.names


def test_the_command_wants_an_address_and_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert accounts.main(["http://127.0.0.1:1"]) == 2
    assert "usage" in capsys.readouterr().err
