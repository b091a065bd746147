"""Boosts and pins, with fakes: whatever fails halfway, one boost or none remains."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts import limits
from services.contracts.posts import PostView
from tests.fakes import FakeCluster
from tests.fakes.state import FakeState
from tests.services.posts.harness import PostsHarness, PostsUser, posts_app
from tests.services.posts.test_convergence import _rows


@pytest.fixture
async def harness() -> AsyncIterator[PostsHarness]:
    async with FakeCluster() as cluster:
        yield await PostsHarness.start(cluster)


async def boosts(person: PostsUser, id: str, **how: Any) -> PostView:
    return PostView.model_validate(await person.request_ok("POST", f"/posts/{id}/reblog", json=how))


async def test_a_boost_shows_the_post_and_is_made_once(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    id = await ann.create_post("look", media_ids=["5"])
    made = await boosts(bob, id)
    assert made.reblog is not None
    assert (made.post.author, made.post.text, made.post.reblog_of_id) == (bob.id, "", id)
    assert made.post.reblog_of_account_id == ann.id
    assert (made.reblog.post.id, made.reblog.post.text) == (id, "look")
    for view in (made, made.reblog):
        assert (view.reblogged, view.counts.reblogs) == (True, 1)
    again = await asyncio.gather(*(boosts(bob, which) for which in (id, made.post.id, id)))
    assert {view.post.id for view in again} == {made.post.id}
    await harness.cluster.settle()
    seen = PostView.model_validate(await ann.request_ok("GET", f"/posts/{made.post.id}"))
    assert seen.reblog is not None
    assert (seen.post, seen.reblogged, seen.reblog.counts.reblogs) == (made.post, False, 1)
    who = await ann.request_ok("GET", f"/posts/{id}/reblogged_by")
    assert (who["ids"], who["accounts"]) == ([made.post.id], [bob.id])
    assert harness.cluster.broker.events("post-counts")[-1]["type"] == "reblogs.counted"
    assert harness.cluster.broker.events("post-counts")[-1]["data"] == {"post": id, "total": 1}
    assert harness.cluster.broker.events("author-counts")[-1]["data"]["account"] == bob.id


async def test_what_is_done_to_a_boost_is_done_to_what_it_shows(harness: PostsHarness) -> None:
    ann, bob, cid = (harness.add_user(name) for name in ("ann", "bob", "cid"))
    id = await ann.create_post("look")
    boost = (await boosts(bob, id)).post.id
    for verb, name in (("favourite", "favourited"), ("bookmark", "bookmarked")):
        view = await cid.request_ok("POST", f"/posts/{boost}/{verb}")
        assert (view["post"]["id"], view[name]) == (id, True)
    reply = await cid.request_ok("POST", "/posts", json={"text": "so", "in_reply_to_id": boost})
    assert reply["post"]["in_reply_to_id"] == id
    assert (await boosts(cid, boost)).post.reblog_of_id == id
    await harness.cluster.settle()
    assert (await ann.request_ok("GET", f"/posts/{boost}/favourited_by"))["accounts"] == [cid.id]
    assert (await ann.request_ok("GET", f"/posts/{boost}/reblogged_by"))["accounts"] == [
        cid.id,
        bob.id,
    ]
    assert (await bob.request("PUT", f"/posts/{boost}", json={"text": "mine"})).status == 422
    assert (await ann.request("DELETE", f"/posts/{boost}")).status == 403


@pytest.mark.parametrize("by", ["unreblog", "unreblog the boost", "delete"])
async def test_a_boost_is_taken_back(harness: PostsHarness, by: str) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    id = await ann.create_post()
    boost = (await boosts(bob, id)).post.id
    await harness.cluster.settle()
    for _ in range(2):
        if by == "delete":
            gone = await bob.request_ok("DELETE", f"/posts/{boost}")
            assert gone["post"]["id"] == boost
        else:
            view = await bob.request_ok(
                "POST", f"/posts/{id if by == 'unreblog' else boost}/unreblog"
            )
            assert (view["post"]["id"], view["reblogged"]) == (id, False)
            assert view["counts"]["reblogs"] == 0
            boost = id  # of which a repeat is asked
    await harness.cluster.settle()
    assert (await ann.request_ok("GET", f"/posts/{id}"))["counts"]["reblogs"] == 0
    assert (await ann.request_ok("GET", f"/posts/{id}/reblogged_by"))["ids"] == []
    anew = await boosts(bob, id)
    assert anew.post.id != boost
    assert await ann.get_status(anew.post.id) == 200
    await harness.cluster.settle()
    await check(harness.cluster.state("posts"))


async def test_a_boost_is_seen_only_by_who_sees_it_and_what_it_shows(harness: PostsHarness) -> None:
    ann, bob, cid, dan = (harness.add_user(name) for name in ("ann", "bob", "cid", "dan"))
    harness.neighbours.follows.add((cid.id, bob.id))
    id = await ann.create_post()
    closed = (await boosts(bob, id, visibility="private")).post.id
    assert [await p.get_status(closed) for p in (bob, cid, dan)] == [200, 200, 404]
    await harness.cluster.settle()
    assert (await dan.request_ok("GET", f"/posts/{id}/reblogged_by"))["accounts"] == []
    assert (await bob.request_ok("GET", f"/posts/{id}/reblogged_by"))["accounts"] == [bob.id]
    own = await ann.create_post(visibility="private")
    own_boost = await boosts(ann, own, visibility="public")
    assert own_boost.post.visibility == "private"
    harness.neighbours.follows.add((dan.id, ann.id))
    assert await dan.get_status(own_boost.post.id) == 200
    assert (await dan.request("POST", f"/posts/{own}/reblog")).status == 403
    assert (await cid.request("POST", f"/posts/{own}/reblog")).status == 404
    direct = await ann.create_post("@bob", visibility="direct")
    assert (await bob.request("POST", f"/posts/{direct}/reblog")).status == 403
    assert (
        await bob.request("POST", f"/posts/{id}/reblog", json={"visibility": "direct"})
    ).status == (422)
    harness.neighbours.blocks.add((ann.id, cid.id))
    assert await cid.get_status(closed) == 404


async def test_who_cannot_see_what_they_boosted_any_more_can_still_delete_their_boost(
    harness: PostsHarness,
) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    boost = (await boosts(bob, await ann.create_post())).post.id
    harness.neighbours.blocks.add((ann.id, bob.id))
    assert await bob.get_status(boost) == 404
    assert (await bob.request_ok("DELETE", f"/posts/{boost}"))["post"]["id"] == boost
    await harness.cluster.settle()
    await check(harness.cluster.state("posts"))
    assert harness.cluster.state("posts").peek(f"post:{boost}")["data"]["deleted"]


async def test_deleting_a_post_buries_its_boosts_and_unmarks_who_made_them(
    harness: PostsHarness,
) -> None:
    ann = harness.add_user("ann")
    people = [harness.add_user(f"p{n}") for n in range(15)]
    id = await ann.create_post()
    made = [(await boosts(person, id)).post.id for person in people]
    await harness.cluster.settle()
    await ann.request_ok("DELETE", f"/posts/{id}")
    assert await people[0].get_status(made[0]) == 404
    await harness.cluster.settle()
    state = harness.cluster.state("posts")
    assert all(state.peek(f"post:{boost}")["data"]["deleted"] for boost in made)
    await check(state)
    last = {
        e["subject"]: e["data"]["total"] for e in harness.cluster.broker.events("author-counts")
    }
    assert {last[person.id] for person in people} == {0}


async def test_a_post_deleted_while_it_is_boosted_leaves_no_boost(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    id = await ann.create_post()
    held, go_on = asyncio.Event(), asyncio.Event()

    async def hold(call: Any) -> None:
        if call.name == "compare_and_set" and call.about[0].startswith("mark:"):
            held.set()
            await go_on.wait()

    harness.posts.sidecar.state.faults.before.append(hold)
    boosting = asyncio.create_task(boosts(bob, id))
    await held.wait()
    await ann.request_ok("DELETE", f"/posts/{id}")
    await harness.cluster.settle()
    go_on.set()
    await boosting
    await harness.cluster.settle()
    await check(harness.cluster.state("posts"))
    assert (await bob.request("GET", f"/posts/{(await boosting).post.id}")).status == 404


@pytest.mark.parametrize(
    ("verb", "about", "nth"),
    [
        (verb, *where)
        for verb in ("reblog", "unreblog")
        for where in (("journal:", 1), ("journal:", 2), ("mark:", 2), ("post:", 2))
    ]
    + [("unreblog", "post:", 3)],
)
async def test_a_crash_anywhere_in_boosting_leaves_one_boost_or_none(
    harness: PostsHarness, verb: str, about: str, nth: int
) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    id = await ann.create_post()
    if verb == "unreblog":
        await boosts(bob, id)
    await harness.cluster.settle()
    state = harness.cluster.state("posts")
    for after in (False, True):
        harness.cluster.broker.hold()
        harness.posts.sidecar.state.faults.crash(about=about, nth=nth, after=after)
        with pytest.raises(TimeoutError):
            await bob.request("POST", f"/posts/{id}/{verb}", deadline=0.2)
        await harness.posts.kill()
        harness.posts = await harness.cluster.start(posts_app, "posts")
        harness.cluster.broker.release()
        await harness.cluster.settle(3)
        await check(state)
        if verb == "unreblog":
            await boosts(bob, id)
        else:
            await bob.request_ok("POST", f"/posts/{id}/unreblog")
        await harness.cluster.settle()
        await check(state)


ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 1), st.sampled_from(["reblog", "reblog", "unreblog"])
    ),
    max_size=16,
)


@settings(max_examples=12)
@given(ACTIONS, st.integers(0, 1000), st.sets(st.integers(0, 40)), st.booleans())
def test_marks_boosts_lists_and_counts_agree_whatever_runs_into_what(
    actions: list[tuple[int, int, str]], seed: int, lost: set[int], deletes: bool
) -> None:
    asyncio.run(_storm(actions, seed, lost, deletes=deletes))


async def _storm(
    actions: list[tuple[int, int, str]], seed: int, lost: set[int], *, deletes: bool
) -> None:
    chance = random.Random(seed)  # noqa: S311

    async def dawdle(_: Any) -> None:
        for _turn in range(chance.choice((0, 0, 1, 5, 30))):
            await asyncio.sleep(0)

    async with FakeCluster() as cluster:
        harness = await PostsHarness.start(cluster)
        other = await cluster.start(posts_app, "posts")
        for replica in (harness.posts, other):
            replica.sidecar.state.faults.before.append(dawdle)
        people = [harness.add_user(name) for name in ("ann", "bob", "cid")]
        posts = [await people[0].create_post(str(n)) for n in range(2)]
        numbers = iter(range(10_000))
        cluster.broker.loses = lambda _: next(numbers) in lost
        cluster.broker.copies = 2

        async def act(person: PostsUser, path: str) -> None:
            harness.posts, replica = other, harness.posts  # both replicas are asked
            answer = await replica.call("POST", path, token=person.token)
            harness.posts = replica
            assert answer.status in (200, 404, 503), answer.text

        tasks = [
            asyncio.create_task(act(people[who], f"/posts/{posts[post]}/{verb}"))
            for who, post, verb in actions
        ]
        if deletes:
            await people[0].request("DELETE", f"/posts/{posts[0]}")
        await asyncio.gather(*tasks)
        await cluster.settle(3)
        await check(cluster.state("posts"))
        alive = [
            id for id in posts if not cluster.state("posts").peek(f"post:{id}")["data"]["deleted"]
        ]
        for person in people:  # and each can still do what they like
            for id in alive:
                assert (await boosts(person, id)).reblogged
        await cluster.settle(3)
        await check(cluster.state("posts"))


async def check(state: FakeState) -> None:
    """Check that interactions and lists agree with the boost posts."""
    posts = [state.peek(key)["data"] for key in state.keys("post:")]
    gone = {post["id"] for post in posts if post["deleted"]}
    alive = [post for post in posts if not post["deleted"]]
    boosts = [post for post in alive if post["reblog_of_id"]]
    for boost in boosts:
        assert boost["reblog_of_id"] not in gone
    made = {(post["author"], post["reblog_of_id"]): post["id"] for post in boosts}
    assert len(made) == len(boosts), "somebody boosts a post twice"
    marks = [state.peek(key)["data"] for key in state.keys("mark:")]
    on = {(m["user"], m["post"]): m["reblog"]["id"] for m in marks if m["reblog"]["on"]}
    assert on == made
    for key in state.keys("rebloggers:"):
        rows = await _rows(state, key)
        expected = {post["id"] for post in boosts if f"rebloggers:{post['reblog_of_id']}" == key}
        assert {row[0] for row in rows} == expected
        assert state.peek(key)["data"]["total"] == len(rows)
    for key in state.keys("authored:"):
        assert {row[0] for row in await _rows(state, key)} == {
            post["id"] for post in alive if f"authored:{post['author']}" == key
        }


async def test_boosting_costs_the_same_number_of_calls_at_any_number_of_boosts(
    harness: PostsHarness,
) -> None:
    ann = harness.add_user("ann")
    id = await ann.create_post()
    costs = set()
    for n in range(150):
        person = harness.add_user(f"p{n}")
        is_measured = n in (1, 149)
        if is_measured:
            await harness.cluster.settle()
            harness.cluster.broker.hold()
        calls = harness.state_call_count()
        await boosts(person, id)
        if is_measured:
            costs.add(harness.state_call_count() - calls)
            harness.cluster.broker.release()
    await harness.cluster.settle()
    assert costs == {3}
    assert (await ann.request_ok("GET", f"/posts/{id}"))["counts"]["reblogs"] == 150
    first = await ann.request_ok("GET", f"/posts/{id}/reblogged_by", params={"limit": "80"})
    params = {"limit": "80", "max_id": first["ids"][-1]}
    second = await ann.request_ok("GET", f"/posts/{id}/reblogged_by", params=params)
    assert len({*first["accounts"], *second["accounts"]}) == 150


# ── pins ────────────────────────────────────────────────────────────────────────────────────


async def test_pins_are_ones_own_few_and_newest_first(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    ids = [await ann.create_post(str(n)) for n in range(limits.MAX_PINS + 1)]
    views = await asyncio.gather(*(ann.request("POST", f"/posts/{id}/pin") for id in ids))
    assert sorted(view.status for view in views) == [200] * limits.MAX_PINS + [422]
    pinned = [v["post"]["id"] for v in await bob.request_ok("GET", f"/accounts/{ann.id}/pins")]
    assert len(pinned) == limits.MAX_PINS
    assert [view["pinned"] for view in await ann.request_ok("GET", f"/accounts/{ann.id}/pins")] == (
        [True] * limits.MAX_PINS
    )
    assert not any(v["pinned"] for v in await bob.request_ok("GET", f"/accounts/{ann.id}/pins"))
    await ann.request_ok("DELETE", f"/posts/{pinned[0]}")
    (left,) = set(ids) - set(pinned)
    assert (await ann.request_ok("POST", f"/posts/{left}/pin"))["pinned"] is True
    now = [v["post"]["id"] for v in await bob.request_ok("GET", f"/accounts/{ann.id}/pins")]
    assert now == [left, *pinned[1:]]
    for _ in range(2):
        assert (await ann.request_ok("POST", f"/posts/{left}/unpin"))["pinned"] is False
    assert not (await ann.request_ok("GET", f"/posts/{left}"))["pinned"]
    await harness.cluster.settle()
    published = harness.cluster.broker.events("pins")[-1]
    assert (published["subject"], published["data"]) == (
        ann.id,
        {"account": ann.id, "posts": pinned[1:]},
    )


async def test_pinned_posts_are_shown_to_who_may_see_them(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    open_, closed = await ann.create_post(), await ann.create_post(visibility="private")
    for id in (open_, closed):
        await ann.request_ok("POST", f"/posts/{id}/pin")
    assert [v["post"]["id"] for v in await bob.request_ok("GET", f"/accounts/{ann.id}/pins")] == [
        open_
    ]
    direct = await ann.create_post("@bob", visibility="direct")
    boost = (await boosts(ann, open_)).post.id
    for person, id in ((ann, direct), (ann, boost), (bob, open_)):
        assert (await person.request("POST", f"/posts/{id}/pin")).status == 422
    assert (await bob.request("POST", f"/posts/{closed}/pin")).status == 404
    harness.neighbours.blocks.add((ann.id, bob.id))
    assert await bob.request_ok("GET", f"/accounts/{ann.id}/pins") == []
