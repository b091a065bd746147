"""The notifications service with users, posts and comments, on fakes."""

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
from tests.fakes import FakeCluster, Response, RunningReplica

_ids = SnowflakeGenerator()


async def start(
    cluster: FakeCluster, name: str, create: Callable[[Service], FastAPI], **settings: Any
) -> RunningReplica:
    def create_app(settings: NotificationsSettings) -> FastAPI:
        return create(Service(settings))

    return await cluster.start(create_app, name, **settings)


class NotificationsHarness:
    """Four services, and shortcuts for requests."""

    def __init__(
        self,
        cluster: FakeCluster,
        users: RunningReplica,
        posts: RunningReplica,
        comments: RunningReplica,
        notes: RunningReplica,
    ) -> None:
        self.cluster, self.users, self.posts = cluster, users, posts
        self.comments, self.notifications = comments, notes

    @classmethod
    async def start(cls, cluster: FakeCluster, **settings: Any) -> NotificationsHarness:
        return cls(
            cluster,
            await start(cluster, "users", users_app),
            await start(cluster, "posts", posts_app),
            await start(cluster, "comments", comments_app),
            await start(cluster, "notifications", notifications_app, **settings),
        )

    async def add_user(self) -> NotificationsUser:
        person = NotificationsUser(self, _ids.next())
        await person.request_ok(self.users, "GET", "/accounts/me")
        return person

    async def add_users(self, count: int) -> list[NotificationsUser]:
        people = [await self.add_user() for _ in range(count)]
        await self.cluster.settle()
        return people

    async def restart(self) -> None:
        """Kill the replica and start another one. Events in delivery have to be fetched."""
        await self.notifications.kill()
        await self.cluster.broker.abort()
        await self.add_replica()

    async def add_replica(self) -> None:
        """Start another replica, which receives the next requests."""
        self.notifications = await start(self.cluster, "notifications", notifications_app)


class NotificationsUser:
    """A signed-in user."""

    def __init__(self, harness: NotificationsHarness, id: str) -> None:
        self.harness, self.id = harness, id

    @property
    def name(self) -> str:
        return f"user{self.id}"

    async def request(
        self, service: RunningReplica, method: str, path: str, **content: Any
    ) -> Response:
        token = self.harness.cluster.token(self.id)
        return await service.call(method, path, token=token, **content)

    async def request_ok(
        self, service: RunningReplica, method: str, path: str, **content: Any
    ) -> Any:
        answer = await self.request(service, method, path, **content)
        assert answer.status == 200, answer.text
        return answer.json()

    async def create_post(self, text: str = "hello", **more: Any) -> str:
        body = {"text": text, **more}
        made = await self.request_ok(self.harness.posts, "POST", "/posts", json=body)
        return str(made["post"]["id"])

    async def delete_post(self, post: str) -> None:
        await self.request_ok(self.harness.posts, "DELETE", f"/posts/{post}")

    async def react(self, post: str, what: str = "favourite") -> None:
        await self.request_ok(self.harness.posts, "POST", f"/posts/{post}/{what}")

    async def set_relationship(self, whom: NotificationsUser, what: str, **how: Any) -> None:
        await self.request_ok(self.harness.users, "POST", f"/accounts/{whom.id}/{what}", json=how)

    async def page(self, path: str = "notifications", **params: Any) -> Any:
        given = {name: str(value) for name, value in params.items()}
        return await self.request_ok(self.harness.notifications, "GET", f"/{path}", params=given)

    async def notified(self, **params: Any) -> list[tuple[str, str, str | None]]:
        """Return the notifications as type, account and post, newest first."""
        found = (await self.page(**params))["notifications"]
        return [(each["type"], each["account"], each["post"]) for each in found]

    async def ids(self, **params: Any) -> list[str]:
        return [each["id"] for each in (await self.page(**params))["notifications"]]

    async def unread(self, path: str = "notifications", **params: Any) -> int:
        return int((await self.page(f"{path}/unread", **params))["count"])

    async def dismiss(self, path: str) -> None:
        await self.request_ok(self.harness.notifications, "POST", f"/{path}")
