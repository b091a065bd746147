"""Two concurrent commands of one user have the result of a sequential execution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import given

from services.contracts import limits
from tests.fakes import FakeCluster, RunningReplica
from tests.services.at_once import (
    APART,
    CHOICES,
    AtOnce,
    Command,
    Opened,
    Said,
    examples,
    pairs,
    refusal,
    running,
)
from tests.services.posts.harness import PostsHarness, PostsUser, posts_app

_names = count(1)


@dataclass
class Ann:
    """A user with two posts and room for one more pin, and a post of Ben's to react to."""

    harness: PostsHarness
    me: PostsUser
    posts: dict[str, str]

    @classmethod
    async def comes(cls, harness: PostsHarness) -> Ann:
        ann, ben = harness.add_user(f"ann{next(_names)}"), harness.add_user(f"ben{next(_names)}")
        posts = {"one": await ann.create_post("one"), "two": await ann.create_post("two")}
        for number in range(limits.MAX_PINS - 1):
            pinned = await ann.create_post(f"pinned {number}")
            await ann.request_ok("POST", f"/posts/{pinned}/pin")
            posts[f"pinned {number}"] = pinned
        posts["bens"] = await ben.create_post("of Ben's")
        await harness.cluster.settle()
        return cls(harness, ann, posts)

    async def end(self, _: list[Said]) -> Any:
        """Return the posts as she finally sees them, and her lists."""
        await self.harness.cluster.settle()
        names = {id: name for name, id in self.posts.items()}

        def named(views: list[dict[str, Any]]) -> list[str]:
            return [names.get(view["post"]["id"], view["post"]["text"]) for view in views]

        pins = await self.me.request_ok("GET", f"/accounts/{self.me.id}/pins")
        state = self.harness.cluster.state("posts")
        mine = [key for key in state.keys("post:") if self._is_mine(state.peek(key)["data"])]
        return {
            "shown": [await self.sees(id) for id in self.posts.values()],
            "pinned": named(pins),
            "listed": [named(await self.listed(kind)) for kind in ("favourites", "bookmarks")],
            "all": sorted(state.peek(key)["data"]["text"] for key in mine),
        }

    def _is_mine(self, post: dict[str, Any]) -> bool:
        return bool(post["author"] == self.me.id and not post["deleted"])

    async def listed(self, kind: str) -> list[dict[str, Any]]:
        page = await self.me.request_ok("GET", f"/{kind}")
        found: list[dict[str, Any]] = page["views"]
        return found

    async def sees(self, id: str) -> Any:
        answer = await self.me.request("GET", f"/posts/{id}")
        if answer.status != 200:
            return answer.status
        view = answer.json()
        shown = [view[key] for key in ("favourited", "bookmarked", "reblogged", "pinned", "counts")]
        history = (await self.me.request("GET", f"/posts/{id}/history")).json()
        return [view["post"]["text"], *shown, [version["text"] for version in history]]


def asks(method: str, path: str, json: Any = None) -> Command[Ann]:
    async def ask(ann: Ann, replica: RunningReplica) -> Said:
        here = path.format(**ann.posts)
        return refusal(await replica.call(method, here, token=ann.me.token, json=json))

    return ask


def posts_by_key(text: str) -> Command[Ann]:
    return asks("POST", "/posts", {"text": text, "idempotency_key": "a"})


COMMANDS: dict[str, Command[Ann]] = {
    **{
        f"{verb}s of Ben's": asks("POST", f"/posts/{{bens}}/{verb}")
        for verb in (*("favourite", "unfavourite", "bookmark", "unbookmark", "unreblog"),)
    },
    "boosts of Ben's": asks("POST", "/posts/{bens}/reblog", {}),
    "boosts her own": asks("POST", "/posts/{one}/reblog", {}),
    "pins one": asks("POST", "/posts/{one}/pin"),
    "pins two": asks("POST", "/posts/{two}/pin"),
    "unpins one": asks("POST", "/posts/{one}/unpin"),
    "edits one": asks("PUT", "/posts/{one}", {"text": "first"}),
    "edits one else": asks("PUT", "/posts/{one}", {"text": "uno"}),
    "deletes one": asks("DELETE", "/posts/{one}"),
    "posts by key": posts_by_key("new"),
    "posts something else by that key": posts_by_key("newer"),
}


async def open_posts(cluster: FakeCluster) -> Opened[Ann]:
    harness = await PostsHarness.start(cluster)

    async def come() -> Ann:
        return await Ann.comes(harness)

    return (harness.posts, await cluster.start(posts_app, "posts")), come


@pytest.fixture
def posts() -> Iterator[AtOnce[Ann]]:
    with running(open_posts) as (runner, opened):
        yield AtOnce(runner, opened, COMMANDS, Ann.end)


@given(pairs(COMMANDS), CHOICES, APART)
@examples(80)
def test_two_commands_at_once_are_as_one_after_the_other(
    posts: AtOnce[Ann], pair: tuple[str, str], choices: list[int], apart: int
) -> None:
    posts.check(pair, choices, apart)
