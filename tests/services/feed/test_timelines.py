"""The feed with users and posts, on fakes: what users see, whatever happens to the events."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from fastapi import FastAPI

from services.chassis.errors import Unavailable
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.comments.app import create_app as comments_app
from services.contracts.posts import PostRef
from services.feed.app import create_app as feed_app
from services.feed.domain import interactions
from services.feed.domain.relations import follower_shard
from services.feed.repository import Repository
from services.posts.app import create_app as posts_app
from services.shared import block_list
from services.users.app import create_app as users_app
from tests.fakes import FakeCluster, RunningReplica, until
from tests.fakes.faults import Call

SCOPES = "read write follow"


async def start(
    cluster: FakeCluster, name: str, create: Callable[[Service], FastAPI]
) -> RunningReplica:
    def create_app(settings: Settings) -> FastAPI:
        return create(Service(settings))

    return await cluster.start(create_app, name)


class FeedHarness:
    """Three services and some users."""

    def __init__(
        self,
        cluster: FakeCluster,
        users: RunningReplica,
        posts: RunningReplica,
        feed: RunningReplica,
    ) -> None:
        self.cluster, self.users, self.posts, self.feed = cluster, users, posts, feed
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
        self, service: RunningReplica, method: str, path: str, who: str, **more: Any
    ) -> dict[str, Any]:
        token = self.cluster.token(who, SCOPES) if who else ""
        answer = await service.call(method, path, token=token, **more)
        assert answer.status == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture
async def harness(like: str) -> AsyncIterator[FeedHarness]:
    async with FakeCluster(like=like) as cluster:
        yield FeedHarness(
            cluster,
            await start(cluster, "users", users_app),
            await start(cluster, "posts", posts_app),
            await start(cluster, "feed", feed_app),
        )


async def test_replies_are_counted_in_timelines(harness: FeedHarness) -> None:
    await start(harness.cluster, "comments", comments_app)
    ann, ben = await harness.person(), await harness.person()
    post = await harness.post(ann)
    reply = await harness.post(ben, "re", in_reply_to_id=post)
    await harness.post(ben, "just for you", in_reply_to_id=post, visibility="direct")
    await harness.cluster.settle()
    assert (await harness.page("home", ann))["views"][-1]["counts"]["replies"] == 1
    await harness.delete(ben, reply)
    await harness.cluster.settle()
    assert (await harness.page("home", ann))["views"][-1]["counts"]["replies"] == 0


async def test_a_post_reaches_its_author_and_who_follows_them_and_nobody_else(
    harness: FeedHarness,
) -> None:
    ann, ben, cid = [await harness.person() for _ in range(3)]
    await harness.follow(ben, ann)
    await harness.cluster.settle()

    post = await harness.post(ann)
    await harness.cluster.settle()

    assert await harness.home(ann) == await harness.home(ben) == [post]
    assert await harness.home(cid) == []
    assert await harness.timeline("public") == [post]


async def test_following_brings_the_newest_posts_and_unfollowing_takes_them_away(
    harness: FeedHarness,
) -> None:
    ann, ben = await harness.person(), await harness.person()
    posts = [await harness.post(ann, f"number {n}") for n in range(3)]
    await harness.follow(ben, ann)
    await harness.cluster.settle()
    assert await harness.home(ben) == posts[::-1]

    await harness.follow(ben, ann, "unfollow")
    await harness.cluster.settle()
    assert await harness.home(ben) == []

    await harness.follow(ben, ann)
    await harness.cluster.settle()
    assert await harness.home(ben) == posts[::-1]


@pytest.mark.parametrize("newer", ["", "mute"])
async def test_a_home_is_rebuilt_although_the_first_attempt_fails(
    harness: FeedHarness, newer: str
) -> None:
    ann, ben = await harness.person(), await harness.person()
    await harness.post(ann)
    own = await harness.post(ben)
    await harness.follow(ben, ann)
    await harness.cluster.settle()

    def home_rows() -> list[str]:
        stored = harness.feed.sidecar.state.peek(f"home:{ben}")
        return [row[0] for row in orjson.loads(stored["data"]["recent"])]

    assert len(await harness.home(ben)) == 2
    broker = harness.cluster.broker
    broker.hold()
    await harness.follow(ben, ann, "unfollow")
    await until(lambda: len(broker.events("edges")) == 2)
    if newer:
        await harness.follow(ben, ann, newer)
        await until(lambda: len(broker.events("edges")) == 3)
    broker.forget()
    _, *events = broker.events("edges")

    harness.feed.sidecar.state.faults.fail(about=f"home:{ben}", error=ValueError("broken"))
    assert await harness.feed.deliver("edges", events[0]) == "RETRY"
    for event in (*events[1:], events[0]):  # a newer event may come before the repetition
        assert await harness.feed.deliver("edges", event) == "SUCCESS"
    assert home_rows() == [own]


async def test_a_deleted_post_disappears_from_every_timeline(harness: FeedHarness) -> None:
    ann, ben = await harness.person(), await harness.person()
    await harness.follow(ben, ann)
    post = await harness.post(ann, "look #sea")
    await harness.cluster.settle()
    paths = ["public", "tags/sea", f"accounts/{ann}"]
    assert [await harness.timeline(path) for path in paths] == [[post]] * 3

    await harness.delete(ann, post)
    await harness.cluster.settle()

    assert [await harness.timeline(path) for path in paths] == [[]] * 3
    assert await harness.home(ben) == await harness.home(ann) == []


@pytest.mark.parametrize("seed", range(6))
async def test_late_repeated_and_reordered_events_end_the_same(
    harness: FeedHarness, seed: int
) -> None:
    people = [await harness.person() for _ in range(4)]
    await harness.cluster.settle()
    dice = random.Random(seed)  # noqa: S311
    harness.cluster.broker.copies = 2
    harness.cluster.broker.hold()
    follows: set[tuple[str, str]] = set()
    posts: dict[str, str] = {}
    for _ in range(40):
        who, whom = dice.sample(people, 2)
        match dice.choice(["post", "post", "follow", "unfollow", "delete"]):
            case "post":
                posts[await harness.post(who)] = who
            case "follow":
                await harness.follow(who, whom)
                follows.add((who, whom))
            case "unfollow":
                await harness.follow(who, whom, "unfollow")
                follows.discard((who, whom))
            case "delete" if posts:
                post = dice.choice(sorted(posts))
                await harness.delete(posts.pop(post), post)
    harness.cluster.broker.release(seed=seed)
    await harness.cluster.settle()

    for reader in people:
        authors = {reader} | {whom for who, whom in follows if who == reader}
        expected = sorted((p for p, author in posts.items() if author in authors), reverse=True)
        assert await harness.home(reader, limit=80) == expected


async def test_two_unfollows_at_once_leave_nothing_of_either(harness: FeedHarness) -> None:
    ann, ben, cid, dan = [await harness.person() for _ in range(4)]
    for whom in (ben, cid, dan):
        await harness.follow(ann, whom)
        await harness.post(whom)
    await harness.cluster.settle()
    harness.cluster.broker.hold()
    for whom in (ben, cid):
        await harness.follow(ann, whom, "unfollow")
    events = harness.cluster.broker.events("edges")[-2:]
    harness.cluster.broker.forget()
    assert await harness.feed.deliver("edges", *events) == "SUCCESS"
    rows = await Repository(harness.feed.service).homes.all(ann)
    assert [row[1] for row in rows] == [dan]


async def changes_of_a_reader(harness: FeedHarness) -> tuple[str, list[str], list[Any]]:
    """Two accounts are followed and two others not any more, by events that wait for delivery.

    Returns the reader, the posts that the home must show, newest first, and the events.
    """
    reader = await harness.person()
    kept, *ended = [await harness.person() for _ in range(3)]
    added = [await harness.person() for _ in range(2)]
    shown: list[str] = []
    for author in (kept, *ended, *added):
        posts = [await harness.post(author, f"number {n}") for n in range(2)]
        shown += [] if author in ended else posts
    for author in (kept, *ended):
        await harness.follow(reader, author)
    await harness.cluster.settle()
    known = len(harness.cluster.broker.events("edges"))
    harness.cluster.broker.hold()
    for what, authors in (("unfollow", ended), ("follow", added)):
        for author in authors:
            await harness.follow(reader, author, what)
    await until(lambda: len(harness.cluster.broker.events("edges")) == known + 4)
    events = harness.cluster.broker.events("edges")[-4:]
    harness.cluster.broker.forget()
    return reader, shown[::-1], events


async def stored_home(harness: FeedHarness, reader: str) -> list[str]:
    return [row[0] for row in await Repository(harness.feed.service).homes.all(reader)]


async def test_edges_of_one_reader_are_applied_together(harness: FeedHarness) -> None:
    reader, shown, events = await changes_of_a_reader(harness)
    faults = harness.feed.sidecar.state.faults
    faults.calls.clear()
    assert await harness.feed.deliver("edges", *events) == "SUCCESS"
    homes = [call.name for call in faults.calls if f"home:{reader}" in call.about]
    assert homes == ["get", "compare_and_set", "get_many", "transact"]  # a rebuild, and a backfill
    assert await stored_home(harness, reader) == shown


@pytest.mark.parametrize("like", ["sqlite", "redis"])
@pytest.mark.parametrize(
    ("call", "about", "after"),
    [
        ("get_many", "stance:", False),
        ("compare_and_set", "home:", False),
        ("compare_and_set", "home:", True),
        ("compare_and_set", "stance:", False),
        ("compare_and_set", "stance:", True),
        ("compare_and_set", "followers:", True),
        ("get_many", "author:", False),
        ("transact", "home:", False),
        ("transact", "home:", True),
    ],
)
async def test_a_crash_while_edges_of_a_reader_are_applied_loses_none(
    harness: FeedHarness, call: str, about: str, after: bool
) -> None:
    reader, shown, events = await changes_of_a_reader(harness)
    faults = harness.feed.sidecar.state.faults
    faults.crash(call, about=about, after=after)
    dying = asyncio.create_task(harness.feed.deliver("edges", *events))
    await asyncio.wait_for(faults.dead.wait(), 60)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await harness.feed.kill()
    harness.feed = await start(harness.cluster, "feed", feed_app)
    assert await harness.feed.deliver("edges", *events) == "SUCCESS"
    assert await stored_home(harness, reader) == shown


async def test_an_account_that_cannot_be_read_stops_only_its_own_edge(
    harness: FeedHarness,
) -> None:
    reader, shown, events = await changes_of_a_reader(harness)
    broken = events[-1]["data"]["target"]
    shard = f"followers:{broken}:{follower_shard(reader)}"
    await harness.cluster.state("feed").set(shard, {"schema": 1, "version": 1, "data": {}})
    assert await harness.feed.deliver("edges", *events) == "RETRY"
    assert await stored_home(harness, reader) == shown[2:]


async def test_a_key_that_the_store_cannot_read_stops_only_its_own_edge(
    harness: FeedHarness,
) -> None:
    reader, shown, events = await changes_of_a_reader(harness)
    shard = f"followers:{events[-1]['data']['target']}:{follower_shard(reader)}"

    async def cannot_read(call: Call) -> None:
        if shard in call.about:
            raise Unavailable("The state store could not read every key of a bulk get.")

    hooks = harness.feed.sidecar.state.faults.before
    hooks.append(cannot_read)
    assert await harness.feed.deliver("edges", *events) == "RETRY"
    assert await stored_home(harness, reader) == shown[2:]
    hooks.remove(cannot_read)
    assert await harness.feed.deliver("edges", *events) == "SUCCESS"
    assert await stored_home(harness, reader) == shown


async def test_a_first_event_that_comes_again_after_a_deletion_changes_nothing(
    harness: FeedHarness,
) -> None:
    ann, ben = await harness.person(), await harness.person()
    await harness.follow(ben, ann)
    post = await harness.post(ann, "#oops")
    await harness.cluster.settle()
    first = harness.cluster.broker.events("posts")
    await harness.delete(ann, post)
    await harness.cluster.settle()
    assert await harness.feed.deliver("posts", *first) == "SUCCESS"
    for path in (f"accounts/{ann}", "public", "tags/oops"):
        assert await harness.timeline(path) == []
    assert await harness.home(ben) == []
    repository = Repository(harness.feed.service)
    assert await repository.authors.all(ann) == await repository.tags.all("oops") == []


async def test_events_lost_by_the_broker_are_fetched(harness: FeedHarness) -> None:
    ann, ben = await harness.person(), await harness.person()
    harness.cluster.broker.loses = lambda event: True
    await harness.follow(ben, ann)
    posts = [await harness.post(ann) for _ in range(3)]
    await harness.cluster.settle()
    assert await harness.home(ben) == posts[::-1]


async def test_a_post_whose_author_is_not_known_yet_comes_when_they_are(
    harness: FeedHarness,
) -> None:
    harness.cluster.broker.loses = lambda event: bool(event["type"] == "account.changed")
    ann = await harness.person()
    post = await harness.post(ann)
    await harness.cluster.settle(rounds=0)
    assert harness.cluster.state("feed").peek(f"person:{ann}")["data"]["statuses"]["total"] == 1
    for path in ("home", "public", f"accounts/{ann}"):
        assert await harness.timeline(path, ann) == []
    await harness.cluster.settle()
    for path in ("home", "public", f"accounts/{ann}"):
        assert await harness.timeline(path, ann) == [post]


async def test_pages_in_both_directions_meet(harness: FeedHarness) -> None:
    ann = await harness.person()
    posts = [await harness.post(ann, f"number {n}") for n in range(150)][::-1]
    await harness.cluster.settle()

    down: list[str] = []
    while page := await harness.home(ann, limit=40, **({"max_id": down[-1]} if down else {})):
        down += page
    up = await harness.home(ann, limit=40, min_id=posts[-1])

    assert down == posts
    assert up == posts[-41:-1]
    assert await harness.home(ann, limit=5, since_id=posts[3]) == posts[:3]


async def test_no_post_is_lost_between_pages_on_which_others_are_left_out(
    harness: FeedHarness,
) -> None:
    ann, ben = await harness.person(), await harness.person()
    posts = []
    for n in range(30):
        posts.append(await harness.post(ann, f"number {n}"))
        if n % 3:
            await harness.post(ben, f"number {n}")
    await harness.follow(ann, ben, "mute")
    await harness.cluster.settle()

    down: list[str] = []
    last = ""
    while (page := await harness.page("public", ann, limit=7, max_id=last))["last"]:
        down += [view["post"]["id"] for view in page["views"]]
        last = page["last"]
    up: list[str] = []
    first = posts[0]
    while (page := await harness.page("public", ann, limit=7, min_id=first))["first"]:
        up = [view["post"]["id"] for view in page["views"]] + up
        first = page["first"]

    assert down == posts[::-1]
    assert up == posts[:0:-1]


async def test_a_newest_page_costs_two_state_calls_and_an_older_one_three(
    harness: FeedHarness,
) -> None:
    ann = await harness.person()
    for n in range(150):
        await harness.post(ann, f"number {n}")
    others = [await harness.person() for _ in range(20)]
    for other in others:
        await harness.follow(ann, other)
    await harness.cluster.settle()
    calls = harness.feed.sidecar.state.faults

    before = calls.count("get_many") + calls.count("get")
    page = await harness.home(ann)
    newest = calls.count("get_many") + calls.count("get") - before
    await harness.home(ann, max_id=page[-1], limit=80)
    older = calls.count("get_many") + calls.count("get") - before - newest

    assert newest == 2
    assert older <= 3


async def start_with_large_from(cluster: FakeCluster, large: int) -> FeedHarness:
    users = await start(cluster, "users", users_app)
    posts = await start(cluster, "posts", posts_app)
    feed = await start(cluster, "feed", lambda service: feed_app(service, large))
    return FeedHarness(cluster, users, posts, feed)


@pytest.mark.parametrize("large", [3, 100])
async def test_homes_show_the_posts_of_large_authors_too(large: int) -> None:
    async with FakeCluster() as cluster:
        harness = await start_with_large_from(cluster, large)
        ann = await harness.person()
        fans = [await harness.person() for _ in range(6)]
        for fan in fans:
            await harness.follow(fan, ann)
        await cluster.settle()
        made = [await harness.post(ann, f"number {n}") for n in range(3)]
        await cluster.settle()
        for fan in fans:
            assert await harness.home(fan) == made[::-1]


async def test_a_private_post_is_seen_by_followers_and_the_mentioned_only(
    harness: FeedHarness,
) -> None:
    ann, ben, cid = [await harness.person() for _ in range(3)]
    await harness.follow(ben, ann)
    post = await harness.post(ann, "for friends #sea", visibility="private")
    await harness.cluster.settle()
    assert await harness.timeline(f"accounts/{ann}", ben) == [post]
    assert await harness.timeline(f"accounts/{ann}", cid) == []
    assert await harness.timeline(f"accounts/{ann}") == []
    assert await harness.timeline("public", ben) == []
    assert await harness.timeline("tags/sea", ben) == []


async def test_a_block_hides_in_both_directions(harness: FeedHarness) -> None:
    ann, ben = await harness.person(), await harness.person()
    await harness.follow(ben, ann)
    post, other = await harness.post(ann), await harness.post(ben)
    await harness.follow(ann, ben, "block")
    await harness.cluster.settle()
    assert await harness.home(ben) == [other]
    assert await harness.timeline("public", ben) == [other]
    assert await harness.timeline("public", ann) == [post]
    assert await harness.timeline(f"accounts/{ann}", ben) == []


async def test_counts_and_marks_are_on_the_page(harness: FeedHarness) -> None:
    ann, ben = await harness.person(), await harness.person()
    post = await harness.post(ann)
    await harness._ok(harness.posts, "POST", f"/posts/{post}/favourite", ben)
    await harness.follow(ben, ann)
    await harness.cluster.settle()
    page = await harness.page("home", ben)
    assert page["views"][0]["favourited"] is True
    assert page["views"][0]["counts"]["favourites"] == 1
    assert page["accounts"][ann]["counts"]["followers"] == 1
    assert page["accounts"][ann]["counts"]["statuses"] == 1


async def test_a_page_that_is_still_the_same_is_spared(harness: FeedHarness) -> None:
    ann, ben = await harness.person(), await harness.person()
    await harness.follow(ben, ann)
    post = await harness.post(ann)
    await harness.cluster.settle()
    page = await harness.page("home", ben)
    assert (len(page["views"]), page["same"]) == (1, False)

    again = await harness.page("home", ben, known=page["tag"])
    assert again == {"tag": page["tag"], "same": True}
    assert not (await harness.page("home", ann, known="nonsense"))["same"]

    refs: list[PostRef] = []

    async def changes(method: str, path: str, who: str, **more: Any) -> None:
        nonlocal page
        await harness._ok(harness.posts, method, path, who, **more)
        await harness.cluster.settle()
        now = await harness.page("home", ben, known=page["tag"])
        assert not now["same"]
        assert "views" not in now
        assert now["ids"] == [post]
        refs.append(PostRef(*now["refs"][post]))
        page = now

    await changes("POST", f"/posts/{post}/favourite", ann)  # a count
    await changes("POST", f"/posts/{post}/bookmark", ben)  # a mark
    await changes("PUT", f"/posts/{post}", ann, json={"text": "an edit"})
    assert refs == [
        PostRef(ann, 1, 1, 0, 0, 0, [], ""),
        PostRef(ann, 1, 1, 0, 0, 2, [], ""),
        PostRef(ann, 2, 1, 0, 0, 2, [], ""),
    ]
    await harness._ok(harness.users, "PATCH", "/accounts/me", ann, json={"display_name": "Ann"})
    await harness.cluster.settle()
    assert not (await harness.page("home", ben, known=page["tag"]))["same"]


async def test_a_page_is_answered_from_memory_and_shows_what_this_process_wrote(
    harness: FeedHarness,
) -> None:
    ann, ben = await harness.person(), await harness.person()
    await harness.follow(ben, ann)
    await harness.post(ann)
    await harness.cluster.settle()
    faults = harness.feed.sidecar.state.faults
    await harness.page("home", ben, max_age=2_000)
    before = len(faults.calls)
    assert len((await harness.page("home", ben, max_age=2_000))["views"]) == 1
    assert len(faults.calls) == before
    await harness.post(ann)
    await harness.cluster.settle()
    before = len(faults.calls)
    assert len((await harness.page("home", ben, max_age=2_000))["views"]) == 2
    assert len(faults.calls) == before
    await harness._ok(harness.users, "POST", f"/accounts/{ben}/block", ann)
    await harness.cluster.settle()
    before = len(faults.calls)
    assert (await harness.page("home", ben, max_age=2_000))["views"] == []
    assert len(faults.calls) == before


async def test_a_process_that_alone_writes_believes_its_cache(
    harness: FeedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben = await harness.person(), await harness.person()
    await harness.follow(ben, ann)
    post = await harness.post(ann)
    await harness.cluster.settle()
    invalidations = harness.feed.service.invalidations
    assert invalidations is not None
    alone = {"writer": invalidations.stream, "alone": 60_000}

    async def shown(**params: Any) -> list[int]:
        page = await harness.page("home", ben, **params)
        return [view["counts"]["favourites"] for view in page["views"]]

    assert await shown(**alone) == [0]
    state, faults = harness.cluster.state("feed"), harness.feed.sidecar.state.faults
    card = (await state.get(f"card:{post}")).value
    card["data"]["favourites"] = {"total": 5, "version": 5}
    await state.set(f"card:{post}", card)  # as another replica does
    now = time.monotonic()
    monkeypatch.setattr("services.chassis.cache.time.monotonic", lambda: now + 30)
    before = len(faults.calls)
    assert await shown(**alone) == [0]
    assert len(faults.calls) == before
    assert await shown(writer="other", alone=60_000) == [5]


async def test_a_boost_that_changed_is_sent_with_the_boosted_post(harness: FeedHarness) -> None:
    ann, ben, cleo = [await harness.person() for _ in range(3)]
    await harness.follow(ben, ann)
    post = await harness.post(cleo)
    boost = await harness._ok(harness.posts, "POST", f"/posts/{post}/reblog", ann, json={})
    await harness._ok(harness.posts, "POST", f"/posts/{post}/bookmark", ben)
    await harness.cluster.settle()
    page = await harness.page("home", ben, known="an older page")
    (shown,) = page["ids"]
    refs = {id: PostRef(*ref) for id, ref in page["refs"].items()}
    assert refs == {
        boost["post"]["id"]: PostRef(ann, 1, 0, 1, 0, 2, [], post),
        post: PostRef(cleo, 1, 0, 1, 0, 2, [], ""),
    }
    assert shown == boost["post"]["id"]
    assert page["people"].keys() == {ann, cleo}
    assert not {f"post:{post}", f"account:{ann}"} & set(page["documents"])


async def test_marks_on_old_posts_are_known_too(
    harness: FeedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interactions, "MAX_RECENT_INTERACTIONS", 4)
    monkeypatch.setattr(interactions, "_EVICTION_BATCH_SIZE", 2)
    ann = await harness.person()
    posts = [await harness.post(ann, f"number {n}") for n in range(12)]
    liked = [3, 1, 4, 0, 5, 9, 2, 6, 11, 8]
    for n in liked:
        await harness._ok(harness.posts, "POST", f"/posts/{posts[n]}/favourite", ann)
        await harness.cluster.settle()
    for n in (0, 9, 4):
        await harness._ok(harness.posts, "POST", f"/posts/{posts[n]}/unfavourite", ann)
    harness.cluster.broker.copies = 2
    await harness._ok(harness.posts, "POST", f"/posts/{posts[1]}/bookmark", ann)
    await harness.cluster.settle()
    views = (await harness.page("home", ann))["views"]
    shown = {posts.index(v["post"]["id"]) for v in views if v["favourited"]}
    assert shown == set(liked) - {0, 9, 4}
    assert [posts.index(v["post"]["id"]) for v in views if v["bookmarked"]] == [1]


async def test_who_is_blocked_by_very_many_is_shown_nothing_of_any_of_them(
    harness: FeedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_list, "MAX_BLOCKERS", 2)
    reader, friend, *blockers = [await harness.person() for _ in range(6)]
    await harness.follow(reader, friend)
    for author in blockers:
        await harness.follow(author, reader, "block")
    await harness.cluster.settle()
    own = [await harness.post(author) for author in blockers]
    shown = await harness.post(friend)
    await harness.cluster.settle()
    assert await harness.timeline("public", reader) == [shown]
    assert await harness.timeline("public") == [shown, *own[::-1]]
    for author in blockers:
        assert await harness.timeline(f"accounts/{author}", reader) == []
    for author in blockers:
        await harness.follow(author, reader, "unblock")
    await harness.cluster.settle()
    assert await harness.timeline("public", reader) == [shown, *own[::-1]]
