"""The client of the sidecar takes no empty text for a secret."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import NotFound
from services.chassis.metrics import Metrics


async def test_a_secret_that_the_store_answers_as_empty_is_not_there() -> None:
    """The secret store `secretstores.local.env` answers so for a variable that is not set."""

    async def answer(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response({name: "keys" if name == "jwt-signing-keys" else ""})

    app = web.Application()
    app.router.add_get("/v1.0/secrets/secretstore/{name}", answer)
    async with TestServer(app) as server, DaprClient(server.port or 0, "", Metrics()) as client:
        assert await client.secret("jwt-signing-keys") == "keys"
        with pytest.raises(NotFound):
            await client.secret("identifier-hash-key")
