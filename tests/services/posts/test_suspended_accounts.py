"""Suspension hides posts until it is lifted; administrators can delete any post."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence

import pytest

from services.posts.application import suspended_accounts
from services.posts.domain.suspensions import SuspensionList, SuspensionState
from tests.fakes import FakeCluster
from tests.services.posts.harness import PostsHarness, PostsUser


@pytest.fixture
async def harness() -> AsyncIterator[PostsHarness]:
    async with FakeCluster() as cluster:
        yield await PostsHarness.start(cluster)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspended_accounts, "LIST_TTL", 0.0)


async def seen_by(reader: PostsUser, posts: Sequence[str]) -> set[int]:
    answers = {await reader.get_status(id) for id in posts}
    asked = await reader.request_ok("GET", "/posts", params={"ids": ",".join(posts)})
    assert bool(asked) == (answers == {200})
    return answers


async def test_a_suspension_hides_posts_everywhere_until_it_is_lifted(
    harness: PostsHarness,
) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    root = await bob.create_post("root")
    reply = await ann.create_post("a reply", in_reply_to_id=root)
    plain = await ann.create_post("plain")
    await bob.request_ok("POST", f"/posts/{plain}/favourite")
    await bob.request_ok("POST", f"/posts/{plain}/bookmark")
    await harness.cluster.settle()

    async def lengths() -> list[int]:
        liked = await bob.request_ok("GET", "/favourites")
        kept = await bob.request_ok("GET", "/bookmarks")
        return [len(liked["ids"]), len(kept["ids"])]

    assert await lengths() == [1, 1]
    await ann.set_suspended()
    assert await seen_by(bob, [reply, plain]) == {404}
    assert await lengths() == [0, 0]
    refused = await bob.request("POST", "/posts", json={"text": "to her", "in_reply_to_id": reply})
    assert refused.status == 404
    assert (await bob.request("POST", f"/posts/{plain}/favourite")).status == 404
    await ann.set_suspended(suspended=False)
    assert await seen_by(bob, [reply, plain]) == {200}
    assert await lengths() == [1, 1]


async def test_events_in_any_order_and_repeated_end_the_same(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    post = await ann.create_post()
    for order in itertools.permutations(range(3)):
        harness.cluster.broker.hold()
        await ann.set_suspended()
        await ann.set_suspended(suspended=False)
        await ann.set_suspended()
        harness.cluster.broker.release(seed=sum(n * 7**i for i, n in enumerate(order)))
        await harness.cluster.settle()
        assert await bob.get_status(post) == 404
        await ann.set_suspended(suspended=False)
        assert await bob.get_status(post) == 200


async def test_the_list_of_suspensions_is_cached(
    harness: PostsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = harness.add_user("ann")
    post = await ann.create_post()
    monkeypatch.setattr(suspended_accounts, "LIST_TTL", 3600.0)
    await ann.get_status(post)
    calls = harness.posts.sidecar.state.faults.calls
    before = len(calls)
    for _ in range(10):
        await ann.get_status(post)
    assert not [call for call in calls[before:] if call.about == ("suspended:all",)]


async def test_the_known_suspensions_stay_while_the_store_fails(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    post, other = await ann.create_post(), await bob.create_post()
    await ann.set_suspended()
    assert await bob.get_status(post) == 404
    harness.posts.sidecar.state.faults.fail("get", about="suspended:", times=4)
    assert await bob.get_status(post) == 404
    assert await bob.get_status(other) == 200


async def test_admins_delete_any_post_and_others_only_their_own(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    judge = harness.add_user("judge", "admin:write")
    for more in ({}, {"visibility": "private"}, {"visibility": "direct"}):
        post = await ann.create_post("bad", **more)
        assert (await bob.request("DELETE", f"/posts/{post}")).status in (403, 404)
        assert (await judge.request_ok("DELETE", f"/posts/{post}"))["post"]["text"] == "bad"
        assert await ann.get_status(post) == 404
        assert (await judge.request("DELETE", f"/posts/{post}")).status == 200  # a repeat
    assert (await judge.request("DELETE", "/posts/77")).status == 404
    assert (await judge.request("PUT", f"/posts/{await ann.create_post()}", json={})).status == 403
    reader = harness.add_user("reader", "admin:read")
    assert (await reader.request("DELETE", f"/posts/{await ann.create_post()}")).status == 403


def test_the_newer_suspension_state_is_kept() -> None:
    old, new = SuspensionState(1, suspended=True), SuspensionState(2, suspended=False)
    assert old.newer_of(new) == new.newer_of(old) == new
    both = SuspensionList(("1", "2"))
    assert both.with_account("1", suspended=True) is both
    assert both.with_account("1", suspended=False) == SuspensionList(("2",))
