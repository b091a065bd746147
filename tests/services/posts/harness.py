"""The posts service with fakes of users and media, and shortcuts for requests."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Request

from services.chassis.errors import Invalid
from services.chassis.http.responses import OrjsonResponse
from services.chassis.ids import SnowflakeGenerator
from services.chassis.security.guards import bearer_token
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.storage.collection import Collection
from services.contracts.accounts import Profile
from services.contracts.events import ACCOUNT_CHANGED
from services.posts.app import create_app
from tests.fakes import FakeCluster, Response, RunningReplica, open_access

_ids = SnowflakeGenerator()


def posts_app(settings: Settings) -> FastAPI:
    return create_app(Service(settings))


class FakeNeighbours:
    """Fakes of users and media: usernames, relationships, claimed pictures and profiles."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.follows: set[tuple[str, str]] = set()
        self.blocks: set[tuple[str, str]] = set()
        self.hidden: set[tuple[str, str]] = set()
        self.claims: dict[str, str] = {}
        self.profiles: Collection[dict[str, Any]]

    def users_app(self, settings: Settings) -> FastAPI:
        service, router = Service(settings), APIRouter()
        self.profiles = service.collection("user", dict[str, Any], publishes=ACCOUNT_CHANGED)

        @router.post("/lookups")
        async def lookups(usernames: Annotated[list[str], Body(embed=True)]) -> OrjsonResponse:
            known = {name: id for name, id in self.names.items() if name in usernames}
            return OrjsonResponse(
                {n: {"profile": {"id": id, "username": n}} for n, id in known.items()}
            )

        @router.post("/relationships")
        async def relationships(
            targets: Annotated[dict[str, list[str]], Body(embed=True)],
        ) -> OrjsonResponse:
            return OrjsonResponse(
                {user: [self._relation(user, id) for id in ids] for user, ids in targets.items()}
            )

        return service.create_app(router, access=open_access(service, router))

    def media_app(self, settings: Settings) -> FastAPI:
        service, router = Service(settings), APIRouter()

        @router.post("/claims")
        async def claims(
            post_id: Annotated[str, Body()], ids: Annotated[list[str], Body()], request: Request
        ) -> OrjsonResponse:
            me = (await service.token_verifier.verify(bearer_token(request))).user_id
            if any(self.claims.setdefault(id, post_id) != post_id for id in ids):
                raise Invalid("A picture of the post is part of another post.")
            return OrjsonResponse([_picture(id, me) for id in ids])

        return service.create_app(router, access=open_access(service, router))

    def _relation(self, me: str, id: str) -> dict[str, Any]:
        return {
            "id": id,
            "following": (me, id) in self.follows,
            "blocking": (me, id) in self.blocks,
            "blocked_by": (id, me) in self.blocks,
            "muting": (me, id) in self.hidden,
        }


def _picture(id: str, owner: str) -> dict[str, Any]:
    return {
        "id": id,
        "owner": owner,
        "mime": "image/jpeg",
        "original": f"{id}-0123456789abcdef-o.jpg",
        "small": f"{id}-0123456789abcdef-s.jpg",
        "original_size": {"width": 4, "height": 3},
        "small_size": {"width": 4, "height": 3},
        "blurhash": "L",
        "description": "",
        "focus": [0.0, 0.5],
    }


class PostsHarness:
    """A running posts service and its users."""

    def __init__(self, cluster: FakeCluster, posts: RunningReplica, others: FakeNeighbours) -> None:
        self.cluster = cluster
        self.posts = posts
        self.neighbours = others

    @classmethod
    async def start(cls, cluster: FakeCluster) -> PostsHarness:
        others = FakeNeighbours()
        await cluster.start(others.users_app, "users")
        await cluster.start(others.media_app, "media")
        return cls(cluster, await cluster.start(posts_app, "posts"), others)

    def add_user(self, username: str, scopes: str = "read write follow") -> PostsUser:
        person = PostsUser(self, username, scopes)
        self.neighbours.names[username] = person.id
        return person

    def state_call_count(self) -> int:
        """Return the number of state calls of posts, including background work.

        The list of suspended accounts, which is read once in two seconds, does not count.
        """
        calls = self.posts.sidecar.state.faults.calls
        return sum(call.about != ("suspended:all",) for call in calls)


class PostsUser:
    """A signed-in user."""

    def __init__(self, harness: PostsHarness, username: str, scopes: str) -> None:
        self.id = _ids.next()
        self.harness = harness
        self.token = harness.cluster.token(self.id, scopes, username=username)

    async def request(self, method: str, path: str, **content: Any) -> Response:
        return await self.harness.posts.call(method, path, token=self.token, **content)

    async def request_ok(self, method: str, path: str, **content: Any) -> Any:
        response = await self.request(method, path, **content)
        assert response.status == 200, response.text
        return response.json()

    async def create_post(self, text: str = "hello", **more: Any) -> str:
        view = await self.request_ok("POST", "/posts", json={"text": text, **more})
        id: str = view["post"]["id"]
        return id

    async def set_suspended(self, *, suspended: bool = True) -> None:
        """Publish the profile with or without a suspension."""
        profile = Profile(id=self.id, username="x", created_at="", suspended=suspended)
        await self.harness.neighbours.profiles.update(self.id, lambda _: profile.model_dump())
        await self.harness.cluster.settle()

    async def get_status(self, id: str) -> int:
        return (await self.request("GET", f"/posts/{id}")).status
