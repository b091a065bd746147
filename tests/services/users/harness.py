"""The users service on fakes, and short forms of requests to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from services.chassis.http.responses import OrjsonResponse
from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.users.app import create_app
from tests.fakes import FakeCluster, Response, RunningReplica

_ids = SnowflakeGenerator()


def users_app(settings: Settings) -> FastAPI:
    return create_app(Service(settings))


async def _idle_posts(scope: Scope, receive: Receive, send: Send) -> None:
    await OrjsonResponse({"author-counts": {}})(scope, receive, send)


async def start(cluster: FakeCluster) -> RunningReplica:
    """Start a replica, beside a posts service without changes."""
    if _idle_posts not in cluster.network:
        cluster.network.add("posts", _idle_posts)
    return await cluster.start(users_app, "users")


class UserSession:
    """A user with an access token, and requests to the service."""

    def __init__(self, cluster: FakeCluster, users: RunningReplica, username: str) -> None:
        self.id = _ids.next()
        self.username = username
        self.replica = users
        self.token = cluster.token(self.id, username=username)

    @classmethod
    async def registered(
        cls, cluster: FakeCluster, users: RunningReplica, username: str
    ) -> UserSession:
        user = cls(cluster, users, username)
        assert (await user.get("/accounts/me"))["profile"]["id"] == user.id
        return user

    async def ask(self, method: str, path: str, **content: Any) -> Response:
        return await self.replica.call(method, path, token=self.token, **content)

    async def get(self, path: str, **params: str) -> Any:
        response = await self.ask("GET", path, params=params)
        assert response.status == 200, response.text
        return response.json()

    async def post(self, path: str, json: Any = None) -> Any:
        response = await self.ask("POST", path, json=json)
        assert response.status == 200, response.text
        return response.json()

    async def act(self, verb: str, other: UserSession, json: Any = None) -> Any:
        return await self.post(f"/accounts/{other.id}/{verb}", json)

    async def listed(self, path: str, **params: str) -> list[str]:
        page = await self.get(path, **params)
        assert len(page["ids"]) == len(page["accounts"])
        return [account["profile"]["username"] for account in page["accounts"]]


@dataclass
class UsersDeployment:
    """The users service among fakes of the other services."""

    cluster: FakeCluster
    replica: RunningReplica

    async def new_user(self, username: str) -> UserSession:
        return await UserSession.registered(self.cluster, self.replica, username)

    async def new_users(self, *usernames: str) -> list[UserSession]:
        accounts = [await self.new_user(username) for username in usernames]
        await self.cluster.settle()
        return accounts

    def calls(self) -> int:
        """Count the state calls, without those that look for lost events."""
        watching = ("inbox:", "streams:", "journal:", "recovered:")
        calls = self.replica.sidecar.state.faults.calls
        return sum(not call.about[0].startswith(watching) for call in calls)

    async def publish(
        self, topic: str, producer: str, type: str, subject: str, **rest: Any
    ) -> None:
        version = rest.pop("version", 1)
        event = {
            "specversion": "1.0",
            "id": f"{type}:{subject}@{version}",
            "source": producer,
            "type": type,
            "subject": subject,
            "stream": "s",
            "sequence": version,
            "entityversion": version,
            "data": rest,
        }
        await self.cluster.broker.publish(topic, [event])
        await self.cluster.settle()


async def search(user: UserSession, text: str, **params: str) -> list[str]:
    return [a["profile"]["username"] for a in await user.get("/search", q=text, **params)]


def login_of(user: UserSession) -> dict[str, Any]:
    return {
        "user_id": user.id,
        "username": user.username,
        "created_at": "2026-01-01T00:00:00.000Z",
    }


async def receive_login(
    users: RunningReplica, user: UserSession, version: int, **status: Any
) -> None:
    event = {
        "specversion": "1.0",
        "id": f"login.registered:{user.id}@{version}",
        "source": "auth",
        "type": "login.registered",
        "subject": user.id,
        "stream": "s",
        "sequence": version,
        "entityversion": version,
        "data": login_of(user) | status,
    }
    await users.service.inbox.receive_event("logins", event)
