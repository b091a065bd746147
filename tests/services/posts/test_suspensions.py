"""Who is suspended is out of sight, and comes back whole; admins delete what others posted."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence

import pytest

from services.posts import suspensions
from services.posts.suspensions import Standing, Suspended
from tests.fakes import World
from tests.services.posts.world import Person, Town


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with World() as world:
        yield await Town.start(world)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspensions, "FRESH", 0.0)


async def seen_by(reader: Person, posts: Sequence[str]) -> set[int]:
    answers = {await reader.sees(id) for id in posts}
    asked = await reader.does("GET", "/posts", params={"ids": ",".join(posts)})
    assert bool(asked) == (answers == {200})
    return answers


async def test_posts_are_gone_everywhere_and_all_come_back(town: Town) -> None:
    ann, bob = town.person("ann"), town.person("bob")
    root = await bob.makes("root")
    reply = await ann.makes("a reply", in_reply_to_id=root)
    plain = await ann.makes("plain")
    await bob.does("POST", f"/posts/{plain}/favourite")
    await bob.does("POST", f"/posts/{plain}/bookmark")
    await town.world.settle()

    async def lengths() -> list[int]:
        liked = await bob.does("GET", "/favourites")
        kept = await bob.does("GET", "/bookmarks")
        return [len(liked["ids"]), len(kept["ids"])]

    assert await lengths() == [1, 1]
    await ann.is_suspended()
    assert await seen_by(bob, [reply, plain]) == {404}
    assert await lengths() == [0, 0]
    refused = await bob.ask("POST", "/posts", json={"text": "to her", "in_reply_to_id": reply})
    assert refused.status == 404
    assert (await bob.ask("POST", f"/posts/{plain}/favourite")).status == 404
    await ann.is_suspended(suspended=False)
    assert await seen_by(bob, [reply, plain]) == {200}
    assert await lengths() == [1, 1]


async def test_news_in_any_order_and_twice_end_the_same(town: Town) -> None:
    ann, bob = town.person("ann"), town.person("bob")
    post = await ann.makes()
    for order in itertools.permutations(range(3)):
        town.world.broker.hold()
        await ann.is_suspended()
        await ann.is_suspended(suspended=False)
        await ann.is_suspended()
        town.world.broker.release(seed=sum(n * 7**i for i, n in enumerate(order)))
        await town.world.settle()
        assert await bob.sees(post) == 404
        await ann.is_suspended(suspended=False)
        assert await bob.sees(post) == 200


async def test_the_list_is_read_at_most_once_in_a_while(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = town.person("ann")
    post = await ann.makes()
    monkeypatch.setattr(suspensions, "FRESH", 3600.0)
    await ann.sees(post)
    calls = town.posts.sidecar.state.faults.calls
    before = len(calls)
    for _ in range(10):
        await ann.sees(post)
    assert not [call for call in calls[before:] if call.about == ("suspended:all",)]


async def test_without_the_list_what_is_known_stays(town: Town) -> None:
    ann, bob = town.person("ann"), town.person("bob")
    post, other = await ann.makes(), await bob.makes()
    await ann.is_suspended()
    assert await bob.sees(post) == 404
    town.posts.sidecar.state.faults.fail("get", about="suspended:", times=4)
    assert await bob.sees(post) == 404
    assert await bob.sees(other) == 200


async def test_admins_delete_any_post_and_others_only_their_own(town: Town) -> None:
    ann, bob = town.person("ann"), town.person("bob")
    judge = town.person("judge", "admin:write")
    for more in ({}, {"visibility": "private"}, {"visibility": "direct"}):
        post = await ann.makes("bad", **more)
        assert (await bob.ask("DELETE", f"/posts/{post}")).status in (403, 404)
        assert (await judge.does("DELETE", f"/posts/{post}"))["post"]["text"] == "bad"
        assert await ann.sees(post) == 404
        assert (await judge.ask("DELETE", f"/posts/{post}")).status == 200  # a repeat
    assert (await judge.ask("DELETE", "/posts/77")).status == 404
    assert (await judge.ask("PUT", f"/posts/{await ann.makes()}", json={})).status == 403
    reader = town.person("reader", "admin:read")
    assert (await reader.ask("DELETE", f"/posts/{await ann.makes()}")).status == 403


def test_of_two_the_newer_counts() -> None:
    old, new = Standing(1, suspended=True), Standing(2, suspended=False)
    assert old.heard(new) == new.heard(old) == new
    both = Suspended(("1", "2"))
    assert both.having("1", suspended=True) is both
    assert both.having("1", suspended=False) == Suspended(("2",))
