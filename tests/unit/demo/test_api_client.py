"""The demo keeps the limits of a system, and says what is in its way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tools.demo.api_client import DemoApiClient, RequestRefused
from tools.runner.errors import RunnerError

Answer = tuple[int, dict[str, str]]


@asynccontextmanager
async def answering(*answers: Answer) -> AsyncIterator[tuple[DemoApiClient, list[str]]]:
    """A system that answers so, one after the other."""
    left = list(answers)
    said: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        status, headers = left.pop(0)
        return web.json_response({"error": "because"}, status=status, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    say: Callable[[str], None] = said.append
    async with (
        TestServer(app) as server,
        DemoApiClient(str(server.make_url("/")), say=say) as client,
    ):
        yield client, said


async def test_the_client_waits_for_a_rate_limit() -> None:
    async with answering((429, {"retry-after": "0"}), (200, {})) as (client, said):
        assert await client.request("GET", "/") == {"error": "because"}
        assert "a rate limit is reached" in said[0]


async def test_a_rate_limit_that_takes_too_long_ends_the_demo() -> None:
    async with answering((429, {"retry-after": "1800"})) as (client, _):
        with pytest.raises(RunnerError, match="nothing is doubled"):
            await client.request("GET", "/")


async def test_an_unavailable_service_is_retried() -> None:
    async with answering((503, {}), (200, {})) as (client, _):
        assert await client.request("GET", "/") == {"error": "because"}


async def test_a_refused_request_reports_its_reason() -> None:
    async with answering((422, {})) as (client, _):
        with pytest.raises(RequestRefused, match=r"\(422\): because") as refused:
            await client.request("POST", "/x")
    assert refused.value.status == 422
