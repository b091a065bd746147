"""New posts wait among the recent ones, and move to homes together: nobody sees the difference."""

from __future__ import annotations

import asyncio
from functools import partial

import orjson
import pytest

from services.chassis.dapr.state import VersionConflict
from services.chassis.errors import OutcomeUnknown
from services.feed.app import create_app as feed_app
from services.feed.application import fanout, timeline_queries
from services.feed.domain.relations import follower_shard
from tests.fakes import FakeCluster, until
from tests.fakes.faults import Call
from tests.services.feed.test_timelines import FeedHarness, harness, start, start_with_large_from

__all__ = ["harness"]


MANY = [str(10**17 + n) for n in range(1_500)]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Posts move when there are three, and are removed at the next move."""
    monkeypatch.setattr(fanout, "FLUSH_SIZE", 3)
    monkeypatch.setattr(fanout, "KEPT", -1.0)


def rows(harness: FeedHarness, key: str) -> list[str]:
    """The ids in a stored list of few rows."""
    stored = harness.feed.sidecar.state.peek(key)
    return [row[0] for row in orjson.loads(stored["data"]["recent"])] if stored else []


def messages(harness: FeedHarness) -> int:
    """The number of messages about changed documents."""
    return len(harness.cluster.broker.events("feed-invalidations"))


def documents_told(harness: FeedHarness, seen: int) -> list[str]:
    """The documents that the messages name which came after so many."""
    events = harness.cluster.broker.events("feed-invalidations")[seen:]
    return [name for event in events for name in event["data"]["documents"]]


async def test_a_home_shows_posts_before_and_after_they_move(harness: FeedHarness) -> None:
    ann, ben, cat = [await harness.person() for _ in range(3)]
    await harness.follow(ben, ann)
    await harness.follow(ben, cat)
    await harness.cluster.settle()
    posts: list[str] = []
    for n in range(9):
        posts.append(await harness.post(ann if n % 2 else cat))
        await harness.cluster.settle()
        if n % 3 == 0:  # the first moves what an earlier process may have left
            await until(lambda: {*posts} <= {*rows(harness, f"home:{ben}")})
        assert await harness.home(ben, limit=40) == posts[::-1]
        assert await harness.home(ben, limit=4) == posts[::-1][:4]
        assert await harness.home(ben, max_id=posts[-1]) == posts[:-1][::-1]
        assert await harness.home(ann, limit=40) == posts[1::2][::-1]
    moved, left = rows(harness, f"home:{ben}"), rows(harness, "recent:all")
    assert len(left) < len(posts)
    assert {*moved, *left} == {*posts}


async def test_recent_posts_follow_the_relations_of_the_reader(harness: FeedHarness) -> None:
    ann, ben = await harness.person(), await harness.person()
    await harness.post(ann)
    await harness.follow(ben, ann)
    await harness.cluster.settle()
    for n in range(5):
        await harness.post(ann)
        await harness.cluster.settle()
        assert len(await harness.home(ben)) == n + 2
        await harness.follow(ben, ann, "unfollow")
        await harness.cluster.settle()
        assert await harness.home(ben) == []
        await harness.follow(ben, ann)
        await harness.cluster.settle()
        assert len(await harness.home(ben)) == n + 2


@pytest.mark.parametrize("about", ["home:", "recent:all"])
@pytest.mark.parametrize("after", [False, True])
async def test_a_process_that_dies_while_it_moves_posts_loses_none(
    harness: FeedHarness, about: str, after: bool
) -> None:
    ann, ben = await harness.person(), await harness.person()
    await harness.follow(ben, ann)
    posts = [await harness.post(ann) for _ in range(2)]
    await harness.cluster.settle()
    harness.feed.sidecar.state.faults.crash("transact", about=about, after=after)
    harness.feed.sidecar.state.faults.crash("compare_and_set", about=about, after=after)
    posts += [await harness.post(ann) for _ in range(4)]
    await harness.feed.sidecar.state.faults.dead.wait()
    await harness.feed.kill()
    harness.feed = await start(harness.cluster, "feed", feed_app)
    await harness.cluster.settle()
    assert await harness.home(ben) == posts[::-1]
    posts += [await harness.post(ann) for _ in range(7)]
    await harness.cluster.settle()
    assert await harness.home(ben, limit=40) == posts[::-1]
    await until(lambda: len(rows(harness, f"home:{ben}")) >= 10)
    moved = rows(harness, f"home:{ben}")
    assert len(moved) == len({*moved})
    assert {*moved, *rows(harness, "recent:all")} == {*posts}


async def test_a_home_that_cannot_be_written_stops_no_other(harness: FeedHarness) -> None:
    ann, ben, cat = [await harness.person() for _ in range(3)]
    await harness.follow(ben, ann)
    await harness.cluster.settle()
    faults = harness.feed.sidecar.state.faults
    faults.fail(about=f"home:{ben}", times=1000, error=ValueError("broken"))
    posts: list[str] = []
    for _ in range(5):
        posts.append(await harness.post(ann))
        await harness.post(cat)
        await harness.cluster.settle()
    await until(lambda: len(rows(harness, f"home:{cat}")) >= 3)
    faults._faults.clear()
    assert await harness.home(ben) == posts[::-1]
    faults.fail("transact", about="home:", error=OutcomeUnknown("lost answer"), after=True)
    for _ in range(7):
        posts.append(await harness.post(ann))
        await harness.cluster.settle()
    assert await harness.home(ben) == posts[::-1]
    await until(lambda: len(rows(harness, f"home:{ben}")) >= 9)


async def test_cached_pages_of_followers_are_dropped_when_a_post_comes_not_when_it_moves(
    harness: FeedHarness,
) -> None:
    ann, ben, cat = [await harness.person() for _ in range(3)]
    await harness.follow(ben, ann)
    await harness.cluster.settle()
    for _ in range(4):
        seen = messages(harness)
        post = await harness.post(ann)
        await harness.cluster.settle()
        told = partial(documents_told, harness, seen)
        await until(lambda told=told, post=post: f"post:{post}" in told())  # type: ignore[misc]
        await until(lambda told=told: f"author:{ann}" in told())  # type: ignore[misc]
        assert told().count(f"author:{ann}") == 1
        assert not {name for name in told() if name.startswith("home:")}
    for reader, depends in ((ann, True), (ben, True), (cat, False)):
        page = await harness.page("home", reader)
        assert (f"author:{ann}" in page["documents"]) == depends


async def test_the_home_of_who_follows_very_many_depends_on_every_post(
    harness: FeedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_queries, "MAX_NAMED_AUTHORS", 1)
    ann, ben, cat = [await harness.person() for _ in range(3)]
    for author in (ann, cat):
        await harness.follow(ben, author)
    await harness.cluster.settle()
    documents = (await harness.page("home", ben))["documents"]
    assert {"recent", f"author:{ben}"} <= {*documents}
    assert f"author:{ann}" not in documents
    await harness.post(ann)
    await harness.cluster.settle()
    events = harness.cluster.broker.events("feed-invalidations")
    assert "recent" in {name for event in events for name in event["data"]["documents"]}


async def test_a_large_author_sees_their_own_posts() -> None:
    async with FakeCluster() as cluster:
        harness = await start_with_large_from(cluster, 2)
        ann = await harness.person()
        for _ in range(4):
            await harness.follow(await harness.person(), ann)
        await cluster.settle()
        made: list[str] = []
        for _ in range(8):
            made.append(await harness.post(ann))
            await cluster.settle()
            assert await harness.home(ann) == made[::-1]
        assert len(rows(harness, "recent:all")) < len(made)


async def test_a_post_of_somebody_with_many_followers_makes_no_more_state_calls(
    harness: FeedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "FLUSH_SIZE", 128)
    ann, ben = await harness.person(), await harness.person()
    await harness.follow(ben, ann)
    await harness.post(ann)
    await harness.cluster.settle()
    state = harness.feed.sidecar.state

    async def calls_of_a_post() -> list[Call]:
        state.faults.calls.clear()
        await harness.post(ann)
        await harness.cluster.settle()
        of_periodic_work = {"inbox", "trend"}
        return [
            call
            for call in state.faults.calls
            if not {key.partition(":")[0] for key in call.about} <= of_periodic_work
        ]

    with_one = len(await calls_of_a_post())
    key = f"followers:{ann}:{follower_shard(ben)}"
    known = state.peek(key)["data"]["versions"]
    state.edit(key, versions={**known, **dict.fromkeys(MANY, 1)})
    calls = await calls_of_a_post()
    assert len(calls) == with_one
    assert not any(key.startswith("followers:") for call in calls for key in call.about)


async def test_homes_are_told_of_a_post_after_it_is_among_the_recent_ones(
    harness: FeedHarness,
) -> None:
    ann, ben = await harness.person(), await harness.person()
    await harness.follow(ben, ann)
    await harness.post(ann)
    await harness.cluster.settle()
    may_go_on, writes = asyncio.Event(), 0

    async def conflict_then_wait(call: Call) -> None:
        """The lists are written one by one after a conflict, and the recent posts last."""
        nonlocal writes
        if call.name in ("transact", "compare_and_set") and "recent:all" in call.about:
            writes += 1
            if writes == 1:
                raise VersionConflict("Another replica has moved posts.")
            await may_go_on.wait()

    seen = messages(harness)
    harness.feed.sidecar.state.faults.before.append(conflict_then_wait)
    post = await harness.post(ann)
    await until(lambda: f"author:{ann}" in documents_told(harness, seen))
    page = await harness.page("home", ben)
    assert post not in [view["post"]["id"] for view in page["views"]]
    seen = messages(harness)
    may_go_on.set()
    await harness.cluster.settle()
    await until(lambda: bool({*page["documents"]} & {*documents_told(harness, seen)}))
    assert post in await harness.home(ben)
