"""Once settled, every list agrees with interactions and posts, whatever happened to the events."""

from __future__ import annotations

import asyncio
import functools
import random
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.consuming.events import CloudEvent, Event
from services.chassis.errors import Unavailable
from services.chassis.ids import SnowflakeGenerator, timestamp, utc_now
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts.posts import Mark, Post
from services.posts.application.list_projection import PostListProjector
from services.posts.consumers import MAX_FIRST_EVENT_AGE, PostsConsumers
from services.posts.domain.changes import tombstone
from services.posts.domain.interactions import Interaction
from services.posts.domain.posts import PostRecord
from services.posts.repository import Repository
from tests.fakes import Call, FakeCluster, FakeSidecar, FakeState
from tests.services.posts.harness import PostsHarness, posts_app

ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 1),
        st.sampled_from(["favourite", "unfavourite", "bookmark", "unbookmark"]),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(ACTIONS, st.integers(0, 10_000))
def test_lists_equal_interactions_whatever_handlers_run_concurrently(
    actions: list[tuple[int, int, str]], seed: int
) -> None:
    asyncio.run(_handlers(actions, random.Random(seed)))  # noqa: S311


async def test_an_overtaken_handler_corrects_its_writes() -> None:
    sidecar, store = _store()
    handlers, go_on, held = PostListProjector(store), asyncio.Event(), asyncio.Event()

    async def hold_first(call: Call) -> None:
        if call.name == "get" and call.about[0].startswith("favouriters:") and not held.is_set():
            held.set()
            await go_on.wait()

    await store.interactions.update("1:2", functools.partial(_changed, "1:2", "favourite", "5"))
    sidecar.state.faults.before.append(hold_first)
    slow = asyncio.create_task(handlers.project_interaction("1:2"))
    await held.wait()
    await store.interactions.update("1:2", functools.partial(_changed, "1:2", "unfavourite", "6"))
    # As if in another replica: in this one, changes of the same list would wait for one another.
    await PostListProjector(_store(sidecar.state)[1]).project_interaction("1:2")
    go_on.set()
    await slow
    await _check_marks(sidecar.state)


async def test_a_first_event_that_comes_late_lists_no_deleted_post() -> None:
    _, store = _store()
    post = PostRecord("5", "1", "2026-11-30T12:00:00.000Z")
    await store.posts.update("5", lambda _: post)
    await store.posts.update("5", lambda _: tombstone(post))
    await PostListProjector(store).project_post("5", post)
    assert await store.authored.all("1") == []


@pytest.mark.parametrize(("age", "changes"), [(0, 2), (MAX_FIRST_EVENT_AGE, 0), (None, 0)])
async def test_a_late_repeat_of_a_first_event_leaves_the_lists_alone(
    age: float | None, changes: int
) -> None:
    sidecar, store = _store()
    projector = PostListProjector(store)
    consumers = PostsConsumers(store, projector, mock.Mock(), mock.Mock())
    time = "" if age is None else timestamp(utc_now() - timedelta(seconds=age))
    post = PostRecord("5", "1", "2026-11-30T12:00:00.000Z")
    like = _changed("1:5", "favourite", "6", None)
    await store.posts.update("5", lambda _: post)
    await store.interactions.update("1:5", lambda _: like)
    await _project(projector)
    await store.posts.update("5", lambda _: tombstone(post))
    await store.interactions.update("1:5", functools.partial(_changed, "1:5", "unfavourite", "7"))
    await _project(projector)
    lists = ("authored:1", "favouriters:5", "favourites:1")
    before = [sidecar.state.peek(key)["version"] for key in lists]
    created = Post(id="5", author="1", created_at=post.created_at)
    await consumers.on_post_changed(Event(_envelope("5", time), created))
    liked = Mark(user="1", post="5", favourited=True, favourite_id="6")
    await consumers.on_mark_changed(Event(_envelope("1:5", time), liked))
    after = [sidecar.state.peek(key)["version"] for key in lists]
    assert after == [version + changes for version in before]


async def _project(projector: PostListProjector) -> None:
    await projector.project_post("5")
    await projector.project_interaction("1:5")


def _envelope(subject: str, time: str) -> CloudEvent:
    """The envelope of a first event."""
    about = {"id": "x", "type": "x", "source": "posts", "stream": "s", "sequence": 1, "data": {}}
    return CloudEvent.model_validate(about | {"subject": subject, "time": time, "entityversion": 1})


@pytest.mark.parametrize("boosted", [None, "3"])
async def test_a_post_that_the_store_has_lost_is_not_listed(boosted: str | None) -> None:
    _, store = _store()
    post = PostRecord("5", "1", "2026-11-30T12:00:00.000Z", reblog_of_id=boosted)
    await PostListProjector(store).project_post("5", post)
    assert await store.authored.all("1") == await store.rebloggers.all("3") == []


async def test_an_interaction_that_the_store_has_lost_is_not_listed() -> None:
    _, store = _store()
    first = _changed("1:2", "favourite", "5", _changed("1:2", "bookmark", "6", None))
    await PostListProjector(store).project_interaction("1:2", first)
    for kind, id in ((store.favouriters, "2"), (store.favourites, "1"), (store.bookmarks, "1")):
        assert await kind.all(id) == []


def _store(state: FakeState | None = None) -> tuple[FakeSidecar, Repository]:
    sidecar = FakeSidecar("posts", state=state.replica() if state else None)
    with mock.patch("services.chassis.service.DaprClient", return_value=sidecar):
        return sidecar, Repository(Service(Settings(app_id="posts", app_port=1)))


