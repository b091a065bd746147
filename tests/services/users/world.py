"""The users service among fakes, and short ways to ask it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from services.chassis.http.responses import OrjsonResponse
from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.users.app import create_app
from tests.fakes import Response, Running, World

_ids = SnowflakeGenerator()


def users_app(settings: Settings) -> FastAPI:
    return create_app(Service(settings))


async def _silent_posts(scope: Scope, receive: Receive, send: Send) -> None:
    await OrjsonResponse({"author-counts": {}})(scope, receive, send)


async def start(world: World) -> Running:
    """Start a replica, beside a posts service that has no news."""
    if _silent_posts not in world.network:
        world.network.add("posts", _silent_posts)
    return await world.start(users_app, "users")


class Person:
    """Somebody signed in, who asks the service."""

    def __init__(self, world: World, users: Running, username: str) -> None:
        self.id = _ids.next()
        self.username = username
        self.users = users
        self.token = world.token(self.id, username=username)

    @classmethod
    async def registered(cls, world: World, users: Running, username: str) -> Person:
        person = cls(world, users, username)
        assert (await person.get("/accounts/me"))["profile"]["id"] == person.id
        return person

    async def ask(self, method: str, path: str, **content: Any) -> Response:
        return await self.users.call(method, path, token=self.token, **content)

    async def get(self, path: str, **params: str) -> Any:
        response = await self.ask("GET", path, params=params)
        assert response.status == 200, response.text
        return response.json()

    async def post(self, path: str, json: Any = None) -> Any:
        response = await self.ask("POST", path, json=json)
        assert response.status == 200, response.text
        return response.json()

    async def does(self, verb: str, other: Person, json: Any = None) -> Any:
        return await self.post(f"/accounts/{other.id}/{verb}", json)

    async def listed(self, path: str, **params: str) -> list[str]:
        page = await self.get(path, **params)
        assert len(page["ids"]) == len(page["accounts"])
        return [account["profile"]["username"] for account in page["accounts"]]
