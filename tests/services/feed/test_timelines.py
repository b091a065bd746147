"""The feed beside users and posts, on fakes: what people see, whatever becomes of the events."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import FastAPI

from services.chassis.service import Service
from services.chassis.settings import Settings
from services.comments.app import create_app as comments_app
from services.feed.app import create_app as feed_app
from services.feed.domain import interactions
from services.feed.domain.relations import FanOutLimits
from services.posts.app import create_app as posts_app
from services.shared import block_list
from services.users.app import create_app as users_app
from tests.fakes import Running, World

SCOPES = "read write follow"


async def start(world: World, name: str, create: Callable[[Service], FastAPI]) -> Running:
    def create_app(settings: Settings) -> FastAPI:
        return create(Service(settings))

    return await world.start(create_app, name)


class FeedHarness:
    """Three services and some people."""

    def __init__(self, world: World, users: Running, posts: Running, feed: Running) -> None:
        self.world, self.users, self.posts, self.feed = world, users, posts, feed
        self._people = 0

    async def person(self) -> str:
        self._people += 1
        id = str(117_000_000_000_000_000 + self._people * 64)
        await self._ok(self.users, "GET", "/accounts/me", id)
        return id

    async def post(self, author: str, text: str = "hello", **more: Any) -> str:
        body = {"text": text, **more}
        made = await self._ok(self.posts, "POST", "/posts", author, json=body)
        return str(made["post"]["id"])

    async def delete(self, author: str, post: str) -> None:
        await self._ok(self.posts, "DELETE", f"/posts/{post}", author)

    async def follow(self, who: str, whom: str, what: str = "follow") -> None:
        await self._ok(self.users, "POST", f"/accounts/{whom}/{what}", who, json={})

    async def timeline(self, path: str, reader: str = "", **params: Any) -> list[str]:
        return [v["post"]["id"] for v in (await self.page(path, reader, **params))["views"]]

    async def home(self, reader: str, **params: Any) -> list[str]:
        return await self.timeline("home", reader, **params)

    async def page(self, path: str, reader: str = "", **params: Any) -> dict[str, Any]:
        given = {name: str(value) for name, value in params.items()}
        return await self._ok(self.feed, "GET", f"/timelines/{path}", reader, params=given)

    async def _ok(
        self, service: Running, method: str, path: str, who: str, **more: Any
    ) -> dict[str, Any]:
        token = self.world.token(who, SCOPES) if who else ""
        answer = await service.call(method, path, token=token, **more)
        assert answer.status == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture
async def town() -> AsyncIterator[FeedHarness]:
    async with World() as world:
        yield FeedHarness(
            world,
            await start(world, "users", users_app),
            await start(world, "posts", posts_app),
            await start(world, "feed", feed_app),
        )


async def test_replies_are_counted_in_timelines(town: FeedHarness) -> None:
    await start(town.world, "comments", comments_app)
    ann, ben = await town.person(), await town.person()
    post = await town.post(ann)
    reply = await town.post(ben, "re", in_reply_to_id=post)
    await town.post(ben, "just for you", in_reply_to_id=post, visibility="direct")
    await town.world.settle()
    assert (await town.page("home", ann))["views"][-1]["counts"]["replies"] == 1
    await town.delete(ben, reply)
    await town.world.settle()
    assert (await town.page("home", ann))["views"][-1]["counts"]["replies"] == 0


async def test_a_post_reaches_its_author_and_who_follows_them_and_nobody_else(
    town: FeedHarness,
) -> None:
    ann, ben, cid = [await town.person() for _ in range(3)]
    await town.follow(ben, ann)
    await town.world.settle()

    post = await town.post(ann)
    await town.world.settle()

    assert await town.home(ann) == await town.home(ben) == [post]
    assert await town.home(cid) == []
    assert await town.timeline("public") == [post]


async def test_following_brings_the_newest_posts_and_unfollowing_takes_them_away(
    town: FeedHarness,
) -> None:
    ann, ben = await town.person(), await town.person()
    posts = [await town.post(ann, f"number {n}") for n in range(3)]
    await town.follow(ben, ann)
    await town.world.settle()
    assert await town.home(ben) == posts[::-1]

    await town.follow(ben, ann, "unfollow")
    await town.world.settle()
    assert await town.home(ben) == []

    await town.follow(ben, ann)
    await town.world.settle()
    assert await town.home(ben) == posts[::-1]


async def test_a_deleted_post_disappears_from_every_timeline(town: FeedHarness) -> None:
    ann, ben = await town.person(), await town.person()
    await town.follow(ben, ann)
    post = await town.post(ann, "look #sea")
    await town.world.settle()
    paths = ["public", "tags/sea", f"accounts/{ann}"]
    assert [await town.timeline(path) for path in paths] == [[post]] * 3

    await town.delete(ann, post)
    await town.world.settle()

    assert [await town.timeline(path) for path in paths] == [[]] * 3
    assert await town.home(ben) == await town.home(ann) == []


@pytest.mark.parametrize("seed", range(6))
async def test_late_repeated_and_reordered_news_ends_the_same(town: FeedHarness, seed: int) -> None:
    people = [await town.person() for _ in range(4)]
    await town.world.settle()
    dice = random.Random(seed)  # noqa: S311
    town.world.broker.copies = 2
    town.world.broker.hold()
    follows: set[tuple[str, str]] = set()
    posts: dict[str, str] = {}
    for _ in range(40):
        who, whom = dice.sample(people, 2)
        match dice.choice(["post", "post", "follow", "unfollow", "delete"]):
            case "post":
                posts[await town.post(who)] = who
            case "follow":
                await town.follow(who, whom)
                follows.add((who, whom))
            case "unfollow":
                await town.follow(who, whom, "unfollow")
                follows.discard((who, whom))
            case "delete" if posts:
                post = dice.choice(sorted(posts))
                await town.delete(posts.pop(post), post)
    town.world.broker.release(seed=seed)
    await town.world.settle()

    for reader in people:
        authors = {reader} | {whom for who, whom in follows if who == reader}
        expected = sorted((p for p, author in posts.items() if author in authors), reverse=True)
        assert await town.home(reader, limit=80) == expected


async def test_what_the_broker_loses_is_fetched(town: FeedHarness) -> None:
    ann, ben = await town.person(), await town.person()
    town.world.broker.loses = lambda event: True
    await town.follow(ben, ann)
    posts = [await town.post(ann) for _ in range(3)]
    await town.world.settle()
    assert await town.home(ben) == posts[::-1]


async def test_a_post_whose_author_is_not_known_yet_comes_when_they_are(town: FeedHarness) -> None:
    town.world.broker.loses = lambda event: bool(event["type"] == "account.changed")
    ann = await town.person()
    post = await town.post(ann)
    await town.world.settle(rounds=0)
    assert town.world.state("feed").peek(f"person:{ann}")["data"]["statuses"]["total"] == 1
    for path in ("home", "public", f"accounts/{ann}"):
        assert await town.timeline(path, ann) == []
    await town.world.settle()
    for path in ("home", "public", f"accounts/{ann}"):
        assert await town.timeline(path, ann) == [post]


async def test_pages_in_both_directions_meet(town: FeedHarness) -> None:
    ann = await town.person()
    posts = [await town.post(ann, f"number {n}") for n in range(150)][::-1]
    await town.world.settle()

    down: list[str] = []
    while page := await town.home(ann, limit=40, **({"max_id": down[-1]} if down else {})):
        down += page
    up = await town.home(ann, limit=40, min_id=posts[-1])

    assert down == posts
    assert up == posts[-41:-1]
    assert await town.home(ann, limit=5, since_id=posts[3]) == posts[:3]


async def test_no_post_is_lost_between_pages_on_which_others_are_left_out(
    town: FeedHarness,
) -> None:
    ann, ben = await town.person(), await town.person()
    posts = []
    for n in range(30):
        posts.append(await town.post(ann, f"number {n}"))
        if n % 3:
            await town.post(ben, f"number {n}")
    await town.follow(ann, ben, "mute")
    await town.world.settle()

    down: list[str] = []
    last = ""
    while (page := await town.page("public", ann, limit=7, max_id=last))["last"]:
        down += [view["post"]["id"] for view in page["views"]]
        last = page["last"]
    up: list[str] = []
    first = posts[0]
    while (page := await town.page("public", ann, limit=7, min_id=first))["first"]:
        up = [view["post"]["id"] for view in page["views"]] + up
        first = page["first"]

    assert down == posts[::-1]
    assert up == posts[:0:-1]


async def test_a_newest_page_costs_two_state_calls_and_an_older_one_three(
    town: FeedHarness,
) -> None:
    ann = await town.person()
    for n in range(150):
        await town.post(ann, f"number {n}")
    others = [await town.person() for _ in range(20)]
    for other in others:
        await town.follow(ann, other)
    await town.world.settle()
    calls = town.feed.sidecar.state.faults

    before = calls.count("get_many") + calls.count("get")
    page = await town.home(ann)
    newest = calls.count("get_many") + calls.count("get") - before
    await town.home(ann, max_id=page[-1], limit=80)
    older = calls.count("get_many") + calls.count("get") - before - newest

    assert newest == 2
    assert older <= 3


@pytest.mark.parametrize(
    "limits", [FanOutLimits(chunk=2, large=100), FanOutLimits(chunk=1, large=3)]
)
async def test_shared_and_large_fan_outs_show_the_same_homes(limits: FanOutLimits) -> None:
    async with World() as world:
        users = await start(world, "users", users_app)
        posts = await start(world, "posts", posts_app)
        feed = await start(world, "feed", lambda service: feed_app(service, limits))
        town = FeedHarness(world, users, posts, feed)
        ann = await town.person()
        fans = [await town.person() for _ in range(6)]
        for fan in fans:
            await town.follow(fan, ann)
        await world.settle()
        made = [await town.post(ann, f"number {n}") for n in range(3)]
        await world.settle()
        for fan in fans:
            assert await town.home(fan) == made[::-1]


async def test_a_private_post_is_seen_by_followers_and_the_mentioned_only(
    town: FeedHarness,
) -> None:
    ann, ben, cid = [await town.person() for _ in range(3)]
    await town.follow(ben, ann)
    post = await town.post(ann, "for friends #sea", visibility="private")
    await town.world.settle()
    assert await town.timeline(f"accounts/{ann}", ben) == [post]
    assert await town.timeline(f"accounts/{ann}", cid) == []
    assert await town.timeline(f"accounts/{ann}") == []
    assert await town.timeline("public", ben) == []
    assert await town.timeline("tags/sea", ben) == []


async def test_a_block_hides_in_both_directions(town: FeedHarness) -> None:
    ann, ben = await town.person(), await town.person()
    await town.follow(ben, ann)
    post, other = await town.post(ann), await town.post(ben)
    await town.follow(ann, ben, "block")
    await town.world.settle()
    assert await town.home(ben) == [other]
    assert await town.timeline("public", ben) == [other]
    assert await town.timeline("public", ann) == [post]
    assert await town.timeline(f"accounts/{ann}", ben) == []


async def test_counts_and_marks_are_on_the_page(town: FeedHarness) -> None:
    ann, ben = await town.person(), await town.person()
    post = await town.post(ann)
    await town._ok(town.posts, "POST", f"/posts/{post}/favourite", ben)
    await town.follow(ben, ann)
    await town.world.settle()
    page = await town.page("home", ben)
    assert page["views"][0]["favourited"] is True
    assert page["views"][0]["counts"]["favourites"] == 1
    assert page["accounts"][ann]["counts"]["followers"] == 1
    assert page["accounts"][ann]["counts"]["statuses"] == 1


async def test_a_page_that_is_still_the_same_is_spared(town: FeedHarness) -> None:
    ann, ben = await town.person(), await town.person()
    await town.follow(ben, ann)
    post = await town.post(ann)
    await town.world.settle()
    page = await town.page("home", ben)
    assert (len(page["views"]), page["same"]) == (1, False)

    again = await town.page("home", ben, known=page["tag"])
    assert (again["views"], again["accounts"], again["same"]) == ([], {}, True)
    assert (again["first"], again["last"], again["tag"]) == (post, post, page["tag"])
    assert not (await town.page("home", ann, known="nonsense"))["same"]

    async def changes(method: str, path: str, who: str, **more: Any) -> None:
        nonlocal page
        await town._ok(town.posts, method, path, who, **more)
        await town.world.settle()
        now = await town.page("home", ben, known=page["tag"])
        assert not now["same"]
        assert len(now["views"]) == 1
        page = now

    await changes("POST", f"/posts/{post}/favourite", ann)  # a count
    await changes("POST", f"/posts/{post}/bookmark", ben)  # a mark
    await changes("PUT", f"/posts/{post}", ann, json={"text": "an edit"})
    await town._ok(town.users, "PATCH", "/accounts/me", ann, json={"display_name": "Ann"})
    await town.world.settle()
    assert not (await town.page("home", ben, known=page["tag"]))["same"]


async def test_marks_on_old_posts_are_known_too(
    town: FeedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interactions, "MAX_RECENT_INTERACTIONS", 4)
    monkeypatch.setattr(interactions, "_EVICTION_BATCH_SIZE", 2)
    ann = await town.person()
    posts = [await town.post(ann, f"number {n}") for n in range(12)]
    liked = [3, 1, 4, 0, 5, 9, 2, 6, 11, 8]
    for n in liked:
        await town._ok(town.posts, "POST", f"/posts/{posts[n]}/favourite", ann)
        await town.world.settle()
    for n in (0, 9, 4):
        await town._ok(town.posts, "POST", f"/posts/{posts[n]}/unfavourite", ann)
    town.world.broker.copies = 2
    await town._ok(town.posts, "POST", f"/posts/{posts[1]}/bookmark", ann)
    await town.world.settle()
    views = (await town.page("home", ann))["views"]
    shown = {posts.index(v["post"]["id"]) for v in views if v["favourited"]}
    assert shown == set(liked) - {0, 9, 4}
    assert [posts.index(v["post"]["id"]) for v in views if v["bookmarked"]] == [1]


async def test_who_is_blocked_by_very_many_is_shown_nothing_of_any_of_them(
    town: FeedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_list, "BLOCKERS", 2)
    reader, friend, *blockers = [await town.person() for _ in range(6)]
    await town.follow(reader, friend)
    for author in blockers:
        await town.follow(author, reader, "block")
    await town.world.settle()
    own = [await town.post(author) for author in blockers]
    shown = await town.post(friend)
    await town.world.settle()
    assert await town.timeline("public", reader) == [shown]
    assert await town.timeline("public") == [shown, *own[::-1]]
    for author in blockers:
        assert await town.timeline(f"accounts/{author}", reader) == []
    for author in blockers:
        await town.follow(author, reader, "unblock")
    await town.world.settle()
    assert await town.timeline("public", reader) == [shown, *own[::-1]]