async def _handlers(actions: list[tuple[int, int, str]], chance: random.Random) -> None:
    sidecar, store = _store()
    handlers, ids, tasks = PostListProjector(store), SnowflakeGenerator(), []

    async def dawdle(_: Call) -> None:
        for _turn in range(chance.choice((0, 0, 1, 2, 40))):
            await asyncio.sleep(0)

    async def receive(key: str) -> None:
        for _turn in range(chance.randrange(60)):
            await asyncio.sleep(0)
        while True:  # as a broker that delivers again what was not taken
            with suppress(Unavailable):
                return await handlers.project_interaction(key)

    sidecar.state.faults.before.append(dawdle)
    for user, post, verb in actions:
        key = f"{user}:{post}"
        await store.interactions.update(key, functools.partial(_changed, key, verb, ids.next()))
        tasks += [asyncio.create_task(receive(key)) for _ in range(chance.randint(1, 3))]
    await asyncio.gather(*tasks)
    sidecar.state.faults.before.clear()
    await _check_marks(sidecar.state)


def _changed(key: str, verb: str, id: str, mark: Interaction | None) -> Interaction:
    user, _, post = key.partition(":")
    mark = mark or Interaction(user, post)
    if verb.endswith("favourite"):
        favourite = mark.favourite.unset() if verb.startswith("un") else mark.favourite.set(id)
        return replace(mark, favourite=favourite)
    bookmark = mark.bookmark.unset() if verb.startswith("un") else mark.bookmark.set(id)
    return replace(mark, bookmark=bookmark)


@settings(max_examples=3)
@given(ACTIONS, st.integers(0, 1000), st.integers(1, 3), st.sets(st.integers(0, 40)))
def test_lists_equal_interactions_under_loss_repeats_and_any_order(
    actions: list[tuple[int, int, str]], seed: int, copies: int, lost: set[int]
) -> None:
    asyncio.run(_marks(actions, seed, copies, lost))


async def _marks(
    actions: list[tuple[int, int, str]], seed: int, copies: int, lost: set[int]
) -> None:
    async with FakeCluster() as cluster:
        harness = await PostsHarness.start(cluster)
        await cluster.start(posts_app, "posts")  # a second replica subscribes too
        people = [harness.add_user(name) for name in ("ann", "bob", "cid")]
        posts = [await people[0].create_post(str(n)) for n in range(2)]
        await cluster.settle()
        numbers = iter(range(10_000))
        cluster.broker.loses = lambda _: next(numbers) in lost
        cluster.broker.copies = copies
        cluster.broker.hold()
        for person, post, verb in actions:
            await people[person].request_ok("POST", f"/posts/{posts[post]}/{verb}")
        cluster.broker.release(seed=seed)
        await cluster.settle(3)
        await _check_marks(cluster.state("posts"))


async def _check_marks(state: FakeState) -> None:
    expected: dict[str, set[tuple[str, str]]] = {}
    for key in state.keys("mark:"):
        _, user, post = key.split(":")
        mark = state.peek(key)["data"]
        if mark["favourite"]["on"]:
            id = mark["favourite"]["id"]
            expected.setdefault(f"favouriters:{post}", set()).add((id, user))
            expected.setdefault(f"favourites:{user}", set()).add((id, post))
        if mark["bookmark"]["on"]:
            expected.setdefault(f"bookmarks:{user}", set()).add((mark["bookmark"]["id"], post))
    found = {
        key: {tuple(row) for row in await _rows(state, key)}
        for kind in ("favouriters:", "favourites:", "bookmarks:")
        for key in state.keys(kind)
    }
    assert {key: rows for key, rows in found.items() if rows} == expected
    for key, rows in found.items():
        assert state.peek(key)["data"]["total"] == len(rows)


async def _rows(state: FakeState, key: str) -> list[Any]:
    kind, _, id = key.partition(":")
    return await SegmentedLists(state, kind).all(id)


@settings(max_examples=3)
@given(
    st.lists(st.tuples(st.sampled_from(["reply", "delete"]), st.integers(0, 20)), max_size=20),
    st.integers(0, 1000),
    st.sets(st.integers(0, 30)),
)
def test_author_counts_equal_posts(
    actions: list[tuple[str, int]], seed: int, lost: set[int]
) -> None:
    asyncio.run(_posts(actions, seed, lost))


async def _posts(actions: list[tuple[str, int]], seed: int, lost: set[int]) -> None:
    async with FakeCluster() as cluster:
        harness = await PostsHarness.start(cluster)
        ann = harness.add_user("ann")
        numbers = iter(range(10_000))
        cluster.broker.loses = lambda _: next(numbers) in lost
        cluster.broker.copies = 2
        cluster.broker.hold()
        alive = [await ann.create_post("root")]
        for verb, which in actions:
            if verb == "reply":
                alive.append(await ann.create_post("re", in_reply_to_id=alive[which % len(alive)]))
            elif len(alive) > 1:
                await ann.request_ok("DELETE", f"/posts/{alive.pop(1 + which % (len(alive) - 1))}")
        cluster.broker.release(seed=seed)
        await cluster.settle(3)
        state = cluster.state("posts")
        authored = await _rows(state, f"authored:{ann.id}")
        assert {row[0] for row in authored} == set(alive)
