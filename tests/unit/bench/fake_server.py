"""A server of the client API in memory: as much of it as the benchmark uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

Json = dict[str, Any]


def number_id(number: int) -> str:
    return str(number)


def ulid_id(number: int) -> str:
    return f"01HZ{number:022d}"


class FakeClientApi:
    """Everything takes effect at once. Posts above `shows` reach no home timeline."""

    def __init__(self, id_of: Callable[[int], str] = number_id, shows: int = 10**9) -> None:
        self._id_of = id_of
        self._shows = shows
        self._count = 1_000
        self.names: dict[str, str] = {}
        """By the token, which is the id too."""
        self.following: dict[str, set[str]] = defaultdict(set)
        self.posts: dict[str, Json] = {}
        self.notifications: dict[str, list[Json]] = defaultdict(list)
        self.requested: list[str] = []

    def _new_id(self) -> str:
        self._count += 1
        return self._id_of(self._count)

    @web.middleware
    async def note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requested.append(f"{request.method} {request.path_qs}")
        response: web.StreamResponse = await handler(request)
        return response

    async def ping(self, request: web.Request) -> web.Response:
        return answer({})

    async def app(self, request: web.Request) -> web.Response:
        return answer({"client_id": "a", "client_secret": "b", "access_token": "app"})

    async def register(self, request: web.Request) -> web.Response:
        id = self._new_id()
        self.names[id] = str((await request.post())["username"])
        return answer({"access_token": id})

    async def own(self, request: web.Request) -> web.Response:
        return answer(self._account(caller(request)))

    async def follow(self, request: web.Request) -> web.Response:
        one, other = caller(request), request.match_info["id"]
        if request.path.endswith("unfollow"):
            self.following[one].discard(other)
        else:
            self.following[one].add(other)
            self._notify(other, one, "follow")
        return answer({"id": other, "following": other in self.following[one]})

    async def post(self, request: web.Request) -> web.Response:
        form, author = await request.post(), caller(request)
        made = {
            "id": self._new_id(),
            "spoiler_text": "",
            "created_at": "now",
            "account": self._account(author),
            "in_reply_to_id": form.get("in_reply_to_id"),
        }
        self.posts[str(made["id"])] = made
        return answer(made)

    async def like(self, request: web.Request) -> web.Response:
        liked = self.posts[request.match_info["id"]]
        self._notify(liked["account"]["id"], caller(request), "favourite")
        return answer(liked)

    async def home(self, request: web.Request) -> web.Response:
        reader = caller(request)
        shown = {reader, *self.following[reader]}
        posts = list(self.posts.values())[: self._shows]
        return _page(request, posts, lambda post: author(post) in shown)

    async def account(self, request: web.Request) -> web.Response:
        posts = list(self.posts.values())
        return _page(request, posts, lambda post: author(post) == request.match_info["id"])

    async def notices(self, request: web.Request) -> web.Response:
        return answer(self.notifications[caller(request)][-20:])

    async def search(self, request: web.Request) -> web.Response:
        found = [self._account(id) for id, name in self.names.items() if name == request.query["q"]]
        return answer({"accounts": found, "statuses": []})

    async def context(self, request: web.Request) -> web.Response:
        above = {request.match_info["id"]}
        for post in self.posts.values():
            if post["in_reply_to_id"] in above:
                above.add(post["id"])
        below = [self.posts[id] for id in above - {request.match_info["id"]}]
        return answer({"ancestors": [], "descendants": below})

    def _account(self, id: str) -> Json:
        return {"id": id, "acct": self.names[id], "username": self.names[id]}

    def _notify(self, owner: str, actor: str, kind: str) -> None:
        self.notifications[owner].append({"id": self._new_id(), "type": kind, "account": actor})


def caller(request: web.Request) -> str:
    return request.headers["authorization"].removeprefix("Bearer ")


def author(post: Mapping[str, Any]) -> str:
    return str(post["account"]["id"])


def _page(
    request: web.Request, posts: Sequence[Json], is_shown: Callable[[Json], bool]
) -> web.Response:
    newest_first = [post for post in reversed(posts) if is_shown(post)]
    return answer(newest_first[: int(request.query["limit"])])


def answer(body: Any) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")


@asynccontextmanager
async def serving(server: FakeClientApi) -> AsyncIterator[str]:
    """Yield the address of the server."""
    app = web.Application(middlewares=[server.note])
    app.add_routes(
        [
            web.get("/ping", server.ping),
            web.post("/api/v1/apps", server.app),
            web.post("/oauth/token", server.app),
            web.post("/api/v1/accounts", server.register),
            web.get("/api/v1/accounts/verify_credentials", server.own),
            web.post("/api/v1/accounts/{id}/follow", server.follow),
            web.post("/api/v1/accounts/{id}/unfollow", server.follow),
            web.get("/api/v1/accounts/{id}/statuses", server.account),
            web.post("/api/v1/statuses", server.post),
            web.post("/api/v1/statuses/{id}/favourite", server.like),
            web.get("/api/v1/statuses/{id}/context", server.context),
            web.get("/api/v1/timelines/home", server.home),
            web.get("/api/v1/notifications", server.notices),
            web.get("/api/v2/search", server.search),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
