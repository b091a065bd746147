"""Notifications beside users, posts and comments, on fakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.comments.app import create_app as comments_app
from services.notifications.app import create_app as notifications_app
from services.notifications.settings import NotificationsSettings
from services.posts.app import create_app as posts_app
from services.users.app import create_app as users_app
from tests.fakes import Response, Running, World

_ids = SnowflakeGenerator()


async def start(
    world: World, name: str, create: Callable[[Service], FastAPI], **settings: Any
) -> Running:
    def create_app(settings: NotificationsSettings) -> FastAPI:
        return create(Service(settings))

    return await world.start(create_app, name, **settings)


class Town:
    """Four services, and short ways to ask them."""

    def __init__(
        self, world: World, users: Running, posts: Running, comments: Running, notes: Running
    ) -> None:
        self.world, self.users, self.posts = world, users, posts
        self.comments, self.notes = comments, notes

    @classmethod
    async def built(cls, world: World, **settings: Any) -> Town:
        return cls(
            world,
            await start(world, "users", users_app),
            await start(world, "posts", posts_app),
            await start(world, "comments", comments_app),
            await start(world, "notifications", notifications_app, **settings),
        )

    async def person(self) -> Person:
        person = Person(self, _ids.next())
        await person.does(self.users, "GET", "/accounts/me")
        return person

    async def people(self, count: int) -> list[Person]:
        people = [await self.person() for _ in range(count)]
        await self.world.settle()
        return people

    async def restart(self) -> None:
        """As when the process has died: what was being delivered then has to be asked for."""
        await self.notes.kill()
        await self.world.broker.abort()
        await self.another()

    async def another(self) -> None:
        """One replica more, which is asked from now on."""
        self.notes = await start(self.world, "notifications", notifications_app)


class Person:
    """Somebody signed in."""

    def __init__(self, town: Town, id: str) -> None:
        self.town, self.id = town, id

    @property
    def name(self) -> str:
        return f"user{self.id}"

    async def ask(self, service: Running, method: str, path: str, **content: Any) -> Response:
        token = self.town.world.token(self.id)
        return await service.call(method, path, token=token, **content)

    async def does(self, service: Running, method: str, path: str, **content: Any) -> Any:
        answer = await self.ask(service, method, path, **content)
        assert answer.status == 200, answer.text
        return answer.json()

    async def makes(self, text: str = "hello", **more: Any) -> str:
        body = {"text": text, **more}
        made = await self.does(self.town.posts, "POST", "/posts", json=body)
        return str(made["post"]["id"])

    async def deletes(self, post: str) -> None:
        await self.does(self.town.posts, "DELETE", f"/posts/{post}")

    async def marks(self, post: str, what: str = "favourite") -> None:
        await self.does(self.town.posts, "POST", f"/posts/{post}/{what}")

    async def stands(self, whom: Person, what: str, **how: Any) -> None:
        await self.does(self.town.users, "POST", f"/accounts/{whom.id}/{what}", json=how)

    async def page(self, path: str = "notifications", **params: Any) -> Any:
        given = {name: str(value) for name, value in params.items()}
        return await self.does(self.town.notes, "GET", f"/{path}", params=given)

    async def told(self, **params: Any) -> list[tuple[str, str, str | None]]:
        """What they were told of: type, by whom, about which post; newest first."""
        found = (await self.page(**params))["notifications"]
        return [(each["type"], each["account"], each["post"]) for each in found]

    async def ids(self, **params: Any) -> list[str]:
        return [each["id"] for each in (await self.page(**params))["notifications"]]

    async def unread(self, path: str = "notifications", **params: Any) -> int:
        return int((await self.page(f"{path}/unread", **params))["count"])

    async def puts_away(self, path: str) -> None:
        await self.does(self.town.notes, "POST", f"/{path}")
